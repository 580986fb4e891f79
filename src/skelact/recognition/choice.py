"""Which classifier is worth most on people, or recordings, that it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from skelact.evaluation.folds import Folds
from skelact.evaluation.linear_layer import LinearLayer
from skelact.evaluation.ridge import fit_ridge
from skelact.models.sizes import Pooling
from skelact.recognition.description import Kind
from skelact.recognition.neighbours import Examples, Neighbours

L2 = 0.03
"""Strength of the regularisation of the linear layer: among the training people of MSR Action3D, NW-UCLA and
SBU, 2 to 10 examples a class, within 1 point of the best of 0.3, 0.1, 0.03 and 0.01
(``benchmarks/few_examples.py``)."""
_WIDTH_95 = 1.959964
_WORDS: Mapping[Kind, str] = {
    "neighbours": "nearest neighbours",
    "linear": "linear layer",
    "finetune": "fine-tuned",
}
_POOLED: Mapping[Pooling, str] = {
    "mean": "mean feature",
    "joints": "joints apart",
    "moments": "moments of joints",
    "bodies": "people apart",
    "joints-and-bodies": "joints and people apart",
    "moments-and-bodies": "moments of joints, people apart",
}


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


def fit_linear(examples: Examples) -> LinearLayer:
    """Return the linear layer that examples teach."""
    (layer,) = fit_ridge(*examples.lessons(), examples.num_classes, [L2])
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
