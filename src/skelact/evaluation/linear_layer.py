"""A linear classifier on standardised features, whatever fitted it, and what an evaluation says of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skelact.errors import DataError
from skelact.evaluation.metrics import ClassificationMetrics, check_classes


@dataclass(frozen=True)
class LayerMetrics(ClassificationMetrics):
    """The accuracies of a layer, and how its strength was chosen."""

    l2: float
    """The strength that was chosen."""
    held_out_accuracy: dict[float, float]
    """Accuracy on training sequences held out, by strength; empty where there was nothing to choose."""

    def to_dict(self) -> dict[str, object]:
        """Return the numbers ready for JSON."""
        return {
            **super().to_dict(),
            "l2": self.l2,
            "held_out_accuracy": {str(l2): share for l2, share in self.held_out_accuracy.items()},
        }


@dataclass(frozen=True)
class LinearLayer:
    """A linear classifier of K classes on standardised features."""

    weight: Tensor
    """(K, D)."""
    bias: Tensor
    """(K,) minus infinity for classes without a training sequence: they are ruled out."""
    mean: Tensor
    """(D,) of the training features."""
    scale: Tensor
    """(D,) their standard deviation; 1 where they do not vary."""
    l2: float
    """Strength of the regularisation, as the one that fitted it counts it."""
    converged: bool = True
    """Whether the gradient came below the tolerance before the steps ran out."""

    def __call__(self, features: Tensor) -> Tensor:
        """Return the (N, K) scores of (N, D) features, higher for a likelier class."""
        return torch.addmm(self.bias, (features - self.mean) / self.scale, self.weight.T)


def standardising(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (D,) mean of (N, D) features and the (D,) standard deviation, 1 where they do not vary."""
    scale = features.std(0, correction=0)
    return features.mean(0), torch.where(scale > 0, scale, 1.0)


def check_learnable(features: Tensor, labels: Tensor, num_classes: int) -> None:
    """Refuse (..., D) training features and (N,) labels of which no layer can learn K classes.

    Raises:
        DataError: a label of no class, features that are not finite, or of one class alone.
    """
    check_classes(labels, num_classes)
    if not features.isfinite().all():
        raise DataError("a training sequence has a feature that is not finite; did the pre-training diverge?")
    if len(torch.unique(labels)) < 2:
        raise DataError("all training sequences are of one class; a classifier needs two")
