"""The configuration of a pre-training run: data x method x size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from skelact.batches.dataset import ClipSettings
from skelact.errors import ConfigurationError
from skelact.models.registry import ModelConfig
from skelact.pretraining.masked_motion import MaskedMotionConfig
from skelact.training.config import TrainingConfig


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides what a pre-training run learns.

    Raises:
        ConfigurationError: a value outside its range, or values that do not fit each other.
    """

    data: list[str]
    """Folders of the stores; several are one data set."""
    protocol: list[str]
    """Protocols whose training sequences are learned from, e.g. xsub: one for each store, or one for all."""
    mixing: Literal["size", "equal"] = "size"
    """With several stores: every sequence once an epoch, or as many from each store."""
    method: str = "stjd-mp"
    """Name of the method; a file of this name sets its defaults."""
    size: str = "base"
    """Name of the size; a file of this name sets its defaults."""
    init: str | None = None
    """Weights to start from: a run folder, or a checkpoint of the published code; None: random ones."""
    clips: ClipSettings = field(default_factory=ClipSettings)
    """How sequences become clips."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Sizes of encoder and decoder."""
    objective: MaskedMotionConfig = field(default_factory=MaskedMotionConfig)
    """What is hidden and what is predicted."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How long and how fast."""

    def __post_init__(self) -> None:
        if not self.data or not self.protocol:
            raise ConfigurationError("pre-training needs data and a protocol (--data STORE --protocol NAME)")
        if len(self.protocol) not in (1, len(self.data)):
            raise ConfigurationError(
                f"{len(self.protocol)} protocols for {len(self.data)} stores; give one for each or for all"
            )

    @property
    def sides(self) -> list[tuple[str, str]]:
        """Every store's folder with its protocol."""
        protocols = self.protocol * len(self.data) if len(self.protocol) == 1 else self.protocol
        return list(zip(self.data, protocols, strict=True))
