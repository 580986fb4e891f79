"""The sizes of models as configurations name them.

A masked model has an encoder and a decoder, a contrastive one a head on one of two backbones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from skelact.errors import ConfigurationError
from skelact.limits import check_limit

Absent = Literal["skip", "include"]
Pooling = Literal["mean", "joints", "moments", "bodies", "joints-and-bodies", "moments-and-bodies"]
"""What one vector is made of a feature map: its mean, as published; joints side by side, each by its mean
over time (joints) or by mean and standard deviation (moments); bodies side by side; or both."""
OfBody = Literal["mean", "joints", "moments"]
"""What of that is within a body."""


def of_body(pooling: Pooling) -> OfBody:
    """Return what a pooling does within a body."""
    if pooling.startswith("joints"):
        return "joints"
    return "moments" if pooling.startswith("moments") else "mean"


def check_positive(what: str, sizes: dict[str, float]) -> None:
    """Raise ConfigurationError unless every size of ``what`` is a positive number."""
    for name, value in sizes.items():
        if not 0 < value < math.inf:
            raise ConfigurationError(f"{what}.{name} is {value}, expected a positive number")


def check_bounds(what: str, num_blocks: int, num_parameters: int) -> None:
    """Refuse sizes beyond the limits before anything of them is made."""
    check_limit("blocks", num_blocks, what, ConfigurationError)
    check_limit("parameters", num_parameters, what, ConfigurationError)


def _block_parameters(width: int, mlp_ratio: float) -> int:
    """Return the parameters of a transformer block: two norms, attention, MLP."""
    hidden = int(width * mlp_ratio)
    return 4 * width + 4 * width * (width + 1) + (2 * width + 1) * hidden + width


def _conv_parameters(num_coordinates: int, channels: Sequence[int], kernel: int) -> int:
    """Return fewer than an ST-GCN's parameters: those of its layers along joints and along time."""
    pairs = zip([num_coordinates, *channels], channels, strict=False)
    return sum(3 * num_in * num_out + kernel * num_out * num_out for num_in, num_out in pairs)


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of a skeleton transformer; the defaults are the published ones.

    Raises:
        ConfigurationError: a size that is not positive, or sizes that do not divide.
    """

    num_joints: int = 25
    """Joints V of the topology."""
    num_coordinates: int = 3
    """Coordinates C of a joint."""
    num_frames: int = 120
    """Frames T of a clip."""
    patch_frames: int = 4
    """Frames of one joint that make a token."""
    width: int = 256
    """Size D of a token's embedding."""
    depth: int = 8
    """Transformer blocks."""
    num_heads: int = 8
    """Attention heads."""
    mlp_ratio: float = 4.0
    """Width of the MLP's hidden layer by the width of a token."""

    def __post_init__(self) -> None:
        check_positive("encoder", vars(self))
        if self.num_frames % self.patch_frames:
            raise ConfigurationError(
                f"encoder.num_frames {self.num_frames} is not a multiple of patch_frames {self.patch_frames}"
            )
        if self.width % self.num_heads:
            raise ConfigurationError(
                f"encoder.width {self.width} is not a multiple of num_heads {self.num_heads}"
            )
        check_limit("clip_frames", self.num_frames, "encoder.num_frames", ConfigurationError)
        check_bounds("encoder", self.depth, self.num_parameters)

    @property
    def num_parameters(self) -> int:
        """Numbers that the encoder learns."""
        patch = self.patch_frames * self.num_coordinates
        tables = (self.num_steps + self.num_joints) * self.width
        blocks = self.depth * _block_parameters(self.width, self.mlp_ratio)
        return (patch + 1) * self.width + tables + blocks + 2 * self.width

    @property
    def num_steps(self) -> int:
        """Time steps T' of the feature map."""
        return self.num_frames // self.patch_frames

    @property
    def num_tokens(self) -> int:
        """Tokens L of one body."""
        return self.num_steps * self.num_joints


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder; the defaults are the published ones.

    Raises:
        ConfigurationError: a size that is not positive, or a width that the heads do not divide.
    """

    width: int = 256
    """Size of a token's embedding."""
    depth: int = 5
    """Transformer blocks."""
    num_heads: int = 8
    """Attention heads."""
    mlp_ratio: float = 4.0
    """Width of the MLP's hidden layer by the width of a token."""

    def __post_init__(self) -> None:
        check_positive("decoder", vars(self))
        if self.width % self.num_heads:
            raise ConfigurationError(
                f"decoder.width {self.width} is not a multiple of num_heads {self.num_heads}"
            )
        check_bounds("decoder", self.depth, self.num_parameters)

    @property
    def num_parameters(self) -> int:
        """Numbers that its blocks learn."""
        return self.depth * _block_parameters(self.width, self.mlp_ratio)


@dataclass(frozen=True)
class STGCNConfig:
    """Sizes of an ST-GCN; the defaults are the published ones, a quarter of the original channels.

    Raises:
        ConfigurationError: a size that is not positive, an even kernel, or a dropout outside [0, 1).
    """

    num_coordinates: int = 3
    """Coordinates C of a joint."""
    channels: tuple[int, ...] = (16, 16, 16, 16, 32, 32, 32, 64, 64, 256)
    """Channels that each block gives; the last is the size D of the features."""
    strides: tuple[int, ...] = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
    """Frames from one step of a block's output to the next."""
    kernel: int = 9
    """Frames that a block's convolution along time sees; odd."""
    dropout: float = 0.5
    """Share of numbers that a block drops while it trains, before its shortcut is added."""

    def __post_init__(self) -> None:
        for name in ("channels", "strides"):  # a model card holds them as lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.channels) != len(self.strides) or not self.channels:
            raise ConfigurationError(
                f"st_gcn: {len(self.channels)} channels and {len(self.strides)} strides, "
                "expected one of each a block"
            )
        for name, sizes in (("channels", self.channels), ("strides", self.strides)):
            if min(sizes) < 1:
                raise ConfigurationError(f"st_gcn.{name} is {list(sizes)}, expected positive numbers")
        if self.num_coordinates < 1:
            raise ConfigurationError(f"st_gcn.num_coordinates is {self.num_coordinates}, expected 1 or more")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigurationError(f"st_gcn.kernel is {self.kernel}, expected an odd number of frames")
        if not 0 <= self.dropout < 1:
            raise ConfigurationError(f"st_gcn.dropout is {self.dropout}, expected a share in [0, 1)")
        check_bounds("st_gcn", len(self.channels), self.num_parameters)

    @property
    def num_parameters(self) -> int:
        """Numbers that its layers along joints and along time learn."""
        return _conv_parameters(self.num_coordinates, self.channels, self.kernel)

    @property
    def width(self) -> int:
        """Size D of the features."""
        return self.channels[-1]

    def num_steps(self, num_frames: int) -> int:
        """Return the time steps T' of the feature map of clips of ``num_frames``."""
        for stride in self.strides:
            num_frames = -(-num_frames // stride)
        return num_frames


@dataclass(frozen=True)
class ProjectionConfig:
    """Sizes of a projection head; the defaults are the published ones.

    Raises:
        ConfigurationError: a size that is not positive.
    """

    hidden: int = 256
    """Numbers between the two layers."""
    width: int = 128
    """Numbers that are compared."""
    batch_norm: bool = False
    """Normalise what stands between the two layers over the batch. Embeddings of an untrained encoder are
    nearly the same for all sequences; this draws them apart from the first step."""

    def __post_init__(self) -> None:
        for name in ("hidden", "width"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"projection.{name} is {getattr(self, name)}, expected 1 or more")
        check_limit("parameters", self.hidden * self.width, "projection", ConfigurationError)


@dataclass(frozen=True)
class MaskedSizes:
    """Sizes of encoder and decoder; what the data decides (joints, frames) is not here."""

    patch_frames: int = 4
    """Frames of one joint that make a token."""
    width: int = 256
    """Encoder: size of a token's embedding."""
    depth: int = 8
    """Encoder: transformer blocks."""
    num_heads: int = 8
    """Attention heads, in encoder and decoder."""
    mlp_ratio: float = 4.0
    """Width of the MLPs' hidden layer by the width of a token."""
    decoder_width: int = 256
    """Decoder: size of a token's embedding."""
    decoder_depth: int = 5
    """Decoder: transformer blocks."""

    def encoder(self, num_joints: int, num_coordinates: int, num_frames: int) -> EncoderConfig:
        """Return the encoder's sizes for clips of these sizes.

        Raises:
            ConfigurationError: a size that is not positive, or sizes that do not divide.
        """
        return EncoderConfig(
            num_joints=num_joints,
            num_coordinates=num_coordinates,
            num_frames=num_frames,
            patch_frames=self.patch_frames,
            width=self.width,
            depth=self.depth,
            num_heads=self.num_heads,
            mlp_ratio=self.mlp_ratio,
        )

    def decoder(self) -> DecoderConfig:
        """Return the decoder's sizes.

        Raises:
            ConfigurationError: a size that is not positive, or sizes that do not divide.
        """
        return DecoderConfig(self.decoder_width, self.decoder_depth, self.num_heads, self.mlp_ratio)


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
class ContrastiveSizes:
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
