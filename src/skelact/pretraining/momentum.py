"""A copy of a network that follows it slowly: the momentum encoder of contrast, a teacher of distillation."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError


@torch.no_grad()
def follow(network: nn.Module, original: nn.Module, momentum: float) -> None:
    """Move every weight of ``network`` to ``momentum * own + (1 - momentum) * original``.

    Raises:
        ValueError: the two have other parameters.
    """
    own, theirs = dict(network.named_parameters()), dict(original.named_parameters())
    if own.keys() != theirs.keys():
        raise ValueError(f"not the original of this copy: {sorted(own.keys() ^ theirs.keys())} differ")
    for name, weight in own.items():
        weight.lerp_(theirs[name], 1 - momentum)


class MomentumCopy(nn.Module):
    """A copy of a network whose weights follow the original's slowly and get no gradient.

    Running statistics of normalisations are not weights: the copy, which in training mode sees batches of its
    own, keeps its own, as published (He et al., *MoCo*, CVPR 2020).

    Args:
        network: the original; it is copied, not kept.
        momentum: share of the old weights that an update keeps, in [0, 1].

    Raises:
        ConfigurationError: a momentum outside [0, 1].
    """

    def __init__(self, network: nn.Module, momentum: float = 0.999) -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ConfigurationError(f"momentum is {momentum}, expected a share in [0, 1]")
        self.momentum = momentum
        self.network = copy.deepcopy(network).requires_grad_(False)

    def update(self, original: nn.Module) -> None:
        """Follow the original, as :func:`follow` does.

        Raises:
            ValueError: the original has other parameters than the copy.
        """
        follow(self.network, original, self.momentum)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Run the copy. Its weights get no gradient; inputs that need one do, like a mask before a head."""
        output: Tensor = self.network(*inputs)
        return output
