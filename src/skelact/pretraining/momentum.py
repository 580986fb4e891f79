"""The momentum copy: a slow average of a network, which gives steady targets.

Source: He et al., *Momentum Contrast for Unsupervised Visual Representation Learning*, CVPR 2020.
"""

from __future__ import annotations

import copy
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError, suggest

Buffers = Literal["own", "copy"]


class MomentumCopy(nn.Module):
    """A copy of a network whose weights follow the original's slowly and get no gradient.

    Running statistics of normalisations are not weights. ``buffers="own"`` leaves them to the copy, which in
    training mode sees batches of its own, as published; ``buffers="copy"`` takes the original's at every
    update, for a copy that is used in evaluation mode.

    Args:
        network: the original; it is copied, not kept.
        momentum: share of the old weights that an update keeps, in [0, 1].
        buffers: what becomes of running statistics.

    Raises:
        ConfigurationError: a momentum outside [0, 1], or another word for ``buffers``.
    """

    def __init__(self, network: nn.Module, momentum: float = 0.999, buffers: Buffers = "own") -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ConfigurationError(f"momentum is {momentum}, expected a share in [0, 1]")
        if buffers not in get_args(Buffers):
            raise ConfigurationError(f"buffers is {buffers!r}{suggest(buffers, get_args(Buffers))}")
        self.momentum, self.buffers_from = momentum, buffers
        self.network = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, original: nn.Module) -> None:
        """Move every weight to ``momentum * own + (1 - momentum) * original``.

        Raises:
            ValueError: the original has other parameters than the copy.
        """
        own, theirs = dict(self.network.named_parameters()), dict(original.named_parameters())
        if own.keys() != theirs.keys():
            raise ValueError(f"not the original of this copy: {sorted(own.keys() ^ theirs.keys())} differ")
        for name, weight in own.items():
            weight.lerp_(theirs[name], 1 - self.momentum)
        if self.buffers_from == "copy":
            buffers = dict(original.named_buffers())
            for name, buffer in self.network.named_buffers():
                buffer.copy_(buffers[name])

    def forward(self, *inputs: Tensor) -> Tensor:
        """Run the copy. Its weights get no gradient; inputs that need one do, like a mask before a head."""
        output: Tensor = self.network(*inputs)
        return output
