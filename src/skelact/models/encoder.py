"""The skeleton transformer encoder."""

from __future__ import annotations

from typing import get_args

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.errors import ConfigurationError, suggest
from skelact.models.blocks import Block, initialise
from skelact.models.embedding import PositionTable, gather_tokens, patchify
from skelact.models.sizes import Absent, EncoderConfig


class SkeletonEncoder(nn.Module):
    """Maps clips to a feature map per body, time step and joint.

    Bodies share the weights and do not see each other. A body that is absent for the whole clip is skipped:
    its features are zero. ``absent="include"`` runs it as the published systems do, as joints resting at the
    origin; such features are constant, so they are computed once and copied.
    """

    def __init__(self, config: EncoderConfig, absent: Absent = "skip") -> None:
        super().__init__()
        if absent not in get_args(Absent):
            raise ConfigurationError(f"absent is {absent!r}{suggest(absent, get_args(Absent))}")
        self.config, self.absent = config, absent
        self.embed = nn.Linear(config.patch_frames * config.num_coordinates, config.width)
        self.positions = PositionTable(config.num_steps, config.num_joints, config.width)
        self.blocks = nn.ModuleList(
            Block(config.width, config.num_heads, config.mlp_ratio) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width)
        initialise(self)

    def forward(self, clips: Tensor, present: Tensor | None = None) -> Tensor:
        """Return the features of every body.

        Args:
            clips: (N, M, T, V, C) joint positions in metres.
            present: (N, M) bool, True for bodies in the clip; by default those with a coordinate that is
                not zero.

        Returns:
            (N, M, T', V, D) features.

        Raises:
            ConfigurationError: clips of another length, topology or dimension than the encoder's.
        """
        self.check(clips)
        cfg = self.config
        present = present_bodies(clips) if present is None else present
        bodies = clips[present]  # (B, T, V, C)
        include = self.absent == "include" and not bool(present.all())
        if include:
            bodies = torch.cat([bodies, bodies.new_zeros(1, *clips.shape[2:])])
        tokens = patchify(bodies, cfg.patch_frames).flatten(1, 2)  # (B, L, p * C)
        encoded = rearrange(self.encode(tokens), "B (t V) D -> B t V D", V=cfg.num_joints)
        features = encoded.new_zeros(*present.shape, *encoded.shape[1:])
        if include:
            features[~present] = encoded[-1]
            encoded = encoded[:-1]
        features[present] = encoded
        return features

    def encode(self, patches: Tensor, keep: Tensor | None = None) -> Tensor:
        """Embed patches and run the blocks.

        Args:
            patches: (B, L, p * C), all tokens of a body in time-major order.
            keep: (B, K) indices of the tokens that are run; default all.

        Returns:
            (B, K, D) features.
        """
        table = self.positions()
        if keep is None:
            x = self.embed(patches) + table
        else:
            x = self.embed(gather_tokens(patches, keep)) + table[keep]  # (B, K, D)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out

    def check(self, clips: Tensor) -> None:
        """Raise ConfigurationError unless (N, M, T, V, C) ``clips`` have the encoder's sizes."""
        cfg = self.config
        expected = (cfg.num_frames, cfg.num_joints, cfg.num_coordinates)
        if clips.ndim != 5 or tuple(clips.shape[2:]) != expected:
            raise ConfigurationError(
                f"clips have shape {tuple(clips.shape)}, this encoder takes (sequences, bodies, "
                f"{expected[0]} frames, {expected[1]} joints, {expected[2]} coordinates)"
            )


def present_bodies(clips: Tensor) -> Tensor:
    """Return (N, M) bool, True where a body of (N, M, T, V, C) clips has a coordinate that is not zero."""
    return (clips != 0).flatten(2).any(-1)
