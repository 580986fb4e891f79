"""A take: who acts, with which hand, when and how large. Actions are written against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skelact.sources.ntu import FPS
from skelact.sources.synthetic.actor import LEFT, RIGHT, Actor
from skelact.sources.synthetic.kinematics import Array
from skelact.sources.synthetic.motions import beats, ease, stay


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
