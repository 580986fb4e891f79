"""Batch normalisation whose statistics are those of the global batch, however many processes share it.

torch's own synchronised one works on GPUs only and takes every process to have samples; a process whose clips
show nobody has none.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from skelact.errors import ConfigurationError

MOMENTUM = 0.1
"""Share of a batch in the running statistics."""


class BatchNorm(nn.Module):
    """Normalises every channel of (..., C) over all other axes, and over all processes while it trains.

    In evaluation the running statistics are used. They are updated with the unbiased variance, as torch does.

    Args:
        num_channels: channels C.
        epsilon: added to the variance.
        affine: whether a learned weight and bias follow for every channel.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_channels: int, epsilon: float = 1e-5, *, affine: bool = True) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(num_channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_channels))
        self.register_buffer("running_var", torch.ones(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C).

        Raises:
            ConfigurationError: training on a single number a channel, which has no variance.
        """
        num_processes = dist.get_world_size() if dist.is_initialized() else 1
        if self.training and num_processes > 1:
            return self._over_processes(x)
        if x.numel() == 0:
            return x
        if self.training:
            _check_count(x.numel() // x.shape[-1])
        normalised = batch_norm(
            x.movedim(-1, 1),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            MOMENTUM,
            self.epsilon,
        )
        return normalised.movedim(1, -1)

    def _over_processes(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2).float()  # (R, C); R may differ, and may be 0 in some processes
        total = _sum(torch.cat([rows.sum(0), rows.new_tensor([len(rows)])]))
        count = total[-1].detach()
        if len(rows) < 2:  # else nobody has to wait for the device to tell
            _check_count(int(count))
        mean = total[:-1] / count
        variance = _sum((rows - mean).square().sum(0)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, MOMENTUM)
            self.running_var.lerp_(variance * count / (count - 1), MOMENTUM)
        normalised = (rows - mean) * (variance + self.epsilon).rsqrt()
        if self.weight is not None and self.bias is not None:
            normalised = normalised * self.weight + self.bias
        return normalised.to(x.dtype).view(x.shape)


def _check_count(count: int) -> None:
    if count < 2:
        raise ConfigurationError(
            "a batch of a single sample has no statistics; train on more sequences or frames at a time"
        )


def _sum(x: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    """The sum over processes. Its gradient is the sum of theirs, for each of them uses the result."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
