"""Kinematics: rotations, limbs of two bones that reach for a point, and how a value runs over time.

Axes of a person: x to the right, y up, z to the back, so that a person at angle zero looks along -z.
Every rotation and every limb keeps the lengths of the bones exactly. What runs over time takes the frame
times in seconds, (T,).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_MAX_STRETCH = 0.998
"""A limb never straightens beyond this share of its length, as the bend direction would be lost."""

_STEADY_WINDOW = np.hanning(15)[1:-1] / np.hanning(15).sum()
"""Weights of the frames over which the direction of a bend is averaged, a quarter of a second each way."""


def turn(angle: Array) -> Array:
    """Return rotations (T, 3, 3) about the vertical by ``angle`` (T,) rad; positive turns to the left."""
    return _rotation(angle, 0, 2)


def bow(angle: Array) -> Array:
    """Return rotations (T, 3, 3) that bow forward by ``angle`` (T,) rad."""
    return _rotation(angle, 1, 2)


def lean(angle: Array) -> Array:
    """Return rotations (T, 3, 3) that lean to the right by ``angle`` (T,) rad."""
    return _rotation(angle, 0, 1)


def _rotation(angle: Array, first: int, second: int) -> Array:
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., range(3), range(3)] = 1.0
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix[..., first, first] = cosine
    matrix[..., second, second] = cosine
    matrix[..., first, second] = sine
    matrix[..., second, first] = -sine
    return matrix


def apply(rotations: Array, offset: Array | tuple[float, float, float]) -> Array:
    """Return the offset, (3,) or (T, 3), turned by each of the rotations (T, 3, 3): (T, 3)."""
    return np.asarray((rotations @ np.asarray(offset, dtype=np.float64)[..., None])[..., 0])


def unit(vectors: Array) -> Array:
    """Return vectors (..., 3) scaled to length one; a zero vector stays zero."""
    lengths = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    return np.asarray(vectors / np.maximum(lengths, 1e-9))


def _steady(vectors: Array) -> Array:
    """Return vectors (T, 3) averaged over the frames around.

    Where a limb points along its pole the way in which it bends is undefined; there the vector is short, so
    that the average follows the frames before and after and the bend turns over instead of jumping.
    """
    reach_frames = len(_STEADY_WINDOW) // 2
    padded = np.pad(vectors, ((reach_frames, reach_frames), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, _STEADY_WINDOW, mode="valid") for column in padded.T], axis=1)


def reach(origin: Array, target: Array, upper: float, lower: float, pole: Array) -> tuple[Array, Array]:
    """Bend a limb of two bones so that its end meets ``target``, or points at it where it is too far.

    Args:
        origin: (T, 3) shoulder or hip, metres.
        target: (T, 3) where the end shall be.
        upper: length of the bone at the origin, metres.
        lower: length of the bone at the end, metres.
        pole: (T, 3) direction to which the middle joint points; need not be of unit length.

    Returns:
        middle joint and end, (T, 3) each.
    """
    way = target - origin
    wanted = np.sqrt((way * way).sum(-1, keepdims=True))
    shortest = abs(upper - lower) + 0.05 * min(upper, lower)
    distance = np.clip(wanted, shortest, _MAX_STRETCH * (upper + lower))
    axis = way / np.maximum(wanted, 1e-9)
    aside = _steady(pole - axis * (pole * axis).sum(-1, keepdims=True))
    side = unit(aside - axis * (aside * axis).sum(-1, keepdims=True))
    along = (upper**2 - lower**2 + distance**2) / (2.0 * distance)
    out = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    middle = origin + axis * along + side * out
    return middle, origin + axis * distance


def ease(times: Array, start: float, duration: float) -> Array:
    """Return a value (T,) that goes from 0 to 1 in ``duration`` seconds with the least jerk.

    Source: Flash and Hogan 1985, the course of a hand that reaches from rest to rest.
    """
    u = np.clip((times - start) / duration, 0.0, 1.0)
    return np.asarray(u * u * u * (10.0 - 15.0 * u + 6.0 * u * u))


def stay(times: Array, start: float, rise: float, hold: float, fall: float) -> Array:
    """Return a value (T,) that eases from 0 to 1, holds, and eases back; all spans in seconds."""
    return ease(times, start, rise) * (1.0 - ease(times, start + rise + hold, fall))


def beats(times: Array, start: float, rate: float, count: float) -> Array:
    """Return how many of ``count`` cycles are done (T,) when they begin at ``start``, ``rate`` a second."""
    return np.clip((times - start) * rate, 0.0, count)


def swing(cycles: Array) -> Array:
    """Return a value (T,) that goes 0, 1, 0 once a cycle, smoothly."""
    return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * cycles))


def wobble(cycles: Array) -> Array:
    """Return a value (T,) that goes 0, 1, 0, -1, 0 once a cycle."""
    return np.asarray(np.sin(2.0 * np.pi * cycles))


def drift(times: Array, rng: np.random.Generator, amount: float, seconds: float, num: int = 1) -> Array:
    """Return slow noise (T, num): three waves of about ``seconds``, of standard deviation ``amount``."""
    periods = seconds * rng.uniform(0.6, 1.8, (3, num))
    phases = rng.uniform(0.0, 2.0 * np.pi, (3, num))
    waves = np.sin(2.0 * np.pi * times[:, None, None] / periods + phases)
    return np.asarray(amount * np.sqrt(2.0 / 3.0) * waves.sum(1))


def mix(start: Array, end: Array, weight: Array, arc: Array | None = None) -> Array:
    """Return points (T, 3) on the way from ``start`` to ``end`` at ``weight`` (T,).

    With ``arc`` the way bulges by that vector (metres) at its middle.
    """
    way = start + (end - start) * weight[:, None]
    return way if arc is None else way + arc * (4.0 * weight * (1.0 - weight))[:, None]
