"""The settings of a training run, whatever is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from skelact.errors import ConfigurationError

NUMERICALLY_NEUTRAL = ("workers", "checkpoint_every", "keep_checkpoints", "tensorboard", "logger")
"""Settings of a training that change no number, so that a resumed run may have others."""
ROUNDING_ONLY = ("devices", "nodes", "accelerator", "compile")
"""Settings that change the order of additions, and, where a model drops numbers or blocks by chance or has
batch norms, what each process draws: results that differ in them are of one method, and a run that is resumed
may have others."""

Resume = bool | Literal["auto"]
"""Whether a run goes on; ``auto``: it does where it has begun, so that a cluster may repeat the command."""
MOST_RATE = 1e6
"""Largest learning rate that is taken; float32 has no number for every larger one."""


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
    """Whether position tables and a decoder's mask token decay too, as in the published runs."""
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
    nodes: int = 1
    """Machines, on each of which torchrun or srun starts the command; elastic torchrun may have fewer."""
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
    logger: Literal["wandb", "mlflow"] | None = None
    """Where numbers and figures go, too: Weights & Biases or MLflow; their variables say where that is."""

    def __post_init__(self) -> None:
        for name in (
            "epochs",
            "batch_size",
            "devices",
            "nodes",
            "accumulate",
            "checkpoint_every",
            "keep_checkpoints",
        ):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, expected 1 or more")
        if not (0 <= self.lr <= MOST_RATE and 0 <= self.min_lr <= MOST_RATE):
            raise ConfigurationError(
                f"training.lr, training.min_lr are {self.lr}, {self.min_lr}: expected none below zero "
                f"and none above {MOST_RATE:g}"
            )
        if self.min_lr > self.lr:
            raise ConfigurationError(
                f"training.min_lr is {self.min_lr:g}, above training.lr {self.lr:g}: the rate would rise; "
                "give a --training.min_lr as well"
            )
        for name in ("weight_decay", "momentum", "beta1", "beta2"):
            if not 0 <= getattr(self, name) < math.inf:
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

    def without_effect(self) -> set[str]:
        """Return the settings that do nothing beside the others."""
        found = {"momentum"} if self.optimiser == "adamw" else {"beta1", "beta2"}
        return found if self.weight_decay else found | {"decay_tables"}

    def rate(self, epoch: float) -> float:
        """Return the learning rate at ``epoch``, counted in fractions: epoch + iteration / iterations.

        It rises linearly from zero. Then it falls along half a cosine, or stays until it drops at once.
        """
        warmup = self.warmup_share * self.epochs
        if epoch < warmup:
            return self.lr * epoch / warmup
        if self.drop_share is not None:
            # a share of the epochs, such as 5/6 of 300, may lie a rounding error beyond the whole number
            return self.lr if epoch < self.drop_share * self.epochs - 1e-6 else self.min_lr
        if warmup == self.epochs:
            return self.lr
        progress = (epoch - warmup) / (self.epochs - warmup)
        return self.min_lr + (self.lr - self.min_lr) * 0.5 * (1 + math.cos(math.pi * progress))
