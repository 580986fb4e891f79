"""What hidden tokens are asked for, motion or coordinates, normalised; and the loss of a learned density.

Masking is a draw, which passes no gradient. Both ways here use the errors of the hidden tokens instead, and
neither lets the density's gradient reach the model that predicts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skelact.pretraining.masked.objective import Normalisation

EPSILON = 1e-6


def motion(x: Tensor, stride: int = 1) -> Tensor:
    """Return ``x[t + stride] - x[t]`` of (..., T, V, C) positions; the last ``stride`` frames are zero.

    Raises:
        ValueError: ``stride`` outside 1 .. T - 1.
    """
    num_frames = x.shape[-3]
    if not 1 <= stride < num_frames:
        raise ValueError(f"stride {stride} is outside 1..{num_frames - 1}")
    later, earlier = x[..., stride:, :, :], x[..., :-stride, :, :]
    return torch.cat([later - earlier, torch.zeros_like(x[..., :stride, :, :])], -3)


def normalise(patches: Tensor, by: Normalisation) -> Tensor:
    """Subtract the mean and divide by ``sqrt(var + 1e-6)``, the variance unbiased.

    Args:
        patches: (B, L, P) raw targets.
        by: ``patch``, each patch by its own numbers (published: every patch weighs the same, however small
            its motion); ``sequence``, by those of the body's whole clip (large motion keeps its weight);
            ``none``.

    Returns:
        (B, L, P).
    """
    if by == "none":
        return patches
    axes = (-1,) if by == "patch" else (-2, -1)
    variance, mean = torch.var_mean(patches, axes, keepdim=True)
    return (patches - mean) / (variance + EPSILON).sqrt()


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
