"""Sequences in space as a camera would show them: 2-D positions in pixels, from a place that is drawn.

The camera stands where somebody would put a telephone: in front of the first body or beside it, at its height
or above, and looks at the middle of all that happens. The picture is not mirrored: the left of a person who
faces the camera is on the right, and y grows downwards.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.skeleton.joint_names import common_names
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import ADULT, Axis, body_size, view_rotations

PICTURE = (1920, 1080)
"""Width and height of the picture, pixels."""
FOCAL_LENGTH = 1000.0
"""In pixels: a picture 88 degrees wide."""
DISTANCE = (2.0, 5.0)
"""From where to where the camera stands from the middle of all bodies; metres of an adult."""
TILT = (-10.0, 30.0)
"""By how many degrees it looks down, from where to where; below 0 it looks up."""
ROLL = 5.0
"""By how many degrees, at most, it is turned in the plane of the picture."""
NEAREST = 0.2
"""Joints that are less deep before the camera, or behind it, are not seen; metres of an adult."""
LASTING = 0.6
"""The correlation of an estimator's errors in one frame and the next."""
STRETCHES = (4, 15)
"""For how many frames it misses a joint, from and to."""

Floats = npt.NDArray[np.float64]


def project(
    sequence: SkeletonSequence, up: Axis, turn: float, draws: np.random.Generator
) -> SkeletonSequence:
    """Return what a camera that is drawn sees of a sequence.

    Lengths are measured in the size of its first body, so the unit of the positions does not matter.

    Args:
        sequence: (M, T, V, 3) positions.
        up: their axis that points up.
        turn: by how many degrees, at most, the camera stands to the left or right of the first body's front;
            180: anywhere around it.
        draws: what the camera's place is drawn from: four numbers.

    Returns:
        (M, T, V, 2) positions in pixels of a picture of :data:`PICTURE`; a joint that is behind the camera is
        missing, and so is a body all of whose joints are.

    Raises:
        ConfigurationError: a skeleton without left and right.
        DataError: no frame tells which way the first body faces, or how large it is.
    """
    seen = sequence.seen
    bodies = np.flatnonzero(seen.any((1, 2)))
    if not bodies.size:
        raise DataError(f"{sequence.name}: not one joint is seen")
    first = bodies[0]
    rotations, is_told = view_rotations(
        sequence.positions[first], seen[first], sequence.topology, "upright", up
    )
    size = float(body_size(sequence.positions[first], seen[first]))
    if not is_told.any() or not size > 0:
        raise DataError(f"{sequence.name}: no frame shows which way its first body faces and how large it is")
    places = sequence.positions.astype(np.float64)
    middle = places[seen].mean(0)
    # x to the body's right, y up, z to its back, and then as the camera is placed
    upright = (places - middle) @ rotations[int(is_told.argmax())].T * (ADULT / size)
    around, down, far, roll = draws.random(4)
    camera = (
        upright
        @ (
            _about(2, ROLL * (2 * roll - 1))
            @ _about(0, -(TILT[0] + (TILT[1] - TILT[0]) * down))
            @ _about(1, turn * (2 * around - 1))
        ).T
    )
    depth = camera[..., 2] + DISTANCE[0] + (DISTANCE[1] - DISTANCE[0]) * far
    is_before = depth > NEAREST
    seen = seen & is_before
    aside = FOCAL_LENGTH * camera[..., :2] / np.where(is_before, depth, 1.0)[..., None]
    pixels = np.where(seen[..., None], np.array(PICTURE) / 2 - aside, 0.0).astype(np.float32)
    present = seen.any(-1)
    has_gaps = bool((~seen & present[..., None]).any())
    return replace(sequence, positions=pixels, present=present, joint_present=seen if has_gaps else None)


def with_errors(
    sequence: SkeletonSequence, jitter: float, hidden: float, draws: np.random.Generator
) -> SkeletonSequence:
    """Return a sequence with errors as an estimator of key points makes them.

    How large they are, and how often joints are missed, is drawn once for the sequence, from none to the
    most. Errors last for some frames, as an estimator's do: a Gaussian process of first order, whose
    correlation from frame to frame is :data:`LASTING`. It is a model of ours, fitted to no estimator.

    Args:
        sequence: (M, T, V, C) positions.
        jitter: the most that the standard deviation of a coordinate may be, in sizes of the body.
        hidden: the largest share of its time for which a joint may be missed, in stretches of 4 to 15 frames;
            hips, shoulders and the topology's centre are found always.
        draws: what both are drawn from.

    Returns:
        (M, T, V, C) positions in the unit of the sequence's; those of a missed joint are zero, and a body all
        of whose joints are missed is absent.
    """
    shape = sequence.positions.shape
    seen = sequence.seen.copy()
    deviation, share = draws.random(2) * (jitter, hidden)
    sizes = np.nan_to_num(body_size(sequence.positions, seen))
    errors = draws.standard_normal((shape[1], shape[0], *shape[2:]))
    for frame in range(1, shape[1]):
        errors[frame] = LASTING * errors[frame - 1] + np.sqrt(1 - LASTING**2) * errors[frame]
    moved = sequence.positions + deviation * sizes[:, None, None, None] * errors.swapaxes(0, 1)
    names = common_names(sequence.topology.joints)
    found = {index for name, index in names.items() if name.startswith(("Hip", "Shoulder"))}
    found.add(sequence.topology.centre)
    for body, joint in np.ndindex(shape[0], shape[2]):
        frame = 0
        while joint not in found and frame < shape[1]:
            length = int(draws.integers(*STRETCHES, endpoint=True))
            if draws.random() < share:
                seen[body, frame : frame + length, joint] = False
            frame += length
    present = np.asarray(seen.any(-1))
    has_gaps = bool((~seen & present[..., None]).any())
    return replace(
        sequence,
        positions=np.where(seen[..., None], moved, 0.0).astype(np.float32),
        present=present,
        joint_present=seen if has_gaps else None,
    )


def _about(axis: int, degrees: float) -> Floats:
    """Return the (3, 3) rotation of column vectors about an axis."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    rotation, (a, b) = np.eye(3), ((axis + 1) % 3, (axis + 2) % 3)
    rotation[[a, a, b, b], [a, b, a, b]] = cos, -sin, sin, cos
    return rotation
