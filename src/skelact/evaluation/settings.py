"""The settings of the evaluations that train."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError
from skelact.models.sizes import MaskedSizes, Pooling
from skelact.training.config import TrainingConfig

Balance = Literal["none", "sampling", "loss"]
"""How classes of unequal size are made to count alike, see :mod:`skelact.evaluation.balance`."""


@dataclass(frozen=True)
class LinearConfig:
    """What a configuration file of the linear evaluation may set."""

    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How the layer is trained."""
    pooling: Pooling = "mean"
    """What stands side by side in what the layer sees; published is the mean."""
    balance: Balance = "none"
    """Classes of unequal size count alike by sampling or by the loss."""


def _check_strengths(l2: Sequence[float]) -> None:
    if not l2 or not all(0 < strength < math.inf for strength in l2):
        raise ConfigurationError(f"l2 is {list(l2)}, expected at least one strength, each a number above 0")


@dataclass(frozen=True)
class FastLinearConfig:
    """Settings of the fast linear evaluation.

    Raises:
        ConfigurationError: a number outside its range.
    """

    crops: int = 0
    """Random training crops of each sequence, beside its centre crop."""
    l2: Sequence[float] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
    """Strengths of the regularisation to choose from."""
    held_out: float = 0.2
    """Share of the training sequences on which the strength is chosen."""
    max_iterations: int = 300
    """Steps of L-BFGS for each strength."""
    tolerance: float = 1e-5
    """L-BFGS ends where no entry of the gradient is larger."""
    seed: int = 0
    """Decides the crops and the sequences held out."""
    pooling: Pooling = "mean"
    """What stands side by side in what the layer sees; published is the mean."""
    balance: Literal["none", "loss"] = "none"
    """Classes of unequal size count alike by the loss, and where the strength is chosen."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "l2", tuple(self.l2))  # a list as files have it is the same
        for name, least in (("crops", 0), ("max_iterations", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected {least} or more")
        _check_strengths(self.l2)
        if not 0 < self.held_out < 1:
            raise ConfigurationError(f"held_out is {self.held_out}, expected a share between 0 and 1")
        if not self.tolerance > 0:
            raise ConfigurationError(f"tolerance is {self.tolerance}, expected more than 0")


@dataclass(frozen=True)
class RidgeConfig:
    """Settings of the evaluation by ridge regression.

    Raises:
        ConfigurationError: a strength that is not positive.
    """

    l2: Sequence[float] = (1.0, 0.3, 0.1, 0.03, 0.01)
    """Strengths of the regularisation to choose from, see :func:`skelact.evaluation.ridge.fit_ridge`."""
    pooling: Pooling = "moments"
    """What stands side by side in what the layer sees."""
    unlabelled: bool = False
    """Whether training sequences without a label teach as well, see
    :func:`skelact.evaluation.ridge.fit_with_unlabelled`."""
    seed: int = 0
    """Decides the weights of an untrained encoder."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "l2", tuple(self.l2))  # a list as files have it is the same
        _check_strengths(self.l2)


@dataclass(frozen=True)
class FinetuneConfig:
    """How a classifier is trained.

    Raises:
        ConfigurationError: a number outside its range.
    """

    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How long and how fast."""
    layer_decay: float = 0.8
    """Learning rate of an encoder layer by that of the one after it."""
    stochastic_depth: float = 0.3
    """How often a body skips the last block while training; earlier blocks less, the first never."""
    dropout: float = 0.3
    """Share of the features that the head does not see while training."""
    label_smoothing: float = 0.1
    """Share of the probability that is spread over all classes."""
    hidden_width: int = 2048
    """Size of the head's hidden layer."""
    test_every: int = 5
    """Epochs from one look at the test side to the next; the last epoch is the result whatever they show."""
    balance: Balance = "none"
    """Classes of unequal size count alike by sampling or by the loss."""

    def __post_init__(self) -> None:
        for name in ("stochastic_depth", "dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected 0 or more, less than 1")
        if not 0 < self.layer_decay <= 1:
            raise ConfigurationError(f"layer_decay is {self.layer_decay}, expected more than 0, at most 1")
        for name in ("hidden_width", "test_every"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected 1 or more")


@dataclass(frozen=True)
class SupervisedConfig(FinetuneConfig):
    """What a configuration file of the supervised training may set."""

    size: str = "base"
    """Name of the size; a file of this name sets clips and model."""
    clips: ClipSettings = field(default_factory=ClipSettings)
    """How sequences become clips."""
    model: MaskedSizes = field(default_factory=MaskedSizes)
    """Sizes of the encoder."""
