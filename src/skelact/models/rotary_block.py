"""The block of the transformer over joint tokens: rotary places in time, and a gated MLP.

Shape legend: B bodies, L tokens, D width, H heads, E width of a head.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.models.blocks import SelfAttention, StochasticDepth, attention

BASE = 100.0
"""Ratio of the longest wave to the shortest; clips have few time steps."""
FEW_TOKENS = 64
"""Keys up to which plain products are faster."""


class Turns(NamedTuple):
    """By how much queries and keys of L tokens are turned, two numbers of a head at a time."""

    cosines: Tensor
    """(L, E / 2), or (B, 1, L, E / 2) where bodies have tokens of their own."""
    sines: Tensor
    """The same shape."""


def rotary_turns(steps: Tensor, head_width: int) -> Turns:
    """Return the turns of tokens at (..., L) time steps; after them, products know distances alone.

    Source: Su et al., *RoFormer*, 2021.
    """
    waves = BASE ** -(torch.arange(0, head_width, 2, device=steps.device) / head_width)
    angles = steps.to(waves.dtype).unsqueeze(-1) * waves
    return Turns(angles.cos(), angles.sin())


def turn(x: Tensor, turns: Turns) -> Tensor:
    """Turn (B, H, L, E) queries or keys."""
    cosines, sines = turns.cosines.to(x.dtype), turns.sines.to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def short_attention(q: Tensor, k: Tensor, v: Tensor, is_there: Tensor | None = None) -> Tensor:
    """Return what :func:`skelact.models.blocks.attention` does, sooner for few tokens in bfloat16 on a CPU.

    There torch's fused attention works in tiles that are too large for them; plain products keep the scores
    of all bodies, which are few.
    """
    on_cpu_in_bf16 = q.device.type == "cpu" and q.dtype == torch.bfloat16
    if not on_cpu_in_bf16 or k.shape[2] > FEW_TOKENS:
        return attention(q, k, v, is_there)
    with torch.autocast("cpu", enabled=False):  # it would do the softmax in float32
        scores = (q * q.shape[-1] ** -0.5) @ k.mT
        if is_there is not None:
            scores = scores.masked_fill(~is_there[:, None, None], -torch.inf)
        attended: Tensor = scores.softmax(-1) @ v
        return attended


class GatedMLP(nn.Module):
    """SwiGLU: one half of the hidden layer opens and closes the other (Shazeer, 2020)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        gate, value = self.into(x).chunk(2, -1)
        # not torch's silu: while operations are counted its gradient is rounded otherwise
        out: Tensor = self.out(gate.sigmoid() * gate * value)
        return out


class RotaryBlock(nn.Module):
    """Attention and gated MLP, each behind a LayerNorm and added to what came in."""

    def __init__(self, width: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = GatedMLP(width, hidden)
        self.branch = StochasticDepth()  # does nothing unless fine-tuning gives it a rate

    def forward(
        self, x: Tensor, turns: Turns, is_there: Tensor | None = None, wanted: int | None = None
    ) -> Tensor:
        """Map (B, L, D) to (B, L, D), or to the first ``wanted`` tokens of these.

        Args:
            x: tokens.
            turns: of the L tokens.
            is_there: (B, L) bool, the tokens that may be asked; default all.
            wanted: how many tokens ask; default all.
        """
        q, k, v = self.attention.heads(self.attention.qkv(self.attention_norm(x)), 3)
        if wanted is not None:
            x, q = x[:, :wanted], q[:, :, :wanted]
        asking = turns if wanted is None else Turns(*(part[:wanted] for part in turns))
        attended = short_attention(turn(q, asking), turn(k, turns), v, is_there)
        x = x + self.branch(self.attention.out(rearrange(attended, "B H L E -> B L (H E)")))
        out: Tensor = x + self.branch(self.mlp(self.mlp_norm(x)))
        return out
