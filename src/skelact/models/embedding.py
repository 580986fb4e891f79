"""From clips to tokens: patches of a few frames of one joint, and the tables that say when and which."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn


def patchify(x: Tensor, patch_frames: int) -> Tensor:
    """Cut (..., T, V, C) into patches (..., T / p, V, p * C), within a patch frame by frame.

    Raises:
        ValueError: T is not a multiple of ``patch_frames``.
    """
    if x.shape[-3] % patch_frames:
        raise ValueError(f"{x.shape[-3]} frames do not divide into patches of {patch_frames}")
    return rearrange(x, "... (t p) V C -> ... t V (p C)", p=patch_frames)


def resample_table(table: Tensor, length: int) -> Tensor:
    """Resample a (T', D) temporal table to (length, D): 1-D bicubic, half-pixel centres, ends clamped."""
    rows = table.T[None, :, :, None]  # (1, D, T', 1)
    resampled = nn.functional.interpolate(rows, size=(length, 1), mode="bicubic", align_corners=False)
    return resampled[0, :, :, 0].T


class PositionTable(nn.Module):
    """A learned vector per time step and one per joint, added; tokens run time-major (t * V + joint).

    Args:
        num_steps: time steps T'.
        num_joints: joints V.
        width: size D of the vectors.
    """

    def __init__(self, num_steps: int, num_joints: int, width: int) -> None:
        super().__init__()
        self.time = nn.Parameter(torch.empty(num_steps, width))
        self.joint = nn.Parameter(torch.empty(num_joints, width))
        nn.init.trunc_normal_(self.time, std=0.02)
        nn.init.trunc_normal_(self.joint, std=0.02)

    def forward(self) -> Tensor:
        """Return the (T' * V, D) table of all tokens."""
        return (self.time[:, None] + self.joint).flatten(0, 1)


def gather_tokens(x: Tensor, index: Tensor) -> Tensor:
    """Pick tokens: (B, L, D) at (B, K) indices gives (B, K, D)."""
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
