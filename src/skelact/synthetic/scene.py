"""The scene of a take, against which actions are written: who acts, with which hand, when and how large.

Besides the action, a person has a posture, sways, glances, shifts weight and moves a restless free hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skelact.formats.ntu import FPS
from skelact.synthetic.actor import BOTH, LEFT, RIGHT, SIGN, Actor
from skelact.synthetic.kinematics import Array, beats, drift, ease, stay


@dataclass(frozen=True)
class Scene:
    """One take of an action. Moments and spans are given as shares of the action's own duration."""

    rng: np.random.Generator
    actors: tuple[Actor, ...]
    """The performer first, then the other person of an action of two."""
    start: float
    """Second at which the action begins."""
    seconds: float
    """How long the action takes."""
    size: float
    """Amplitude of the gesture as a factor, 1 on average."""
    hand: int
    """The side that acts, LEFT or RIGHT."""

    @property
    def times(self) -> Array:
        """Frame times (T,) in seconds."""
        return np.arange(len(self.actors[0].heading)) / FPS

    @property
    def free_hand(self) -> int:
        """The side that does not act."""
        return LEFT + RIGHT - self.hand

    def ease(self, begin: float, span: float) -> Array:
        """Return a value (T,) that eases from 0 to 1 from ``begin`` over ``span``."""
        return ease(self.times, self.start + begin * self.seconds, span * self.seconds)

    def stay(self, begin: float, rise: float, hold: float, fall: float) -> Array:
        """Return a value (T,) that eases to 1, holds and eases back."""
        shares = np.array([rise, hold, fall]) * self.seconds
        return stay(self.times, self.start + begin * self.seconds, *shares.tolist())

    def beats(self, begin: float, span: float, rate: float) -> Array:
        """Return the cycles (T,) done of those that fit ``span`` at about ``rate`` a second; at least one."""
        count = max(1.0, round(span * self.seconds * rate))
        return beats(self.times, self.start + begin * self.seconds, count / (span * self.seconds), count)

    def about(self, offset: tuple[float, float, float], spread: float = 0.012) -> tuple[float, float, float]:
        """Return ``offset`` with this take's error: a normal one of ``spread`` metres on each axis."""
        x, y, z = (np.asarray(offset) + self.rng.normal(0.0, spread, 3)).tolist()
        return x, y, z

    def across(self, side: int, offset: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return ``offset`` given with x to the outside of ``side`` as one with x to the right."""
        return (offset[0] if side == RIGHT else -offset[0]), offset[1], offset[2]


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
