"""The settings of a training run, whatever is trained.

Learning rates by training progress.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

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


NUMERICALLY_NEUTRAL = ("workers", "checkpoint_every", "keep_checkpoints", "tensorboard")
"""Settings of a training that change no number, so that a resumed run may have others."""
ROUNDING_ONLY = ("devices", "accelerator", "compile")
"""Settings that change the order of additions alone: results that differ in them are of one method."""


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast, with what; the defaults are those of published masked pre-training.

    Raises:
        ConfigurationError: a number outside its range.
    """

    epochs: int = 400
    """Passes over the training sequences."""
    batch_size: int = 128
    """Sequences a step, over all devices together."""
    optimiser: Literal["adamw", "sgd"] = "adamw"
    """Optimiser."""
    lr: float = 1e-3
    """Learning rate after the warm-up; absolute, not scaled by the batch."""
    min_lr: float = 5e-4
    """Learning rate at the end."""
    drop_share: float | None = None
    """Share of the epochs after which the rate falls from lr to min_lr at once; None: it falls along half a
    cosine."""
    warmup_share: float = 0.05
    """Share of the epochs in which the rate rises linearly from zero."""
    weight_decay: float = 0.05
    """Weight decay; biases and norms are spared."""
    decay_tables: bool = False
    """Whether position tables and the mask token decay too, as in the published runs."""
    beta1: float = 0.9
    """AdamW: decay of the first moment."""
    beta2: float = 0.95
    """AdamW: decay of the second moment."""
    momentum: float = 0.9
    """SGD: momentum."""
    clip_grad: float | None = None
    """Largest norm of the gradient; None does not clip."""
    accumulate: int = 1
    """Parts in which a step computes its batch, to save memory; the gradients are those of the whole."""
    seed: int = 0
    """Decides the start, the order, the crops and the masks."""
    devices: int = 1
    """Devices of a machine; the command starts a process for each, unless torchrun or srun has."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""
    precision: Literal["32", "bf16"] = "32"
    """Arithmetic: float32, or bfloat16 where it is safe; weights and checkpoints stay float32."""
    compile: bool = False
    """Whether ``torch.compile`` makes one program of the model; pays in long runs."""
    workers: int = 1
    """Threads that make the next batches meanwhile; 0 makes each when it is needed. Changes no number."""
    checkpoint_every: int = 10
    """Epochs from one checkpoint to the next; the last epoch always makes one."""
    keep_checkpoints: int = 2
    """Checkpoints that are kept."""
    tensorboard: bool = True
    """Whether the run folder also gets ``tensorboard/``, with the numbers and figures."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "devices", "accumulate", "checkpoint_every", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("weight_decay", "momentum", "beta1", "beta2"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, expected 0 or more")
        if max(self.beta1, self.beta2, self.momentum) >= 1:
            raise ConfigurationError("training.beta1, beta2 and momentum must be below 1")
        if self.clip_grad is not None and self.clip_grad <= 0:
            raise ConfigurationError(f"training.clip_grad is {self.clip_grad}, expected more than 0")
        if self.batch_size % self.devices:
            raise ConfigurationError(
                f"training.batch_size {self.batch_size} does not divide among {self.devices} devices"
            )
        if not 0 <= self.warmup_share <= 1:
            raise ConfigurationError(f"training.warmup_share is {self.warmup_share}, expected 0 to 1")
        if self.drop_share is not None and not self.warmup_share <= self.drop_share <= 1:
            raise ConfigurationError(
                f"training.drop_share is {self.drop_share}, expected training.warmup_share "
                f"({self.warmup_share}) to 1, or null for a cosine"
            )
        for name in ("seed", "workers"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, expected 0 or more")
        if self.batch_size < self.devices * self.accumulate:
            raise ConfigurationError(
                f"training.batch_size {self.batch_size} is less than {self.devices} devices times "
                f"training.accumulate {self.accumulate}"
            )
        self.schedule()

    def schedule(self) -> Schedule:
        """Return the learning rate's schedule."""
        if self.drop_share is not None:
            warmup, drop = self.warmup_share * self.epochs, self.drop_share * self.epochs
            return WarmupDrop(self.lr, self.min_lr, warmup, drop, self.epochs)
        return WarmupCosine(self.lr, self.min_lr, self.warmup_share * self.epochs, self.epochs)
