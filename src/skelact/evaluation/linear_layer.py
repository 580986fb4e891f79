"""A linear classifier on standardised features, whatever fitted it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
