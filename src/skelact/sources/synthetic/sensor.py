"""The sensor's errors: noise, hidden joints that are guessed, single joints that jump."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skelact.skeleton.tables import NTU_25
from skelact.sources.synthetic.kinematics import Array

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
