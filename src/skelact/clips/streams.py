"""Streams: what a clip shows of the skeleton - joints, bones, or the motion of either."""

from __future__ import annotations

import torch
from torch import Tensor

from skelact.clips.settings import STREAMS
from skelact.errors import ConfigurationError, suggest
from skelact.skeleton.topology import Topology


def bones(positions: Tensor, topology: Topology) -> Tensor:
    """Return ``joint - parent`` for every joint; the root's bone is 0.

    Args:
        positions: (..., V, C) in metres.
        topology: the skeleton, of V joints.
    """
    parents = torch.tensor(topology.parents, device=positions.device)
    return positions - positions.index_select(-2, parents)


def motion(positions: Tensor) -> Tensor:
    """Return ``next frame - this frame``; the last frame's motion is 0.

    Args:
        positions: (..., T, V, C).
    """
    return torch.diff(positions, dim=-3, append=positions[..., -1:, :, :])


def to_stream(positions: Tensor, stream: str, topology: Topology) -> Tensor:
    """Return ``positions`` as the stream called ``stream``.

    Args:
        positions: (..., T, V, C) joint positions in metres.
        stream: one of :data:`STREAMS`.
        topology: the skeleton, of V joints.

    Raises:
        ConfigurationError: there is no such stream.
    """
    if stream not in STREAMS:
        raise ConfigurationError(f"stream {stream!r} is not known{suggest(stream, STREAMS)}")
    if stream.startswith("bone"):
        positions = bones(positions, topology)
    return motion(positions) if stream.endswith("motion") else positions
