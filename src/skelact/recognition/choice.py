"""Which classifier is worth most on people, or recordings, that it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.evaluation.logistic import LogisticRegression, fit_path
from skelact.models.sizes import Pooling
from skelact.recognition.description import Kind
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.training.randomness import generator_for

NUM_FOLDS = 5
L2 = 0.01
"""Strength of the regularisation of the linear layer: among the training people of NW-UCLA, 2 to 10 examples
a class, within 0.8 points of the best of 1, 0.1, 0.01 and 0.001 (``benchmarks/few_examples.py``)."""
_STEPS, _TOLERANCE = 300, 1e-5
_WIDTH_95 = 1.959964
_WORDS: Mapping[Kind, str] = {
    "neighbours": "nearest neighbours",
    "linear": "linear layer",
    "finetune": "fine-tuned",
}
_POOLED: Mapping[Pooling, str] = {
    "mean": "mean feature",
    "joints": "joints apart",
    "bodies": "people apart",
    "joints-and-bodies": "joints and people apart",
}


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
        if (column < 0).any() or len(np.unique(column)) < 2:
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


@dataclass(frozen=True, eq=False)
class Measured:
    """What a way to classify makes of recordings that it did not learn from."""

    kind: Kind
    pooling: Pooling
    scores: Tensor
    """(N, K)."""
    distances: Tensor
    """(N,) to the nearest example that was learned from."""
    tested: Tensor
    """(N,) bool: which recordings were tested at all."""
    labels: Tensor
    """(N,) the true classes."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        return (
            _WORDS[self.kind] if self.kind == "finetune" else f"{_WORDS[self.kind]}, {_POOLED[self.pooling]}"
        )

    @property
    def num_tested(self) -> int:
        """Recordings that were tested."""
        return int(self.tested.sum())

    @property
    def num_right(self) -> int:
        """Those of them that were recognised."""
        return int((self.scores.argmax(1) == self.labels)[self.tested].sum())

    @property
    def accuracy(self) -> float:
        """Share of the tested recordings that were recognised."""
        return self.num_right / self.num_tested


def measure(pooling: Pooling, examples: Examples, folds: Folds) -> list[Measured]:
    """Classify the recordings of each fold by those of all others.

    Args:
        pooling: that of the features, for the account.
        examples: all recordings.
        folds: who is tested with whom.

    Returns:
        What nearest neighbours make of them, and a linear layer.
    """
    labels, num = examples.labels, len(examples.labels)
    nearest = torch.full((num, examples.num_classes), torch.inf)
    scores = torch.full((num, examples.num_classes), -torch.inf)
    tested = torch.zeros(num, dtype=torch.bool)
    for fold in range(folds.num):
        train, test = folds.learns(fold, labels)
        if not test.any():
            continue
        known, asked = examples.part(train), examples.features[test]
        nearest[test] = Neighbours.of(known).distances(asked)
        scores[test] = fit_linear(known)(asked)
        tested |= test
    distances = nearest.min(1).values
    return [
        Measured("neighbours", pooling, -nearest, distances, tested, labels),
        Measured("linear", pooling, scores, distances, tested, labels),
    ]


def fit_linear(examples: Examples) -> LogisticRegression:
    """Return the linear layer that examples teach."""
    (layer,) = fit_path(
        examples.features,
        examples.labels,
        examples.num_classes,
        [L2],
        max_iterations=_STEPS,
        tolerance=_TOLERANCE,
    )
    return layer


def best_of(candidates: Sequence[Measured]) -> Measured:
    """Return the one that recognises most; of equals the first, so the simplest stand first."""
    return max(candidates, key=lambda each: each.num_right)


def share_interval(right: int, num: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, ``right`` of ``num``.

    Source: Wilson, JASA 22, 1927. It takes recordings to be independent, which those of one person are not.
    """
    share, square = right / num, _WIDTH_95**2
    middle = (share + square / (2 * num)) / (1 + square / num)
    width = _WIDTH_95 / (1 + square / num) * (share * (1 - share) / num + square / (4 * num**2)) ** 0.5
    return max(0.0, middle - width), min(1.0, middle + width)


def table(candidates: Sequence[Measured], chosen: Measured) -> list[str]:
    """Return a line for every candidate: its name, accuracy and interval, and which was chosen."""
    width = max(len(each.name) for each in candidates)
    lines = []
    for each in candidates:
        low, high = share_interval(each.num_right, each.num_tested)
        mark = "  <- chosen" if each is chosen else ""
        lines.append(
            f"{each.name:<{width}}  {100 * each.accuracy:5.1f} %  ({100 * low:.1f} to {100 * high:.1f}){mark}"
        )
    return lines
