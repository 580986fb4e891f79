"""The two backbones, networks from clips to a feature map; and how a model is used without changing it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

import torch
from torch import nn

from skelact.errors import ConfigurationError
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import Absent, EncoderConfig, STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.skeleton.topology import Topology

Module = TypeVar("Module", bound=nn.Module)

Backbone: TypeAlias = SkeletonEncoder | STGCN
"""A network from clips to features per body, time step and joint."""


def build_backbone(
    config: EncoderConfig | STGCNConfig, topology: Topology, absent: Absent = "skip"
) -> Backbone:
    """Return the untrained backbone whose sizes ``config`` gives, for skeletons of ``topology``.

    Raises:
        ConfigurationError: sizes for another number of joints than the topology has, or an ``absent`` that
            the backbone does not know.
    """
    if isinstance(config, STGCNConfig):
        if absent != STGCN.absent:
            raise ConfigurationError(f"absent is {absent!r}, but an ST-GCN skips absent bodies: 'skip'")
        return STGCN(config, topology)
    if config.num_joints != topology.num_joints:
        raise ConfigurationError(
            f"encoder.num_joints is {config.num_joints}, but {topology.name} has {topology.num_joints} joints"
        )
    return SkeletonEncoder(config, absent)


def num_time_steps(config: EncoderConfig | STGCNConfig, num_frames: int) -> int:
    """Return the time steps T' of a backbone's feature map of clips of ``num_frames``."""
    return config.num_steps(num_frames) if isinstance(config, STGCNConfig) else config.num_steps


@contextmanager
def frozen(model: Module, device: torch.device | str | None = None) -> Iterator[Module]:
    """Give ``model`` in evaluation mode, learning nothing, on ``device``; afterwards it is as it was.

    Of every part it is remembered whether it trains, and of every parameter whether it learns: they need not
    be alike. An error in the block changes nothing of that.

    Args:
        model: with all its parameters and buffers on one device.
        device: where the block needs it; None leaves it where it is.
    """
    modes = [(module, module.training) for module in model.modules()]
    learning = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    before = next(itertools.chain(model.parameters(), model.buffers()), torch.empty(0)).device
    try:
        model.eval().requires_grad_(False)
        if device is not None:
            model.to(device)
        yield model
    finally:
        model.to(before)
        for module, mode in modes:
            module.training = mode
        for parameter, learns in learning:
            parameter.requires_grad_(learns)
