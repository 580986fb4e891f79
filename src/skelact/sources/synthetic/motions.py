"""Motion primitives: how a value runs over time. All take the frame times in seconds, (T,)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


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
