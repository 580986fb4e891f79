"""Stochastic depth (Huang et al., ECCV 2016): while training, a body skips a block's branch now and then."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError


class StochasticDepth(nn.Module):
    """Drops a residual branch for some bodies and scales it up for the others, so that its mean stays.

    Does nothing in evaluation or at rate 0, and then draws nothing.
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Map the (B, ...) branch of B bodies to one of the same shape."""
        if not self.training or self.rate == 0:
            return branch
        keep = 1 - self.rate
        is_kept = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) < keep
        return branch * (is_kept.to(branch.dtype) / keep)


def set_stochastic_depth(encoder: nn.Module, rate: float) -> None:
    """Let the rate of an encoder's blocks rise evenly from 0 in the first to ``rate`` in the last.

    Raises:
        ConfigurationError: a rate outside [0, 1), or an encoder whose blocks cannot be skipped.
    """
    if not 0 <= rate < 1:
        raise ConfigurationError(f"stochastic_depth is {rate}, expected 0 or more and less than 1")
    blocks = encoder.get_submodule("blocks")
    assert isinstance(blocks, nn.ModuleList)  # encoders are stacks of blocks
    if rate > 0 and not all(hasattr(block, "branch") for block in blocks):
        raise ConfigurationError(
            f"stochastic_depth is {rate}, but blocks of {type(encoder).__name__} cannot be skipped; "
            "set it to 0 (--stochastic_depth 0)"
        )
    for block, each in zip(blocks, torch.linspace(0, rate, len(blocks)).tolist(), strict=True):
        if isinstance(branch := getattr(block, "branch", None), StochasticDepth):
            branch.rate = each
