"""The light decoder of masked pre-training; it is dropped afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError
from skelact.models.blocks import Block, initialise
from skelact.models.embedding import PositionTable, gather_tokens
from skelact.models.encoder import EncoderConfig


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
        for name, value in vars(self).items():
            if value <= 0:
                raise ConfigurationError(f"decoder.{name} is {value}, expected a positive number")
        if self.width % self.num_heads:
            raise ConfigurationError(
                f"decoder.width {self.width} is not a multiple of num_heads {self.num_heads}"
            )


class Decoder(nn.Module):
    """Predicts the patches of hidden tokens from the features of visible ones."""

    def __init__(self, config: DecoderConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(encoder.width, config.width)
        self.mask_token = nn.Parameter(torch.empty(1, config.width))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.positions = PositionTable(encoder.num_steps, encoder.num_joints, config.width)
        self.blocks = nn.ModuleList(
            Block(config.width, config.num_heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width)
        self.predict = nn.Linear(config.width, encoder.patch_frames * encoder.num_coordinates)
        initialise(self)

    def forward(self, latent: Tensor, keep: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Return predicted patches.

        Args:
            latent: (B, K, D) features of the visible tokens.
            keep: (B, K) their indices.
            wanted: (B, H) indices of the tokens to predict; default all L.

        Returns:
            (B, H, p * C) predictions, in the order of ``wanted``.
        """
        table = self.positions()  # (L, D)
        visible = self.embed(latent)
        x = (self.mask_token + table).expand(len(latent), -1, -1)
        place = keep.unsqueeze(-1).expand_as(visible)
        x = x.to(visible.dtype).scatter(1, place, visible + table[keep].to(visible.dtype))
        for block in self.blocks:
            x = block(x)
        if wanted is not None:
            x = gather_tokens(x, wanted)
        out: Tensor = self.predict(self.norm(x))
        return out
