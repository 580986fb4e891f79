"""How a learned density gets its gradient from masked pre-training.

Masking is a draw, which passes no gradient. Both ways here use the errors of the hidden tokens instead, and
neither lets the density's gradient reach the model that predicts.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Learning = Literal["difficulty", "weighting"]


def difficulty_loss(logits: Tensor, loss_per_token: Tensor) -> Tensor:
    """Ask the density to tell where prediction is hard.

    Args:
        logits: (B, H) logits of being hidden, of the H hidden tokens.
        loss_per_token: (B, H) errors, not negative; no gradient passes to them.

    Returns:
        () mean over bodies of KL(p || q): p shares out the body's error among its tokens, q is the softmax of
        the logits.
    """
    errors = loss_per_token.detach().float()
    p = errors / errors.sum(1, keepdim=True).clamp(min=torch.finfo(errors.dtype).tiny)
    return (torch.xlogy(p, p) - p * logits.float().log_softmax(1)).sum(1).mean()


def weighted_losses(logits: Tensor, loss_per_token: Tensor) -> tuple[Tensor, Tensor]:
    """Weigh each token's error by the density; the density seeks the weights that make the sum large.

    Args:
        logits: (B, H) logits of being hidden, of the H hidden tokens.
        loss_per_token: (B, H) errors.

    Returns:
        () the weighted mean error, whose gradient goes to the model alone, and () its negative, whose
        gradient goes to the density alone. The weights of a body have a mean of one.
    """
    weights = logits.float().softmax(1) * logits.shape[1]
    weighted = (weights.detach() * loss_per_token).mean()
    return weighted, -(weights * loss_per_token.detach()).mean()
