"""Learning rates by training progress."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from skelact.errors import ConfigurationError


class Schedule(Protocol):
    """A learning rate over the training."""

    def rate(self, epoch: float) -> float:
        """Return the rate at ``epoch``, counted in fractions: epoch + iteration / iterations."""


@dataclass(frozen=True)
class WarmupCosine:
    """Linear warm-up from zero, then half a cosine; evaluated at every iteration.

    Raises:
        ConfigurationError: a negative rate, no epoch, or a warm-up longer than the training.
    """

    lr: float
    """Rate at the end of the warm-up."""
    min_lr: float
    """Rate at the end of the training."""
    warmup_epochs: float
    """Epochs of warm-up."""
    epochs: float
    """Epochs in all."""

    def __post_init__(self) -> None:
        if self.lr < 0 or self.min_lr < 0:
            raise ConfigurationError(f"learning rates {self.lr}, {self.min_lr}: expected none below zero")
        if self.epochs <= 0 or not 0 <= self.warmup_epochs <= self.epochs:
            raise ConfigurationError(
                f"{self.warmup_epochs} warm-up epochs of {self.epochs}: expected 0 <= warm-up <= epochs"
            )

    def rate(self, epoch: float) -> float:
        """Return the rate at ``epoch``, counted in fractions: epoch + iteration / iterations."""
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        if self.epochs == self.warmup_epochs:
            return self.lr
        progress = (epoch - self.warmup_epochs) / (self.epochs - self.warmup_epochs)
        return self.min_lr + (self.lr - self.min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class WarmupDrop:
    """Linear warm-up from zero, a constant rate, and one fall to a lower one.

    Raises:
        ConfigurationError: a negative rate, or a fall before the warm-up is over or after the training.
    """

    lr: float
    """Rate after the warm-up."""
    min_lr: float
    """Rate after the fall."""
    warmup_epochs: float
    """Epochs of warm-up."""
    drop_epoch: float
    """Epochs until the fall."""
    epochs: float
    """Epochs in all."""

    def __post_init__(self) -> None:
        if self.lr < 0 or self.min_lr < 0:
            raise ConfigurationError(f"learning rates {self.lr}, {self.min_lr}: expected none below zero")
        if not 0 <= self.warmup_epochs <= self.drop_epoch <= self.epochs or self.epochs <= 0:
            raise ConfigurationError(
                f"{self.warmup_epochs} warm-up epochs and a fall of the rate at epoch {self.drop_epoch} of "
                f"{self.epochs}: expected 0 <= warm-up <= fall <= epochs"
            )

    def rate(self, epoch: float) -> float:
        """Return the rate at ``epoch``, counted in fractions: epoch + iteration / iterations."""
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        # a share of the epochs, such as 5/6 of 300, may lie a rounding error beyond the whole number
        return self.lr if epoch < self.drop_epoch - 1e-6 else self.min_lr
