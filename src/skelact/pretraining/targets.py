"""What hidden tokens are asked for: motion or coordinates, normalised."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Target = Literal["motion", "coordinates"]
Normalisation = Literal["patch", "sequence", "none"]
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
