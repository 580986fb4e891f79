"""The light decoder of masked pre-training; it is dropped afterwards."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from skelact.models.blocks import Block, initialise
from skelact.models.embedding import PositionTable
from skelact.models.sizes import DecoderConfig, EncoderConfig


class Decoder(nn.Module):
    """Predicts the patches of hidden tokens from the features of visible ones."""

    def __init__(self, config: DecoderConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self.config = config
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
        blocks = cast(list[Block], list(self.blocks))
        table = self.positions()  # (L, D)
        hidden = self.mask_token + table
        visible = self.embed(latent) + table[keep]  # (B, K, D)
        x = scatter_tokens(visible, hidden, keep)  # (B, L, D)
        # hidden tokens are the same in every body, so their way into the first block is computed once
        first = blocks[0].qkv
        qkv = scatter_tokens(first(visible), first(hidden), keep)
        for block, following in pairwise(blocks):
            x = block.after_qkv(x, qkv)
            qkv = following.qkv(x)
        x = blocks[-1].after_qkv(x, qkv, wanted)  # nobody looks at the others any more
        out: Tensor = self.predict(self.norm(x))
        return out


def scatter_tokens(tokens: Tensor, table: Tensor, place: Tensor) -> Tensor:
    """Copy an (L, D) table for every body and put (B, K, D) tokens at (B, K) places; gives (B, L, D)."""
    copies = table.to(tokens.dtype).expand(len(tokens), -1, -1)
    return copies.scatter(1, place.unsqueeze(-1).expand_as(tokens), tokens)
