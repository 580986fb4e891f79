"""Whether left and right are where the topology says: people's toes and noses point to their front."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.skeleton.joint_names import common_names
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import body_axes, frame_sizes

_FORWARD = (
    (("AnkleLeft",), ("BigToeLeft",)),
    (("AnkleRight",), ("BigToeRight",)),
    (("AnkleLeft",), ("FootLeft",)),
    (("AnkleRight",), ("FootRight",)),
    (("EarLeft", "EarRight"), ("Nose",)),
)
"""From the mean of some joints to others: what points forward on a body."""
_FAINT = 0.05


def share_facing_forward(
    positions: npt.NDArray[np.floating[Any]], seen: npt.NDArray[np.bool_], topology: Topology
) -> tuple[float, int] | None:
    """Return in what share of bodies toes and nose point to the front, as left and right tell it.

    The front is the vector product of the trunk, from the hips up, and the line from left to right. Where
    recordings are mirrored, or left and right exchanged, the share is near 0 instead of near 1. Bodies whose
    toes and nose point to neither side do not count.

    Args:
        positions: (R, V, C) bodies.
        seen: (R, V) which of their joints were seen.
        topology: their skeleton.

    Returns:
        The share, and of how many bodies. None where it cannot be told: of positions in the plane, of
        skeletons without hips, shoulders and feet or face, or where no body shows them.
    """
    axes, named = body_axes(topology), common_names(topology.joints)
    pairs = [pair for pair in _FORWARD if all(joint in named for end in pair for joint in end)]
    if positions.shape[2] != 3 or not (axes.left and axes.low and axes.high and pairs):
        return None

    def between(start: tuple[int, ...], end: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Return (R, 3) vectors, 0 where a joint was not seen."""
        vectors = positions[:, list(end)].mean(1) - positions[:, list(start)].mean(1)
        is_seen = np.asarray(seen[:, [*start, *end]].all(1))
        return np.where(is_seen[:, None], vectors, 0).astype(np.float64)

    front = np.cross(between(axes.low, axes.high), between(axes.left, axes.right))
    length = np.linalg.norm(front, axis=1)
    forward = np.zeros_like(front)
    for pair in pairs:
        start, end = (tuple(named[joint] for joint in joints) for joints in pair)
        forward += between(start, end)
    ahead = np.asarray((forward * front).sum(1) / np.where(length > 0, length, 1))
    size = frame_sizes(positions, seen)
    tells = np.asarray((length > _FAINT * size**2) & (np.abs(ahead) > _FAINT * size))
    return (float((ahead[tells] > 0).mean()), int(tells.sum())) if tells.any() else None
