"""Prime joints: the joints of a time step whose density changes most, whether they move or not."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def soft_prime_mask(change: Tensor, *, threshold: float = 0.5, tau: float = 0.1) -> Tensor:
    """Return how prime each joint is, in (0, 1), with gradients to ``change``.

    The change is taken relative to the body's largest and passed through a sigmoid, so that a joint whose
    change is ``threshold`` of the largest gets 1/2. A body in which nothing changes gets 1/2 everywhere.

    Args:
        change: (..., T, V) density change, not negative.
        threshold: share of the body's largest change at which a joint counts as half prime.
        tau: temperature; the smaller, the harder the mask.

    Returns:
        (..., T, V).
    """
    largest = change.amax((-2, -1), keepdim=True)
    moves = largest > 0
    relative = change / torch.where(moves, largest, 1.0)
    return torch.sigmoid(torch.where(moves, relative - threshold, 0.0) / tau)


def hard_prime_mask(change: Tensor, share: float = 0.2) -> Tensor:
    """Return the prime joints as a set: the ``share`` of each body's tokens whose density changes most.

    Args:
        change: (..., T, V) density change.
        share: fraction of the T * V tokens, in (0, 1]; rounded up to whole tokens.

    Returns:
        (..., T, V) bool, True for prime joints; nothing is prime in a body in which nothing changes.

    Raises:
        ValueError: ``share`` outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, expected a fraction in (0, 1]")
    tokens = change.flatten(-2)
    chosen = tokens.topk(math.ceil(share * tokens.shape[-1]), dim=-1).indices
    is_prime = torch.zeros_like(tokens, dtype=torch.bool).scatter(-1, chosen, True)
    return (is_prime & (tokens > 0)).reshape(change.shape)
