"""What a person does besides the action: posture, sway, glances, shifts of weight, a restless free hand."""

from __future__ import annotations

import numpy as np

from skelact.sources.synthetic.actor import BOTH, SIGN, Actor
from skelact.sources.synthetic.kinematics import Array
from skelact.sources.synthetic.motions import drift, ease, stay
from skelact.sources.synthetic.scene import Scene

_GLANCES_PER_SECOND = 0.15
_WEIGHT_SHIFTS_PER_SECOND = 0.15
_FIDGETS_PER_SECOND = 0.10

# Places a free hand goes to, in the axes of the pelvis with x to the outside, metres.
_FIDGET_PLACES = (
    (0.20, 0.02, -0.02),  # hand on the hip
    (0.14, -0.16, -0.14),  # front of the thigh
    (0.10, 0.08, -0.20),  # in front of the belt
    (0.26, -0.10, -0.12),  # a loose swing to the side
)


def hold_posture(actor: Actor, times: Array, rng: np.random.Generator) -> None:
    """Give the trunk its posture and its idle motion; call before the actor settles."""
    habits = actor.habits
    restless = habits.restless * float(np.exp(rng.normal(0.0, 0.25)))
    actor.spine_bow += habits.hunch + rng.normal(0.0, 0.03)
    actor.head_bow += habits.gaze + rng.normal(0.0, 0.06)
    actor.head_turn += rng.normal(0.0, 0.08)
    actor.spine_turn += rng.normal(0.0, 0.05)
    actor.pelvis_shift += drift(times, rng, 1.0, 2.5, 3) * (0.012, 0.002, 0.010) * restless
    angles = drift(times, rng, 1.0, 2.0, 6) * restless
    actor.spine_bow += 0.015 * angles[:, 0]
    actor.spine_lean += 0.015 * angles[:, 1]
    actor.spine_turn += 0.020 * angles[:, 2]
    actor.head_bow += 0.025 * angles[:, 3]
    actor.head_lean += 0.020 * angles[:, 4]
    actor.head_turn += 0.040 * angles[:, 5]
    for start in _moments(times, rng, _GLANCES_PER_SECOND * restless):
        glance = stay(times, start, 0.35, float(rng.uniform(0.2, 1.0)), 0.4)
        actor.head_turn += glance * rng.uniform(-0.8, 0.8)
        actor.head_bow += glance * rng.uniform(-0.2, 0.35)
    for start in _moments(times, rng, _WEIGHT_SHIFTS_PER_SECOND * restless):
        move = ease(times, start, float(rng.uniform(0.5, 0.9))) * (1.0 - actor.seated)
        side = rng.uniform(-1.0, 1.0)
        actor.pelvis_shift[:, 0] += move * side * 0.07
        actor.pelvis_lean -= move * side * 0.07
        actor.spine_lean += move * side * 0.09


def settle(scene: Scene, actor: Actor, free: tuple[int, ...]) -> None:
    """Let the actor settle and the hands drift; the hands of the sides ``free`` now and then go somewhere."""
    actor.settle()
    restless, times, rng = actor.habits.restless, scene.times, scene.rng
    for side in BOTH:
        actor.hands[side] = actor.hands[side] + drift(times, rng, 0.012 * restless, 1.5, 3)
    for side in free:
        for start in _moments(times, rng, _FIDGETS_PER_SECOND * restless):
            out, up, back = _FIDGET_PLACES[int(rng.integers(len(_FIDGET_PLACES)))]
            target = actor.near("SpineBase", (SIGN[side] * out, up, back)) + rng.normal(0.0, 0.03, 3)
            weight = stay(times, start, float(rng.uniform(0.4, 0.7)), float(rng.uniform(0.1, 1.2)), 0.5)
            actor.move_hand(side, target, weight, arc=(0.05, 0.0, -0.04))


def _moments(times: Array, rng: np.random.Generator, rate: float) -> list[float]:
    """Return random moments of the take, ``rate`` a second on average."""
    length = float(times[-1])
    return [float(moment) for moment in rng.uniform(-0.3, length, rng.poisson(rate * length))]
