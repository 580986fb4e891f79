"""What a backbone is: a network that turns clips into a feature map. There are two.

A model in evaluation mode for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import Absent, EncoderConfig, STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.skeleton.topology import Topology


class BackboneConfig(Protocol):
    """Sizes of a backbone."""

    @property
    def width(self) -> int:
        """Size D of the features."""

    @property
    def num_coordinates(self) -> int:
        """Coordinates C of a joint."""


class Backbone(Protocol):
    """A network from clips to features per body, time step and joint, as its users see it."""

    absent: Absent
    """Whether absent bodies are left out, or run as zeros."""
    training: bool
    """Whether it trains, as of any torch module."""

    @property
    def config(self) -> BackboneConfig:
        """Its sizes."""

    def __call__(self, clips: Tensor, present: Tensor | None = None, absent: Absent | None = None) -> Tensor:
        """Map (N, M, T, V, C) clips, with (N, M) bodies present, to (N, M, T', V, D) features."""

    def check(self, clips: Tensor) -> None:
        """Raise ConfigurationError unless ``clips`` have sizes that the backbone takes."""

    def eval(self) -> Self:
        """Switch to evaluation, as of any torch module."""

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation, as of any torch module."""

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let the parameters learn or not, as of any torch module."""

    def to(self, device: torch.device | str) -> Self:
        """Move to a device, as of any torch module."""


def build_backbone(
    config: EncoderConfig | STGCNConfig, topology: Topology, absent: Absent = "skip"
) -> SkeletonEncoder | STGCN:
    """Return the untrained backbone whose sizes ``config`` gives, for skeletons of ``topology``.

    Raises:
        ConfigurationError: sizes for another number of joints than the topology has.
    """
    if isinstance(config, STGCNConfig):
        return STGCN(config, topology, absent)
    if config.num_joints != topology.num_joints:
        raise ConfigurationError(
            f"encoder.num_joints is {config.num_joints}, but {topology.name} has {topology.num_joints} joints"
        )
    return SkeletonEncoder(config, absent)


def num_time_steps(config: EncoderConfig | STGCNConfig, num_frames: int) -> int:
    """Return the time steps T' of a backbone's feature map of clips of ``num_frames``."""
    return config.num_steps(num_frames) if isinstance(config, STGCNConfig) else config.num_steps


@contextmanager
def evaluation_mode(model: nn.Module | Backbone) -> Iterator[None]:
    """Put a model into evaluation mode; afterwards, also after an error, it is in the mode that it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
