"""The change of joint density from one time step to the next: the signal that steers masking."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

FirstStep = Literal["zero", "copy"]


def density_change(density: Tensor, first: FirstStep = "zero") -> Tensor:
    """Return ``|D_t - D_(t-1)|``.

    Args:
        density: (..., T, V) density.
        first: what the first step, which has no step before it, gets: ``zero``, as the published code does
            (so the first patch is the least likely to be masked), or ``copy`` of the second step's change.

    Returns:
        (..., T, V), not negative; zero throughout for a single step.
    """
    if density.shape[-2] == 1:
        return torch.zeros_like(density)
    later = density.diff(dim=-2).abs()
    before = torch.zeros_like(later[..., :1, :]) if first == "zero" else later[..., :1, :]
    return torch.cat([before, later], -2)
