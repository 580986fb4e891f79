"""The option that chooses classes, for figures of some classes' sequences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jsonargparse import ArgumentParser

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.store.store import Store


class Chosen(NamedTuple):
    """What is to be shown."""

    sequences: npt.NDArray[np.int64]
    """(N,) sequences of the store, in the order in which they were given."""
    classes: list[int]
    """Their classes, in the order in which they were named; else in the store's."""


def add_argument(parser: ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument("--classes", type=list[str] | None, help="names of the classes to show; default: all")


def of_classes(store: Store, test: npt.NDArray[np.int64], names: list[str] | None) -> Chosen:
    """Return the test sequences of the classes named, or all that have a label.

    Raises:
        ConfigurationError: a class that the store does not have, or a list that names none.
        DataError: no test sequence of a class, or none with a label.
    """
    labels = np.asarray(store.labels)[test]
    if names is None:
        wanted = labels >= 0
        if not wanted.any():
            raise DataError(f"{store.path}: no test sequence has a label, so there is no class to show")
        return Chosen(test[wanted], np.unique(labels[wanted]).tolist())
    if not names:
        raise ConfigurationError("--classes names no class; leave it out to show all")
    for name in names:
        if name not in store.class_names:
            raise ConfigurationError(f"{store.path}: no class {name!r}{suggest(name, store.class_names)}")
        if store.class_names.index(name) not in labels:
            raise DataError(f"{store.path}: no test sequence of {name!r}; leave it out of --classes")
    classes = [store.class_names.index(name) for name in dict.fromkeys(names)]
    return Chosen(test[np.isin(labels, classes)], classes)
