"""What a store holds, counted: sequences of every class and of every value of an attribute, lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skelact.formats.intervals import END, START
from skelact.store.store import Store

MOST_VALUES = 150
"""An attribute with more values than this (a recording's number) is not shown value by value."""


def grouping_attributes(store: Store) -> list[str]:
    """Return the attributes that group sequences: all but the ends of labelled intervals."""
    return [name for name in store.attribute_names if name not in (START, END)]


def class_counts(store: Store) -> dict[str, int]:
    """Return the number of sequences of every class, by name, in the order of the labels."""
    labels = np.asarray(store.labels)
    counts = np.bincount(labels[labels >= 0], minlength=len(store.class_names))
    return dict(zip(store.class_names, counts.tolist(), strict=True))


def attribute_counts(store: Store, name: str) -> dict[str, int]:
    """Return the number of sequences for every value of the attribute ``name`` that occurs, ascending.

    Values go by their names where they have any. Sequences whose value is not known are not counted.
    """
    column = np.asarray(store.attribute(name))
    values, counts = np.unique(column[column >= 0], return_counts=True)
    names = store.attribute_values(name)
    shown = values.tolist() if names is None else [names[value] for value in values.tolist()]
    return dict(zip(map(str, shown), counts.tolist(), strict=True))


def body_counts(store: Store) -> dict[str, int]:
    """Return the number of sequences for every number of bodies, ascending."""
    values, counts = np.unique(store.array("num_bodies"), return_counts=True)
    return dict(zip(map(str, values.tolist()), counts.tolist(), strict=True))


def lengths(store: Store) -> npt.NDArray[np.int64]:
    """Return (N,) the number of frames of each sequence in which a body is present."""
    return np.diff(store.array("frame_start"))
