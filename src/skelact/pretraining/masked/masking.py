"""Which tokens are hidden: a draw without replacement, steered by a signal per token.

``keep`` and ``hidden`` are token indices, time-major (t * V + joint).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

EPSILON = 1e-10


class Selection(NamedTuple):
    """A draw for B bodies of L tokens, K of them kept."""

    keep: Tensor
    """(B, K) indices of the visible tokens."""
    hidden: Tensor
    """(B, L - K) indices of the hidden tokens."""

    @property
    def is_hidden(self) -> Tensor:
        """(B, L) bool, True for hidden tokens."""
        num_tokens = self.keep.shape[1] + self.hidden.shape[1]
        mask = torch.ones(len(self.keep), num_tokens, dtype=torch.bool, device=self.keep.device)
        return mask.scatter(1, self.keep, False)


def mask_logits(signal: Tensor, tau: float) -> Tensor:
    """Return (B, L) logits of being hidden from a (B, T', V) signal, relative to each body's largest."""
    tokens = signal.flatten(1)
    if math.isinf(tau):
        return tokens * 0
    return tokens / (tokens.amax(1, keepdim=True) * tau + math.copysign(EPSILON, tau))


def select_tokens(uniform: Tensor, num_kept: int, logits: Tensor | None = None) -> Selection:
    """Draw the hidden tokens without replacement, likely ones first (Gumbel trick).

    Args:
        uniform: (B, L) draws in [0, 1).
        num_kept: tokens K that stay visible.
        logits: (B, L) logits of being hidden; None hides uniformly.

    Returns:
        The selection; tokens sorted by key, the first K are kept.
    """
    if logits is None:
        key = uniform
    else:
        gumbel = -torch.log(-torch.log(uniform + EPSILON) + EPSILON)
        key = logits.log_softmax(1) + gumbel
    order = key.argsort(1)
    return Selection(order[:, :num_kept], order[:, num_kept:])


def select_tubes(
    uniform: Tensor, num_kept: int, num_joints: int, tube_steps: int, logits: Tensor | None = None
) -> Selection:
    """Draw as :func:`select_tokens`, but ``tube_steps`` time steps of a joint share one fate.

    Args:
        uniform: (B, L) draws in [0, 1); the first of a tube decides.
        num_kept: tokens that stay visible, a multiple of ``tube_steps``.
        num_joints: joints V; L = T' * V, and ``tube_steps`` divides T'.
        tube_steps: time steps of a tube.
        logits: (B, L) logits of being hidden; a tube has the mean of its tokens. None hides uniformly.
    """

    def tubes(tokens: Tensor) -> Tensor:  # (B, L) -> (B, T' / tube_steps, tube_steps, V)
        split: Tensor = rearrange(tokens, "B (t s V) -> B t s V", s=tube_steps, V=num_joints)
        return split

    drawn = select_tokens(
        tubes(uniform)[:, :, 0].flatten(1),
        num_kept // tube_steps,
        None if logits is None else tubes(logits).mean(2).flatten(1),
    )
    steps = torch.arange(tube_steps, device=uniform.device) * num_joints

    def tokens_of(index: Tensor) -> Tensor:  # (B, G) tubes -> (B, G * tube_steps) tokens
        first = index // num_joints * (tube_steps * num_joints) + index % num_joints
        return (first.unsqueeze(-1) + steps).flatten(1)

    return Selection(tokens_of(drawn.keep), tokens_of(drawn.hidden))


def motion_intensity(patches: Tensor) -> Tensor:
    """Return how much each patch differs from the one before: MAMP's masking signal.

    Args:
        patches: (B, T', V, P).

    Returns:
        (B, T', V) mean absolute difference in metres; the first step copies the second's, and where it is
        alone nothing moves.
    """
    if patches.shape[1] == 1:
        return torch.zeros_like(patches[..., 0])
    later = patches.diff(dim=1).abs().mean(-1)
    return torch.cat([later[:, :1], later], 1)
