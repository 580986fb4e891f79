"""Where a prepared sequence has its origin, which way it is turned, and in which unit it is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence

Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
"""An axis of positions and its direction; ``-y`` is up in pictures, whose y grows downwards."""
Unit = Literal["m", "mm", "px"]
"""What positions are measured in: metres, millimetres, or the pixels of a picture."""


def centre(sequence: SkeletonSequence) -> SkeletonSequence:
    """Move the origin to the first body's centre joint in the first frame in which that joint is seen.

    The first body is the first of which any joint is seen. If its centre joint never is, the mean of its seen
    joints in the first frame that has any takes its place. The same shift (metres) goes to every joint that
    is seen; missing joints and absent bodies keep positions of zero.

    Raises:
        DataError: not one joint is seen.
    """
    seen = np.broadcast_to(sequence.present[:, :, None], sequence.positions.shape[:3])
    if sequence.joint_present is not None:
        seen = seen & sequence.joint_present
    bodies = np.flatnonzero(seen.any((1, 2)))
    if not bodies.size:
        raise DataError(f"{sequence.name}: no joint of any body is seen, so there is no origin")
    origin = _origin(sequence.positions[bodies[0]], seen[bodies[0]], sequence.topology.centre)
    positions = sequence.positions - origin
    if not seen.all():
        positions[~seen] = 0
    return replace(sequence, positions=positions)


def _origin(
    positions: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_], centre_joint: int
) -> npt.NDArray[np.float32]:
    """Return the origin (C,) of a body with (T, V, C) positions, of which (T, V) joints are seen."""
    with_centre = np.flatnonzero(seen[:, centre_joint])
    origin: npt.NDArray[np.float32]
    if with_centre.size:
        origin = positions[with_centre[0], centre_joint]
    else:
        first = int(np.argmax(seen.any(1)))
        origin = positions[first, seen[first]].mean(0)
    return origin
