"""Who is tested by a classifier that has not seen them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.store.store import Store
from skelact.training.randomness import generator_for

NUM_FOLDS = 5
PEOPLE = ("subject", "pair")
"""Attributes of sequences that say who was recorded, the first that is known counts."""


@dataclass(frozen=True)
class Folds:
    """Who is tested with whom."""

    number: npt.NDArray[np.int64]
    """(N,) the fold of each recording, from 0."""
    rule: str
    """What the folds are, for people: ``5 folds by subject, 10 of them``."""

    def learns(self, fold: int, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N,) which recordings a fold learns from, and which of the others can be tested.

        A recording of a class of which the fold learns nothing is not tested.
        """
        train = torch.from_numpy(self.number != fold)
        known = torch.isin(labels, labels[train])
        return train, ~train & known

    @property
    def num(self) -> int:
        """Number of folds."""
        return int(self.number.max()) + 1


def make_folds(labels: npt.NDArray[Any], people: Mapping[str, npt.NDArray[Any]]) -> Folds:
    """Divide recordings so that nobody is tested by a classifier that has seen them, where that can be.

    Args:
        labels: (N,) classes.
        people: (N,) numbers that tell who was recorded, -1 where unknown, by their names.

    Returns:
        Folds by the first of ``people`` that is known of all and of which every class has two; otherwise by
        recordings, of every class about equally many in each.
    """
    why = "who was recorded is not known"
    for name, column in people.items():
        if (column < 0).any():
            continue
        if len(np.unique(column)) < 2:
            why = f"there is one {name} only"
            continue
        if all(len(np.unique(column[labels == label])) > 1 for label in np.unique(labels)):
            number = _grouped(column)
            return Folds(number, f"{number.max() + 1} folds by {name}, {len(np.unique(column))} of them")
        why = f"some class has one {name} only"
    number = _stratified(labels)
    return Folds(number, f"{number.max() + 1} folds by recording, for {why}")


def _grouped(column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Put each value into the fold of the fewest recordings, the most frequent value first."""
    values, places, counts = np.unique(column, return_inverse=True, return_counts=True)
    sizes = np.zeros(min(NUM_FOLDS, len(values)), np.int64)
    fold_of = np.empty(len(values), np.int64)
    for value in np.argsort(-counts, kind="stable"):
        fold_of[value] = sizes.argmin()
        sizes[fold_of[value]] += counts[value]
    return fold_of[places]


def _stratified(labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Deal the recordings of each class out, in an order drawn once and for all."""
    most = int(np.unique(labels, return_counts=True)[1].max())
    num = min(NUM_FOLDS, most)
    order = torch.randperm(len(labels), generator=generator_for(0, "folds")).numpy()
    number = np.empty(len(labels), np.int64)
    start = 0
    for label in np.unique(labels):
        own = order[labels[order] == label]
        number[own] = (start + np.arange(len(own))) % num
        start += len(own)
    return number


def people_of(store: Store) -> dict[str, npt.NDArray[Any]]:
    """Return (N,) numbers that tell who a store's sequences show, -1 where unknown, by their names."""
    return {name: np.asarray(store.attribute(name)) for name in PEOPLE if name in store.attribute_names}
