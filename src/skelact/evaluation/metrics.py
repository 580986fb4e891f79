"""How well scores tell classes apart: top-1, top-5, accuracy by class, confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.errors import DataError

TOP = 5


@dataclass(frozen=True)
class ClassificationMetrics:
    """Accuracies of one evaluation, as shares in [0, 1], over K classes."""

    top1: float
    """Share of the sequences whose own class has the highest score."""
    top5: float
    """Share of the sequences whose own class is among the five best; of all classes where K < 5."""
    per_class: npt.NDArray[np.float64]
    """(K,) top-1 of each class's sequences; NaN for a class without any."""
    confusion: npt.NDArray[np.int64]
    """(K, K) number of sequences by true class (row) and predicted class (column)."""
    scores: npt.NDArray[np.float32] = field(repr=False)
    """(N, K) the scores that were compared; result files keep them beside the numbers."""
    labels: npt.NDArray[np.int64] = field(repr=False)
    """(N,) the sequences' true classes."""

    @property
    def num_sequences(self) -> int:
        """Number of sequences that were scored."""
        return int(self.confusion.sum())

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of ``per_class`` over the classes that occur."""
        return float(np.nanmean(self.per_class))

    def to_dict(self) -> dict[str, object]:
        """Return the accuracies ready for JSON; that of a class that does not occur is None."""
        return {
            "top1": self.top1,
            "top5": self.top5,
            "mean_class_accuracy": self.mean_class_accuracy,
            "num_sequences": self.num_sequences,
            "per_class": [None if np.isnan(share) else share for share in self.per_class.tolist()],
            "confusion": self.confusion.tolist(),
        }


def evaluate_scores(scores: Tensor, labels: Tensor, num_classes: int) -> ClassificationMetrics:
    """Compare class scores with the truth.

    Of classes with equal scores the first counts as the higher one. A class scored minus infinity is ruled
    out: it is never among the best.

    Args:
        scores: (N, K), higher for a likelier class.
        labels: (N,) true classes, in [0, K).
        num_classes: the number of classes K of the data set.

    Raises:
        DataError: no sequence, shapes that do not fit, a score that is not a number, or a label that is not
            a class.
    """
    if scores.ndim != 2 or scores.shape[1] != num_classes or labels.shape != scores.shape[:1]:
        raise DataError(
            f"scores of shape {tuple(scores.shape)} and labels of shape {tuple(labels.shape)}: "
            f"expected (sequences, {num_classes} classes) and (sequences,)"
        )
    if len(scores) == 0:
        raise DataError("there is no sequence to evaluate on; the test side of the protocol is empty")
    if scores.isnan().any():
        row = int(scores.isnan().any(1).nonzero()[0])
        raise DataError(f"sequence {row} has a score that is not a number; did the training diverge?")
    check_classes(labels, num_classes)
    labels = labels.long()
    own = scores.gather(1, labels[:, None])
    comes_first = torch.arange(num_classes, device=scores.device) < labels[:, None]
    rank = ((scores > own) | ((scores == own) & comes_first)).sum(1)  # 0 is the best
    possible = own[:, 0] > -torch.inf
    pairs = labels * num_classes + scores.argmax(1)
    confusion = torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes).cpu().numpy()
    occurring = confusion.sum(1)
    per_class = np.full(num_classes, np.nan)
    np.divide(confusion.diagonal(), occurring, out=per_class, where=occurring > 0)
    return ClassificationMetrics(
        top1=float(confusion.trace() / len(scores)),
        top5=float(((rank < TOP) & possible).double().mean()),
        per_class=per_class,
        confusion=confusion,
        scores=scores.detach().float().cpu().numpy(),
        labels=labels.cpu().numpy(),
    )


def check_classes(labels: Tensor, num_classes: int) -> None:
    """Raise DataError unless every label is an index of a class."""
    wrong = ((labels < 0) | (labels >= num_classes)).nonzero()
    if len(wrong):
        place = int(wrong[0])
        raise DataError(
            f"sequence {place} has label {int(labels[place])}, which is not one of the classes "
            f"0 to {num_classes - 1}; leave out sequences without a label"
        )
