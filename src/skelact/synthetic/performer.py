"""Performers: the bones and the habits of a person, fixed by the data set's seed and the person's number."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

_PERFORMER_STREAM = 1
"""Keeps the draws of performers apart from those of recordings."""


@dataclass(frozen=True)
class Bones:
    """Lengths in metres. Defaults are shares of the body's height.

    Source: the segment table of Drillis and Contini 1966 (as in Winter, *Biomechanics and Motor Control of
    Human Movement*), with the trunk split where the Kinect sees its joints.
    """

    lower_spine: float = 0.165
    upper_spine: float = 0.128
    neck: float = 0.042
    head: float = 0.085
    shoulder: float = 0.102
    """From the middle of the shoulders to one of them."""
    upper_arm: float = 0.170
    forearm: float = 0.146
    palm: float = 0.045
    """From the wrist to the middle of the hand."""
    finger: float = 0.045
    """From the middle of the hand to the finger tips."""
    thumb: float = 0.036
    hip: float = 0.047
    """From the middle of the hips to one of them."""
    thigh: float = 0.245
    shin: float = 0.240
    foot: float = 0.068
    """From the ankle to the middle of the foot."""
    ankle: float = 0.045
    """Height of the ankle above the floor."""


@dataclass(frozen=True)
class Habits:
    """How a person stands and moves, whatever the action."""

    left_handed: bool
    tempo: float
    """Speed as a factor, 1 on average."""
    size: float
    """Amplitude of gestures as a factor, 1 on average."""
    hunch: float
    """Bow of the spine at rest, rad."""
    gaze: float
    """Bow of the head at rest, rad."""
    stance: float
    """Half the distance of the feet, metres."""
    toes_out: float
    """Turn of the feet to the outside, rad."""
    arms_out: float
    """How far the hanging hands are held from the trunk, as a share of the arm."""
    elbows_out: float
    """How far the elbows point to the side, 0 on average."""
    restless: float
    """Amount of idle motion as a factor, 1 on average."""


@dataclass(frozen=True)
class Performer:
    """A person: height in metres, bones, habits."""

    height: float
    bones: Bones
    habits: Habits


@lru_cache(maxsize=256)
def draw_performer(seed: int, number: int) -> Performer:
    """Return a performer of the data set with ``seed``: 1.5 to 1.95 m tall, one in eight left-handed."""
    rng = np.random.default_rng((seed, _PERFORMER_STREAM, number))
    height = float(np.clip(rng.normal(1.71, 0.095), 1.50, 1.95))
    limbs, trunk, breadth = np.exp(rng.normal(0.0, (0.030, 0.030, 0.060)))
    shares = {field.name: float(field.default) for field in fields(Bones)}  # type: ignore[arg-type]
    build = {
        name: height * share * _build_factor(name, float(limbs), float(trunk), float(breadth))
        for name, share in shares.items()
    }
    own = np.exp(rng.normal(0.0, 0.02, len(build)))
    bones = Bones(
        **{name: length * float(factor) for (name, length), factor in zip(build.items(), own, strict=True)}
    )
    habits = Habits(
        left_handed=bool(rng.random() < 0.125),
        tempo=float(np.exp(rng.normal(0.0, 0.14))),
        size=float(np.clip(np.exp(rng.normal(0.0, 0.15)), 0.7, 1.4)),
        hunch=float(rng.normal(0.07, 0.06)),
        gaze=float(rng.normal(0.06, 0.09)),
        stance=float(rng.uniform(0.07, 0.16)),
        toes_out=float(rng.uniform(0.0, 0.4)),
        arms_out=float(rng.uniform(0.03, 0.22)),
        elbows_out=float(rng.normal(0.0, 0.25)),
        restless=float(np.exp(rng.normal(0.0, 0.4))),
    )
    return Performer(height, bones, habits)


def _build_factor(bone: str, limbs: float, trunk: float, breadth: float) -> float:
    if bone in ("shoulder", "hip"):
        return breadth
    return trunk if bone in ("lower_spine", "upper_spine", "neck", "head") else limbs
