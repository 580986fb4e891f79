"""The configuration of a pre-training run: data x method x size.

There are three families of methods, with settings of their own: the masked, the contrastive and the distilled
ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError
from skelact.models.sizes import ContrastiveSizes, MaskedSizes
from skelact.models.token_sizes import DistilledSizes
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.pretraining.distilled.objective import DistilledObjective
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.training.config import TrainingConfig


@dataclass(frozen=True)
class RunConfig:
    """What decides what a pre-training run learns, whatever its method.

    Raises:
        ConfigurationError: a value outside its range, or values that do not fit each other.
    """

    data: list[str]
    """Folders of the stores; several are one data set."""
    protocol: list[str]
    """Protocols whose training sequences are learned from, e.g. xsub: one for each store, or one for all; the
    name ``all`` takes every sequence."""
    method: str
    """Name of the method. It says what the run is called; :meth:`.methods.Method.settings` gives the settings
    that belong to it."""
    mixing: Literal["size", "equal"] = "size"
    """With several stores: every sequence once an epoch, or as many from each store."""
    size: str = "base"
    """Name of the size; a file of this name sets its defaults."""
    without: str | None = None
    """A list of recordings that are not learned from, see :mod:`skelact.store.left_out`."""
    clips: ClipSettings = field(default_factory=ClipSettings)
    """How sequences become clips."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How long and how fast."""

    def __post_init__(self) -> None:
        if not self.data or not self.protocol:
            raise ConfigurationError("pre-training needs data and a protocol (--data STORE --protocol NAME)")
        if len(self.protocol) not in (1, len(self.data)):
            raise ConfigurationError(
                f"{len(self.protocol)} protocols for {len(self.data)} stores; give one for each or for all"
            )

    def without_effect(self) -> set[str]:
        """Return the settings that do nothing beside the others."""
        return {"mixing"} if len(self.data) == 1 else set()

    @property
    def sides(self) -> list[tuple[str, str]]:
        """Every store's folder with its protocol."""
        protocols = self.protocol * len(self.data) if len(self.protocol) == 1 else self.protocol
        return list(zip(self.data, protocols, strict=True))


@dataclass(frozen=True)
class MaskedRun(RunConfig):
    """A run of a masked method.

    Raises:
        ConfigurationError: a value outside its range, or values that do not fit each other.
    """

    init: str | None = None
    """Weights to start from: a run folder, or a checkpoint of the published code; None: random ones."""
    model: MaskedSizes = field(default_factory=MaskedSizes)
    """Sizes of encoder and decoder."""
    objective: MaskedObjective = field(default_factory=MaskedObjective)
    """What is hidden and what is predicted."""


@dataclass(frozen=True)
class ContrastiveRun(RunConfig):
    """A run of a contrastive method.

    Raises:
        ConfigurationError: a value outside its range, or values that do not fit each other.
    """

    model: ContrastiveSizes = field(default_factory=ContrastiveSizes)
    """Which backbone, its sizes, and those of the projection head."""
    contrast: ContrastiveObjective = field(default_factory=ContrastiveObjective)
    """What is compared with what."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_views(self, "contrastive")


@dataclass(frozen=True)
class DistilledRun(RunConfig):
    """A run of a method of self-distillation.

    Raises:
        ConfigurationError: a value outside its range, or values that do not fit each other.
    """

    model: DistilledSizes = field(default_factory=DistilledSizes)
    """Sizes of the encoder, and of its heads."""
    distil: DistilledObjective = field(default_factory=DistilledObjective)
    """What the student is asked."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_views(self, "distilled")
        if self.training.accumulate > 1 and self.distil.looks_at_whole_batch:
            raise ConfigurationError(
                "training.accumulate: prototypes, contrast and spread look at all sequences of a batch, and "
                "would see those of a part; leave it out, and choose a smaller training.batch_size for memory"
            )
        self.distil.check_clips(self.clips.num_frames, self.model.patch_frames, self.model.depth)

    def without_effect(self) -> set[str]:
        """Return the settings that do nothing beside the others."""
        idle = super().without_effect()
        if not self.distil.has_prototypes:
            idle |= {"model.head.prototypes"}
        if not self.distil.needs_teacher:  # and so no head
            idle |= {f"model.head.{field.name}" for field in fields(self.model.head)}
        return idle


Run: TypeAlias = MaskedRun | ContrastiveRun | DistilledRun
"""The configuration of a run of any family."""


def _check_views(config: RunConfig, family: str) -> None:
    """Refuse what views made of a clip cannot have."""
    if config.clips.gaps != "hold":
        raise ConfigurationError(
            f"clips.gaps is {config.clips.gaps!r}, but {family} methods move every position of a body: "
            "only 'hold' gives it one in every frame"
        )
    if config.training.compile:
        raise ConfigurationError(
            f"training.compile: {family} models change shape with every batch and cannot be compiled "
            "with profit; leave it out"
        )
