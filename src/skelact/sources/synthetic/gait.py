"""Steps: where the feet stand while the body travels over the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skelact.sources.synthetic.kinematics import Array, apply, turn
from skelact.sources.synthetic.motions import swing

_STEP = 0.45
"""Length of a step, metres, or of a turn, about a radian each."""
_LIFT = 0.09
"""Height by which a stepping foot is lifted, metres."""


@dataclass(frozen=True)
class StepPlan:
    """The feet on a path."""

    feet: tuple[Array, Array]
    """Ankles (T, 3) of the left and the right side, metres."""
    arm_swing: Array
    """(T,) forward swing of the right arm; the left arm does the opposite."""


def plan_steps(floor: Array, heading: Array, stance: float, ankle: float) -> StepPlan:
    """Plan the steps of a body that moves along ``floor`` (T, 3) and turns by ``heading`` (T,).

    The feet step in turn, each to half a step in front of the body, and close up where the path ends. A foot
    stands still between its steps; without a path both stand still.

    Args:
        floor: point under the body, metres.
        heading: turn of the body, rad.
        stance: half the distance of the feet, metres.
        ankle: height of the ankle of a planted foot, metres.
    """
    num_frames = len(heading)
    stride = np.sqrt((np.diff(floor, axis=0) ** 2).sum(1)) + 0.4 * np.abs(np.diff(heading))
    travelled = np.concatenate([[0.0], np.cumsum(stride)])
    total = travelled[-1]
    lift = np.zeros((2, num_frames))
    progress = np.zeros((2, num_frames))
    arm_swing = np.zeros(num_frames)
    if total > 0.03:
        num_steps = max(2, round(total / _STEP) + 2) if total > 0.3 else 2
        phase = travelled / total * num_steps
        reached = [0.0, 0.0]
        for step in range(num_steps):
            foot = step % 2
            landing = min(step + 1.5, num_steps) if step < num_steps - 2 else num_steps
            done = np.clip(phase - step, 0.0, 1.0)
            progress[foot] += (landing - reached[foot]) * done * done * (3.0 - 2.0 * done)
            lift[foot] += swing(done)
            reached[foot] = landing
        progress *= total / num_steps
        speed = np.gradient(phase)
        arm_swing = (
            0.30 * min(1.0, total) * np.sin(np.pi * (phase - 0.5)) * speed / max(float(speed.max()), 1e-9)
        )
    feet = []
    for side, out in enumerate((-1.0, 1.0)):
        where = progress[side]
        spot = np.stack([np.interp(where, travelled, floor[:, axis]) for axis in range(3)], 1)
        facing = np.interp(where, travelled, heading)
        ankles = spot + apply(turn(facing), (out * stance, ankle, 0.0))
        ankles[:, 1] += _LIFT * min(1.0, total / _STEP) * lift[side]
        feet.append(ankles)
    return StepPlan((feet[0], feet[1]), arm_swing)
