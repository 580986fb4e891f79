"""The configuration of a pre-training run: data x method x size."""

from __future__ import annotations

from dataclasses import dataclass, field

from skelact.batches.dataset import ClipSettings
from skelact.models.registry import ModelConfig
from skelact.pretraining.masked_motion import MaskedMotionConfig
from skelact.training.config import TrainingConfig


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides what a pre-training run learns.

    Raises:
        ConfigurationError: a value outside its range, or values that do not fit each other.
    """

    data: str
    """Folder of the store."""
    protocol: str
    """Protocol whose training sequences are learned from, e.g. xsub."""
    method: str = "stjd-mp"
    """Name of the method; a file of this name sets its defaults."""
    size: str = "base"
    """Name of the size; a file of this name sets its defaults."""
    clips: ClipSettings = field(default_factory=ClipSettings)
    """How sequences become clips."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Sizes of encoder and decoder."""
    objective: MaskedMotionConfig = field(default_factory=MaskedMotionConfig)
    """What is hidden and what is predicted."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How long and how fast."""
