"""The sizes of a contrastive model, as configurations name them: two backbones to choose from, and a head."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

from skelact.errors import ConfigurationError
from skelact.models.encoder import EncoderConfig
from skelact.models.projection import ProjectionConfig
from skelact.models.st_gcn import STGCNConfig

BackboneName = Literal["st-gcn", "transformer"]


@dataclass(frozen=True)
class STGCNSizes:
    """Sizes of an ST-GCN; the number of coordinates, which the data decides, is not here.

    Raises:
        ConfigurationError: sizes out of range, or not one of each a block.
    """

    channels: tuple[int, ...] = STGCNConfig.channels
    """Channels that each block gives; the last is the size D of the features."""
    strides: tuple[int, ...] = STGCNConfig.strides
    """Frames from one step of a block's output to the next."""
    kernel: int = STGCNConfig.kernel
    """Frames that a block's convolution along time sees; odd."""
    dropout: float = STGCNConfig.dropout
    """Share of numbers that a block drops while it trains."""

    def __post_init__(self) -> None:
        for name in ("channels", "strides"):  # files hold them as lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        STGCNConfig(**vars(self))


@dataclass(frozen=True)
class TransformerSizes:
    """Sizes of a skeleton transformer; joints and frames, which the data decides, are not here."""

    patch_frames: int = 5
    """Frames of one joint that make a token; a clip is a multiple of it."""
    width: int = 256
    """Size of a token's embedding."""
    depth: int = 8
    """Transformer blocks."""
    num_heads: int = 8
    """Attention heads."""
    mlp_ratio: float = 4.0
    """Width of the MLPs' hidden layer by the width of a token."""


@dataclass(frozen=True)
class ContrastModelConfig:
    """Which backbone, and its sizes; the defaults are the published ones.

    Raises:
        ConfigurationError: sizes for the backbone that was not chosen.
    """

    backbone: BackboneName = "st-gcn"
    """What makes features of clips: a graph convolution network, or the transformer of the masked methods."""
    st_gcn: STGCNSizes = field(default_factory=STGCNSizes)
    """Sizes of the ST-GCN."""
    transformer: TransformerSizes = field(default_factory=TransformerSizes)
    """Sizes of the transformer."""
    head: ProjectionConfig = field(default_factory=ProjectionConfig)
    """Sizes of the projection head."""

    def __post_init__(self) -> None:
        others: dict[str, tuple[str, bool]] = {
            "st-gcn": ("transformer", self.transformer != TransformerSizes()),
            "transformer": ("st_gcn", self.st_gcn != STGCNSizes()),
        }
        if self.backbone not in others:
            raise ConfigurationError(
                f"model.backbone is {self.backbone!r}, expected 'st-gcn' or 'transformer'"
            )
        other, is_set = others[self.backbone]
        if is_set:
            raise ConfigurationError(
                f"model.{other} has no effect with model.backbone {self.backbone}; leave it out"
            )

    def encoder(self, num_joints: int, num_coordinates: int, num_frames: int) -> EncoderConfig | STGCNConfig:
        """Return the backbone's sizes for clips of these sizes.

        Raises:
            ConfigurationError: a size that is not positive, or sizes that do not divide.
        """
        if self.backbone == "st-gcn":
            return STGCNConfig(num_coordinates=num_coordinates, **asdict(self.st_gcn))
        return EncoderConfig(
            num_joints=num_joints,
            num_coordinates=num_coordinates,
            num_frames=num_frames,
            **asdict(self.transformer),
        )
