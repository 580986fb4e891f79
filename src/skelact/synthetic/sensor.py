"""The sensor: noise, guessed and jumping joints; and its tracker: ids, gaps, and bodies that are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.skeleton.tables import NTU_25
from skelact.synthetic.kinematics import Array

TRACKED, INFERRED = 2, 1
"""Tracking states of a joint; 0 would be a joint not seen at all."""

_NOISE = {"Spine": 0.005, "Neck": 0.006, "Head": 0.007, "Shoulder": 0.007, "Hip": 0.006, "Elbow": 0.009,
          "Knee": 0.009, "Wrist": 0.011, "Ankle": 0.012, "Hand": 0.012, "Foot": 0.015, "HandTip": 0.018,
          "Thumb": 0.018}  # fmt: skip
"""Standard deviation of a joint's white noise along each axis, metres, at three metres from the camera."""
_SLOW_SHARE = 0.9
"""Standard deviation of the slowly varying error as a share of the white one."""
_SLOW_KNOT = 8
"""Frames between two independent values of the slow error; it is interpolated in between."""
_HIDDEN_FACTOR = 2.5
"""By how much the slow error of a hidden joint grows."""
_JUMPS_PER_FRAME = 0.06
"""Jumps of a body's joint, per frame, at limbs' ends and inner joints together."""


def _joint_noise() -> Array:
    values = []
    for joint in NTU_25.joints:
        kind = joint.replace("Left", "").replace("Right", "")
        values.append(_NOISE.get(kind, _NOISE["Spine"]))
    return np.array(values)


_JOINT_NOISE = _joint_noise()
_SPINE_MID = NTU_25.index("SpineMid")
_SPINE = [NTU_25.index(joint) for joint in ("SpineBase", "SpineMid", "SpineShoulder")]
_LIMBS = [joint for joint, name in enumerate(NTU_25.joints) if not name.startswith(("Spine", "Neck", "Head"))]
_PAIRS = np.array(NTU_25.pairs)


def hidden_joints(positions: Array) -> npt.NDArray[np.bool_]:
    """Return which joints (T, V) of a body (T, V, 3), in the camera's axes, stand behind the body itself.

    A joint of a limb is hidden behind the trunk, or behind its partner of the other side.
    """
    hidden = np.zeros(positions.shape[:2], dtype=np.bool_)
    limbs, spine = positions[:, _LIMBS], positions[:, _SPINE].mean(1)[:, None]
    low, high = positions[:, _SPINE[0], None, 1], positions[:, _SPINE[2], None, 1]
    beside = np.abs(limbs[..., 0] - spine[..., 0]) < 0.16
    hidden[:, _LIMBS] = (
        beside & (limbs[..., 2] > spine[..., 2] + 0.10) & (limbs[..., 1] > low) & (limbs[..., 1] < high)
    )
    left, right = positions[:, _PAIRS[:, 0]], positions[:, _PAIRS[:, 1]]
    close = (np.abs(left - right)[..., :2] < 0.08).all(-1)
    hidden[:, _PAIRS[:, 0]] |= close & (left[..., 2] > right[..., 2] + 0.10)
    hidden[:, _PAIRS[:, 1]] |= close & (right[..., 2] > left[..., 2] + 0.10)
    return hidden


def observe(positions: Array, rng: np.random.Generator) -> tuple[Array, npt.NDArray[np.uint8]]:
    """Return what the sensor reports of a body.

    Args:
        positions: true joints (T, V, 3) in the camera's axes, metres.
        rng: source of the errors.

    Returns:
        reported joints (T, V, 3) and tracking states (T, V).
    """
    num_frames, num_joints = positions.shape[:2]
    hidden = hidden_joints(positions)
    scale = _JOINT_NOISE[:, None] * (positions[:, _SPINE_MID, 2].mean() / 3.0)
    white = rng.standard_normal(positions.shape, dtype=np.float32) * scale
    num_knots = num_frames // _SLOW_KNOT + 3
    knots = rng.standard_normal((num_knots, num_joints, 3)) * scale * _SLOW_SHARE
    where = np.arange(num_frames) / _SLOW_KNOT + rng.random()
    low = where.astype(np.int64)
    share = (where - low)[:, None, None]
    share = share * share * (3.0 - 2.0 * share)
    slow = knots[low] * (1.0 - share) + knots[low + 1] * share
    slow *= np.where(hidden, _HIDDEN_FACTOR, 1.0)[..., None]
    reported = positions + white + slow
    states = np.where(hidden & (rng.random(hidden.shape) < 0.8), INFERRED, TRACKED).astype(np.uint8)

    num_jumps = rng.poisson(_JUMPS_PER_FRAME * num_frames)
    joints = rng.choice(num_joints, num_jumps, p=_JOINT_NOISE / _JOINT_NOISE.sum())
    firsts = rng.integers(0, num_frames, num_jumps)
    spans = rng.integers(1, 5, num_jumps)
    jumps = rng.normal(0.0, 0.09, (num_jumps, 3))
    for joint, first, span, jump in zip(joints, firsts, spans, jumps, strict=True):
        reported[first : first + span, joint] += jump
        states[first : first + span, joint] = INFERRED
    return reported, states


_FIRST_ID = 72057594037927936
"""Body ids of the Kinect v2 start here, at 2 to the power of 56: integers of 17 digits."""

_GAP_SHARE = 0.12
"""Share of people who are lost once for some frames."""
_NEW_ID_SHARE = 0.5
"""Share of gaps after which the person gets a new id."""
_BLACKOUT_SHARE = 0.05
"""Share of recordings in which nobody is seen for some frames."""
_LATE_SHARE = 0.25
"""Share of second people who are found late."""
_PASSING_SHARE = 0.12
"""Share of recordings with a short track of somebody who is not there."""
_FURNITURE_SHARE = 0.08
"""Share of recordings in which a piece of furniture is taken for a body."""


@dataclass(frozen=True)
class SensorTrack:
    """What the sensor wrote under one body id."""

    body_id: int
    frames: npt.NDArray[np.int64]
    """(n,) frame numbers, ascending."""
    positions: Array
    """(n, V, 3) in the camera's axes, metres."""
    states: npt.NDArray[np.uint8]
    """(n, V) tracking states."""
    person: int | None
    """Which of the people it is, None for a body that is none."""


def track_people(
    people: Array, rng: np.random.Generator
) -> tuple[tuple[SensorTrack, ...], npt.NDArray[np.bool_]]:
    """Return the tracks of a recording, in the order of their bodies in each frame, and who was seen when.

    Args:
        people: true joints (M, T, V, 3) in the camera's axes, metres.
        rng: source of the errors.

    Returns:
        the tracks, and presence (M, T).
    """
    num_people, num_frames = people.shape[:2]
    ids = iter((_FIRST_ID + 1 + rng.choice(60000, 8, replace=False)).tolist())
    present = np.ones((num_people, num_frames), dtype=np.bool_)
    if rng.random() < _BLACKOUT_SHARE:
        present[:, _gap(num_frames, rng)] = False
    tracks = []
    for person in range(num_people):
        if person == 1 and rng.random() < _LATE_SHARE:
            present[person, : int(num_frames * rng.uniform(0.05, 0.30))] = False
        reported, states = observe(people[person], rng)
        spans = [np.arange(num_frames)]
        if rng.random() < _GAP_SHARE:
            gap = _gap(num_frames, rng)
            present[person, gap] = False
            if rng.random() < _NEW_ID_SHARE:
                spans = [np.arange(gap.start), np.arange(gap.stop, num_frames)]
        for span in spans:
            frames = span[present[person, span]]
            if len(frames):
                tracks.append(SensorTrack(next(ids), frames, reported[frames], states[frames], person))
    if rng.random() < _PASSING_SHARE:
        tracks.append(_passing(next(ids), people, rng))
    if rng.random() < _FURNITURE_SHARE:
        tracks.append(_furniture(next(ids), people, rng))
    order = rng.permutation(len(tracks))
    return tuple(tracks[number] for number in order), present


def _gap(num_frames: int, rng: np.random.Generator) -> slice:
    """Return one to eight frames, not at the ends."""
    length = int(rng.integers(1, 9))
    start = int(rng.integers(2, num_frames - length - 2))
    return slice(start, start + length)


def _passing(body_id: int, people: Array, rng: np.random.Generator) -> SensorTrack:
    """Return a track of at most eleven frames: a ghost of the first person that glides by elsewhere."""
    num_frames = people.shape[1]
    length = int(rng.integers(2, 12))
    frames = np.arange(length) + int(rng.integers(0, num_frames - length))
    place = np.array(
        [rng.choice((-1.0, 1.0)) * rng.uniform(0.6, 1.2), rng.normal(0.0, 0.1), rng.uniform(-0.3, 0.9)]
    )
    speed = rng.normal(0.0, (0.03, 0.005, 0.02), 3)
    ghost = people[0, frames] + place + speed * np.arange(length)[:, None, None]
    reported, states = observe(ghost, rng)
    return SensorTrack(body_id, frames, reported, states, None)


def _furniture(body_id: int, people: Array, rng: np.random.Generator) -> SensorTrack:
    """Return a still, wide and flat body, as the tracker finds in a table or a shelf."""
    num_frames, num_joints = people.shape[1:3]
    length = int(num_frames * rng.uniform(0.4, 1.0))
    frames = np.arange(length) + int(rng.integers(0, num_frames - length + 1))
    centre = people[0, 0, 0] + (rng.choice((-1.0, 1.0)) * rng.uniform(0.7, 1.2), rng.normal(-0.3, 0.1), 0.4)
    size = np.array([rng.uniform(0.8, 1.2), rng.uniform(0.3, 0.6), 0.4])
    shape = centre + (rng.random((num_joints, 3)) - 0.5) * size
    shake = rng.normal(0.0, 0.01, (length, num_joints, 3))
    states = np.full((length, num_joints), INFERRED, dtype=np.uint8)
    return SensorTrack(body_id, frames, shape + shake, states, None)
