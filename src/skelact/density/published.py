"""The density of the published code: random features, bandwidths of one, nothing that learns.

There the density's parameters feed only a sort and never receive a gradient. Here they are what they are in
effect: constants, stored with the model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skelact.density.kernel import density_change, joint_density

NUM_FEATURES = 16
"""Channels of the convolution."""


class FixedDensity(nn.Module):
    """Joint density over a random convolution of the patches along the joint index.

    The convolution (kernel 3, zero padded) mixes joints by index, not by anatomy, and sees absolute
    positions; it is kept for comparison and for published checkpoints.

    Args:
        patch_size: numbers in a patch, frames times coordinates.
        num_joints: joints V.
    """

    conv_weight: Tensor
    conv_bias: Tensor
    log_bandwidth: Tensor
    log_channel_weight: Tensor
    log_joint_weight: Tensor

    def __init__(self, patch_size: int, num_joints: int) -> None:
        super().__init__()
        convolution = nn.Conv1d(patch_size, NUM_FEATURES, kernel_size=3, padding=1)
        self.register_buffer("conv_weight", convolution.weight.detach().clone())
        self.register_buffer("conv_bias", convolution.bias.detach().clone())  # type: ignore[union-attr]
        self.register_buffer("log_bandwidth", torch.zeros(num_joints, NUM_FEATURES))
        self.register_buffer("log_channel_weight", torch.zeros(NUM_FEATURES))
        self.register_buffer("log_joint_weight", torch.zeros(num_joints))

    def features(self, patches: Tensor) -> Tensor:
        """Return (..., V, 16) features of (..., V, patch_size) patches."""
        flat = patches.reshape(-1, *patches.shape[-2:])
        channels = nn.functional.conv1d(flat.mT, self.conv_weight, self.conv_bias, padding=1)
        return channels.mT.reshape(*patches.shape[:-1], len(self.conv_bias))

    def density(self, patches: Tensor) -> Tensor:
        """Return (..., V) density of (..., V, patch_size) patches."""
        return joint_density(
            self.features(patches),
            log_bandwidth=self.log_bandwidth,
            log_channel_weight=self.log_channel_weight,
            log_joint_weight=self.log_joint_weight,
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Return (..., T', V) density change of (..., T', V, patch_size) patches."""
        return density_change(self.density(patches))
