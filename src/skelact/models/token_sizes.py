"""The sizes of a transformer over joint tokens, and of what self-distillation puts on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from skelact.errors import ConfigurationError, suggest
from skelact.limits import check_limit
from skelact.models.sizes import check_bounds, check_positive
from skelact.skeleton.joint_names import NAMES

TokenPooling = Literal["class", "mean", "both", "joints"]
TOKEN_POOLINGS = ("class", "mean", "both", "joints")


@dataclass(frozen=True)
class TokenSizes:
    """Sizes of a transformer over joint tokens but for those that the data decides (joints, coordinates)."""

    patch_frames: int = 8
    """Frames of one joint that make a token."""
    width: int = 256
    """Size D of a token's embedding."""
    depth: int = 8
    """Transformer blocks."""
    num_heads: int = 8
    """Attention heads."""
    mlp_ratio: float = 1.0
    """Width of the gated hidden layer by the width of a token."""
    registers: int = 4
    """Tokens beside the class token that stand for nothing in the clip."""
    pooling: TokenPooling = "class"
    """What an evaluation takes of a body: the class token, the mean of its tokens, both side by side, or the
    joints side by side, each the mean over time."""


@dataclass(frozen=True)
class TokenEncoderConfig(TokenSizes):
    """Sizes of a transformer over joint tokens; clips may have any length that patches divide.

    Raises:
        ConfigurationError: a size that is not positive, or sizes that do not divide.
    """

    num_joints: int = 25
    """Joints V of the topology."""
    num_coordinates: int = 3
    """Coordinates C of a joint."""

    def __post_init__(self) -> None:
        sizes = {name: value for name, value in vars(self).items() if name not in ("registers", "pooling")}
        check_positive("encoder", sizes)
        if self.registers < 0:
            raise ConfigurationError(f"encoder.registers is {self.registers}, expected 0 or more")
        if self.pooling not in TOKEN_POOLINGS:
            raise ConfigurationError(
                f"encoder.pooling is {self.pooling!r}{suggest(str(self.pooling), TOKEN_POOLINGS)}"
            )
        if self.width % (2 * self.num_heads):
            raise ConfigurationError(
                f"encoder.width {self.width} is not a multiple of twice num_heads {self.num_heads}"
            )
        check_limit("clip_frames", self.patch_frames, "encoder.patch_frames", ConfigurationError)
        check_bounds("encoder", self.depth, self.num_parameters)

    @property
    def hidden(self) -> int:
        """Width of the gated hidden layer."""
        return round(self.width * self.mlp_ratio)

    @property
    def num_parameters(self) -> int:
        """Numbers that the encoder learns, but for offsets of joints that the vocabulary does not know."""
        width = self.width
        rows = len(NAMES) + 1 + self.registers
        mlp = 2 * self.hidden * (width + 1) + width * (self.hidden + 1)
        block = 4 * width + 4 * width * (width + 1) + mlp
        return (self.patch_frames * self.num_coordinates + 1 + rows) * width + self.depth * block + 2 * width

    def num_steps(self, num_frames: int) -> int:
        """Return the time steps T' of clips of ``num_frames``.

        Raises:
            ConfigurationError: patches do not divide them.
        """
        if num_frames < 1 or num_frames % self.patch_frames:
            raise ConfigurationError(
                f"num_frames is {num_frames}, expected a multiple of {self.patch_frames}, the frames of a "
                "patch"
            )
        return num_frames // self.patch_frames


@dataclass(frozen=True)
class PrototypeConfig:
    """Sizes of the heads of self-distillation; the defaults are the published ones.

    Raises:
        ConfigurationError: a size that is not positive.
    """

    hidden: int = 2048
    """Numbers of the hidden layer."""
    bottleneck: int = 256
    """Numbers that are compared with prototypes."""
    prototypes: int = 65536
    """Prototypes; few more than there are sequences in a batch serve, and thousands suit large data alone."""

    def __post_init__(self) -> None:
        check_positive("head", dict(vars(self)))
        check_limit("parameters", self.num_parameters(1), "head", ConfigurationError)

    def num_parameters(self, width: int, has_prototypes: bool = True) -> int:
        """Return the numbers that a head on features of ``width`` learns, with prototypes or without."""
        prototypes = self.prototypes if has_prototypes else 0
        return (width + 1) * self.hidden + (self.hidden + 1 + prototypes) * self.bottleneck


@dataclass(frozen=True)
class DistilledSizes(TokenSizes):
    """Sizes of the encoder and of its heads; what the data decides is not here."""

    head: PrototypeConfig = field(default_factory=PrototypeConfig)
    """Sizes of the heads, of which the class token and the hidden tokens have one each."""

    def encoder(self, num_joints: int, num_coordinates: int, num_frames: int) -> TokenEncoderConfig:
        """Return the encoder's sizes for clips of these sizes.

        Raises:
            ConfigurationError: a size that is not positive, or sizes that do not divide.
        """
        own = {name: value for name, value in vars(self).items() if name != "head"}
        config = TokenEncoderConfig(num_joints=num_joints, num_coordinates=num_coordinates, **own)
        config.num_steps(num_frames)
        return config
