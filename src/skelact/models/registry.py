"""The sizes of a masked pre-training model, as configurations name them."""

from __future__ import annotations

from dataclasses import dataclass

from skelact.models.decoder import DecoderConfig
from skelact.models.encoder import EncoderConfig


@dataclass(frozen=True)
class ModelConfig:
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
