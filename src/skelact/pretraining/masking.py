"""Which tokens are hidden: a draw without replacement, steered by a signal per token.

``keep`` and ``hidden`` are token indices, time-major (t * V + joint).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from skelact.errors import ConfigurationError

EPSILON = 1e-10


@dataclass(frozen=True)
class MaskingStrength:
    """How many tokens are hidden, and how closely the draw follows the signal.

    Raises:
        ConfigurationError: a ratio outside (0, 1) or a temperature of zero.
    """

    mask_ratio: float = 0.9
    """Share of the tokens that is hidden."""
    tau: float = 0.8
    """Temperature: the smaller, the more the hidden tokens are those of the largest signal. A negative one
    hides those of the smallest."""

    def __post_init__(self) -> None:
        if not 0 < self.mask_ratio < 1:
            raise ConfigurationError(f"mask_ratio is {self.mask_ratio}, expected a share inside (0, 1)")
        if self.tau == 0 or not math.isfinite(self.tau):
            raise ConfigurationError(f"tau is {self.tau}, expected a temperature other than zero")

    def num_kept(self, num_tokens: int) -> int:
        """Return how many of ``num_tokens`` stay visible: 74 of 750 at a ratio of 0.9, as published.

        Raises:
            ConfigurationError: nothing would stay visible, or nothing hidden.
        """
        kept = int(num_tokens * (1 - self.mask_ratio))
        if not 0 < kept < num_tokens:
            raise ConfigurationError(
                f"mask_ratio {self.mask_ratio} leaves {kept} of {num_tokens} tokens visible; "
                "at least one must be visible and one hidden"
            )
        return kept


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

    @property
    def restore(self) -> Tensor:
        """(B, L) place of every token in the concatenation of kept and hidden ones."""
        return torch.cat([self.keep, self.hidden], 1).argsort(1)


def mask_logits(signal: Tensor, tau: float) -> Tensor:
    """Return (B, L) logits of being hidden from a (B, T', V) signal, relative to each body's largest."""
    tokens = signal.flatten(1)
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


def motion_intensity(patches: Tensor) -> Tensor:
    """Return how much each patch differs from the one before: MAMP's masking signal.

    Args:
        patches: (B, T', V, P).

    Returns:
        (B, T', V) mean absolute difference in metres; the first step copies the second's.
    """
    later = patches.diff(dim=1).abs().mean(-1)
    return torch.cat([later[:, :1], later], 1)
