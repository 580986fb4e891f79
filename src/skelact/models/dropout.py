"""Dropout that costs little on a CPU, where torch's own draws one number after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError

STEPS = 2**16
"""A number is dropped by 16 random bits, four numbers by one draw; the rate is rounded to such steps."""


class Dropout(nn.Module):
    """Sets a share of the numbers to zero while it trains, and scales the others so that their mean stays.

    On other devices than a CPU it is torch's own.

    Args:
        rate: the share.

    Raises:
        ConfigurationError: a rate outside [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ConfigurationError(f"dropout is {rate}, expected a share in [0, 1)")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Map a tensor to one of the same shape."""
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.rate)
        num_dropped = min(round(self.rate * STEPS), STEPS - 1)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        is_kept = bits >= num_dropped - STEPS // 2
        return x * is_kept.to(x.dtype).mul_(STEPS / (STEPS - num_dropped))
