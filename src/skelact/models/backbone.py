"""The backbones, networks from clips to a feature map; and how a model is used without changing it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import Absent, EncoderConfig, STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.models.token_encoder import TokenEncoder
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.skeleton.topology import Topology

Module = TypeVar("Module", bound=nn.Module)

Backbone: TypeAlias = SkeletonEncoder | STGCN | TokenEncoder
"""A network from clips to features per body, time step and joint."""
BackboneConfig: TypeAlias = EncoderConfig | STGCNConfig | TokenEncoderConfig
"""The sizes of one."""


def build_backbone(config: BackboneConfig, topology: Topology, absent: Absent = "skip") -> Backbone:
    """Return the untrained backbone whose sizes ``config`` gives, for skeletons of ``topology``.

    Raises:
        ConfigurationError: sizes for another number of joints than the topology has, or an ``absent`` that
            the backbone does not know.
    """
    if not isinstance(config, EncoderConfig):
        if absent != "skip":
            kind = "an ST-GCN" if isinstance(config, STGCNConfig) else "a transformer over joint tokens"
            raise ConfigurationError(f"absent is {absent!r}, but {kind} skips absent bodies: 'skip'")
        return STGCN(config, topology) if isinstance(config, STGCNConfig) else TokenEncoder(config, topology)
    if config.num_joints != topology.num_joints:
        raise ConfigurationError(
            f"encoder.num_joints is {config.num_joints}, but {topology.name} has {topology.num_joints} joints"
        )
    return SkeletonEncoder(config, absent)


def num_time_steps(config: BackboneConfig, num_frames: int) -> int:
    """Return the time steps T' of a backbone's feature map of clips of ``num_frames``."""
    return config.num_steps if isinstance(config, EncoderConfig) else config.num_steps(num_frames)


def features_of(encoder: Backbone, clips: Tensor, present: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the (N, M, T', V, D) features of clips.

    Args:
        encoder: on the device of the clips.
        clips: (N, M, T, V, C) positions.
        present: (N, M) bool, True for bodies in the clip.
        seen: (N, M, T, V) bool, True where a joint was seen; only an encoder in which tokens can be missing
            is told. Default: all.
    """
    told = (seen,) if isinstance(encoder, TokenEncoder) else ()
    features: Tensor = encoder(clips, present, *told)
    return features


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
