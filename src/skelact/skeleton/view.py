"""Where a sequence has its origin, whose axes its positions have, and how large its body is.

In the axes of a body x goes from its left to its right, y up, and z to its back. Those of a person who faces
a Kinect are the camera's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.joint_names import common_names
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology

Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
"""An axis of positions and its direction; ``-y`` is up in pictures, whose y grows downwards."""
Unit = Literal["m", "mm", "px"]
"""What positions are measured in: metres, millimetres, or the pixels of a picture."""
NamedUnit = Literal["m", "cm", "mm", "px", "pixel"]
"""How users and files may call the unit of raw positions; ``px`` and ``pixel`` are one."""
METRES: Mapping[str, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001}
"""Metres in each unit of 3-D positions."""
View = Literal["camera", "upright", "body"]
"""Whose axes positions have: the camera's; those of the vertical and of the hips; the body's own."""
VIEWS: tuple[View, ...] = get_args(View)

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

ADULT = 0.5
"""The size of an adult's body in m, see :func:`body_size`."""

NEARLY = 0.9
"""Frames count for a body's size that show this share of the joints that any of them does."""
_STANDING = 0.7
"""A body whose feet are below its hips stands along an axis that its trunk leaves by less than 45 degrees,"""
_MOST_STAND = 0.6
"""and an axis points up where at least so large a share of all bodies stand."""
SLANTED = 0.1
"""Hips, or a trunk, seen nearly along the axis that is given already tell no direction: they lie across it
by less than this share of their length."""
COINCIDENT = 0.02
"""Joints nearer to each other than this share of the body's size tell no direction either."""


def centre(sequence: SkeletonSequence) -> SkeletonSequence:
    """Move the origin to the first body's centre joint in the first frame in which that joint is seen.

    The first body is the first of which any joint is seen. If its centre joint never is, the mean of its seen
    joints in the first frame that has any takes its place. The same shift (metres) goes to every joint that
    is seen; missing joints and absent bodies keep positions of zero.

    Raises:
        DataError: not one joint is seen.
    """
    seen = sequence.seen
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


@dataclass(frozen=True)
class BodyAxes:
    """The joints that tell how a body is turned, by their places in the topology; means are taken of each."""

    left: tuple[int, ...]
    """On the left: the hip; without it the shoulder, or whatever has a partner on the right."""
    right: tuple[int, ...]
    """Their partners on the right."""
    low: tuple[int, ...]
    """The lower end of the trunk: the hips."""
    high: tuple[int, ...]
    """The upper end: the shoulders, or a joint above."""
    feet: tuple[int, ...]
    """What stands on the ground: the ankles, or what is at the end of a leg without them."""


def body_axes(topology: Topology) -> BodyAxes:
    """Return the joints of a skeleton that tell how its bodies are turned.

    They are found by name (:mod:`skelact.skeleton.joint_names`); where no hips and shoulders are named, all
    left-right pairs of the topology tell left and right. An end of the trunk that is not there is empty.
    """
    named = common_names(topology.joints)

    def found(*choices: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the first choice all of whose joints are there."""
        whole = (choice for choice in choices if all(joint in named for joint in choice))
        return tuple(named[joint] for joint in next(whole, ()))

    hips, shoulders = ("HipLeft", "HipRight"), ("ShoulderLeft", "ShoulderRight")
    across = found(hips, shoulders)
    pairs = (across,) if across else topology.pairs
    return BodyAxes(
        left=tuple(left for left, _ in pairs),
        right=tuple(right for _, right in pairs),
        low=found(hips, ("SpineBase",)),
        high=found(shoulders, ("SpineShoulder",), ("Neck",), ("Head",), ("Nose",)),
        feet=found(("AnkleLeft", "AnkleRight"), ("FootLeft", "FootRight"), ("KneeLeft", "KneeRight")),
    )


def up_vector(axis: Axis, num_coordinates: int = 3) -> npt.NDArray[np.float64]:
    """Return the (C,) unit vector that points up."""
    vector = np.zeros(num_coordinates)
    vector["xyz".index(axis[-1])] = -1 if axis[0] == "-" else 1
    return vector


def find_up(positions: Floats, seen: Bools, topology: Topology) -> Axis | None:
    """Return the axis along which most bodies stand: shoulders above the hips, and these above both feet.

    Args:
        positions: (R, V, C) bodies.
        seen: (R, V) which of their joints were seen.
        topology: their skeleton.

    Returns:
        None where the skeleton has no hips, shoulders and feet, nobody shows them all, or they do not stand
        along one axis, as people who lie.
    """
    axes = body_axes(topology)
    if not axes.low or not axes.high or not axes.feet:
        return None
    trunk, usable = _vectors(positions, seen, axes.low, axes.high)
    usable &= seen[:, list(axes.feet)].all(1)
    if not usable.any():
        return None
    directions = _unit(trunk[usable])
    mean = directions.mean(0)
    place = int(np.abs(mean).argmax())
    sign = -1 if mean[place] < 0 else 1
    heights = sign * positions[usable, :, place]
    low = heights[:, list(axes.low)]
    stand = sign * directions[:, place] > _STANDING
    stand &= heights[:, list(axes.high)].min(1) > low.max(1)
    stand &= heights[:, list(axes.feet)].max(1) < low.min(1)
    if stand.mean() < _MOST_STAND:
        return None
    axis: Axis = get_args(Axis)[place + (3 if sign < 0 else 0)]
    return axis


def view_rotations(
    positions: Floats, seen: Bools, topology: Topology, view: View, up: Axis
) -> tuple[npt.NDArray[np.float64], Bools]:
    """Return the rotation that brings each body into the axes of a view, by its hips and shoulders.

    ``upright``: y is up, and the hips lie along x as seen from above. ``body``: the hips lie along x, and the
    shoulders above them along y; in the plane, where hips say little, the line from the middle of the hips to
    that of the shoulders lies along y.

    Args:
        positions: (R, V, C) bodies, C = 2 or 3.
        seen: (R, V) which of their joints were seen.
        topology: their skeleton.
        view: upright (3-D only) or body.
        up: the axis of the positions that points up; only for upright.

    Returns:
        (R, C, C) rotations, to be applied to column vectors, and (R,) whether the body tells how to turn it:
        whether hips, and shoulders where they are needed, were seen, in places of their own. Where not, the
        rotation means nothing.

    Raises:
        ConfigurationError: a topology without what the view needs, or 2-D positions that should be upright.
    """
    axes, flat = body_axes(topology), positions.shape[2] == 2
    if flat and view == "upright":
        raise ConfigurationError(
            "2-D positions have no vertical to be turned about, as --clips.view upright does; body turns "
            "them in the plane, and camera leaves them as they are"
        )
    if not (flat or axes.left):
        raise ConfigurationError(
            f"the skeleton {topology.name} has no left and right joints, which tell --clips.view {view} how "
            "a body is turned; call them HipLeft and HipRight, give it pairs, or use --clips.view camera"
        )
    if view == "body" and not (axes.low and axes.high):
        raise ConfigurationError(
            f"the skeleton {topology.name} has no hips or no shoulders, which --clips.view body needs; call "
            "them HipLeft, HipRight, ShoulderLeft, ShoulderRight, or use --clips.view upright or camera"
        )
    if flat:
        trunk, usable = _vectors(positions, seen, axes.low, axes.high)
        y = _unit(trunk)
        return np.stack([np.stack([y[:, 1], -y[:, 0]], 1), y], 1), usable
    across, usable = _vectors(positions, seen, axes.left, axes.right)
    if view == "upright":
        y = np.broadcast_to(up_vector(up), across.shape)
        x, is_across = _perpendicular(across, y)
    else:
        x = _unit(across)
        trunk, has_trunk = _vectors(positions, seen, axes.low, axes.high)
        y, is_across = _perpendicular(trunk, x)
        is_across &= has_trunk
    return np.stack([x, y, np.cross(x, y)], 1), usable & is_across


def frame_sizes(positions: Floats, seen: Bools) -> npt.NDArray[np.float64]:
    """Return how large each body is in its frame: the RMS distance of its joints from their mean.

    Args:
        positions: (..., V, C); what they are where a joint was not seen does not matter.
        seen: (..., V) which joints were seen.

    Returns:
        (...) in the unit of the positions; NaN where fewer than two joints were seen.
    """
    places, num = np.where(seen[..., None], positions, 0.0), seen.sum(-1)
    divisor = np.maximum(num, 1)
    centred = places - (places.sum(-2) / divisor[..., None])[..., None, :]
    square = np.where(seen, np.square(centred).sum(-1), 0).sum(-1) / divisor
    sizes: npt.NDArray[np.float64] = np.where(num > 1, np.sqrt(square), np.nan)
    return sizes


def body_size(positions: Floats, seen: Bools) -> npt.NDArray[np.float64]:
    """Return the size of a body: the RMS distance of its joints from their mean, the median over its frames.

    About 0.5 m for an adult with the joints of NTU RGB+D. Of all frames only those count that show nearly as
    many joints as any of them does, so a body half hidden now and then keeps its size.

    Args:
        positions: (..., T, V, C).
        seen: (..., T, V) which joints were seen.

    Returns:
        (...) in the unit of the positions; NaN where no frame shows two joints.
    """
    num = seen.sum(-1)
    counts = num >= NEARLY * num.max(-1, keepdims=True)
    sizes = np.sort(np.where(counts, frame_sizes(positions, seen), np.nan), -1)  # NaN come last
    middle = np.maximum((~np.isnan(sizes)).sum(-1, keepdims=True) - 1, 0) // 2
    median: npt.NDArray[np.float64] = np.take_along_axis(sizes, middle, -1)[..., 0]
    return median


def _vectors(
    positions: Floats, seen: Bools, start: tuple[int, ...], end: tuple[int, ...]
) -> tuple[npt.NDArray[np.float64], Bools]:
    """Return (R, C) vectors between the means of joints, and whether all were seen, apart from each other."""
    places = positions.astype(np.float64)
    vectors = places[:, list(end)].mean(1) - places[:, list(start)].mean(1)
    apart = np.linalg.norm(vectors, axis=1) > COINCIDENT * frame_sizes(places, seen)  # not where that is NaN
    return vectors, seen[:, [*start, *end]].all(1) & apart


def _perpendicular(
    vectors: npt.NDArray[np.float64], axis: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], Bools]:
    """Return the (R, 3) directions of vectors across unit vectors, and whether they do not go along them."""
    across = vectors - (vectors * axis).sum(1, keepdims=True) * axis
    return _unit(across), np.linalg.norm(across, axis=1) > SLANTED * np.linalg.norm(vectors, axis=1)


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return vectors (..., C) of length 1; those without a length stay 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: npt.NDArray[np.float64] = vectors / np.where(lengths > 0, lengths, 1)
    return unit


def in_the_plane(positions: npt.NDArray[np.floating[Any]], up: Axis | None) -> npt.NDArray[np.float64]:
    """Return what somebody in front sees: the coordinates to the right and upwards.

    Args:
        positions: (..., C).
        up: the axis that points up; None: that of pictures in 2-D, and y in 3-D.

    Returns:
        (..., 2).
    """
    is_flat = positions.shape[-1] == 2
    up = up or ("-y" if is_flat else "y")
    right, upwards = {"x": (1, 0), "y": (0, 1), "z": (0, 2)}[up[-1]]
    seen = positions[..., [right, min(upwards, positions.shape[-1] - 1)]].astype(np.float64)
    if up.startswith("-"):
        seen[..., 1] *= -1
    return seen
