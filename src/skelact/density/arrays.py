"""The joint density of positions and its change, of arrays alone, for whoever asks a model without PyTorch.

The numbers are those of :mod:`skelact.density.positions`, where they are explained; a test compares them.

Shape legend: T frames, V joints, C coordinates.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skelact.skeleton.view import body_size

BANDWIDTH = 0.6
"""In body sizes: about 0.3 m on an adult, the length of a forearm."""
MOTIONLESS_CHANGE = 1e-5
"""A recording in which no density changes by this share of the mean density counts as one without motion."""
_AT_A_TIME = 256
Floats = npt.NDArray[np.float64]


def body_density(positions: Floats) -> Floats:
    """Return the (T, V) joint density of one body's (T, V, C) positions, NaN where a joint was not seen."""
    seen = ~np.isnan(positions).any(-1)
    density = np.full(seen.shape, np.nan)
    ever_seen = np.asarray(seen.any(0))
    if not ever_seen.any():
        return density
    known = np.asarray(seen)[:, ever_seen]
    whole = without_gaps(positions[:, ever_seen], known)
    size = float(body_size(whole, np.ones_like(known)))
    size = size if size > 0 else 1.0  # all joints in one place, or never two of them
    scaled = whole / (size * BANDWIDTH)
    near = np.empty(scaled.shape[:2])
    for begin in range(0, len(scaled), _AT_A_TIME):
        part = scaled[begin : begin + _AT_A_TIME]
        square = np.square(part[:, :, None] - part[:, None]).sum(-1)
        near[begin : begin + _AT_A_TIME] = np.exp(-square / 2).mean(-1)
    density[:, ever_seen] = near
    density[~seen] = np.nan
    return density


def change(density: Floats, step: int) -> Floats:
    """Return the change of (..., T, V) density over ``step`` frames, of T or fewer 0; the first ones copy."""
    if density.shape[-2] <= step:
        return density - density
    later = np.abs(density[..., step:, :] - density[..., :-step, :])
    before = np.repeat(later[..., :1, :], step, -2)
    return np.concatenate([before, later], -2)


def rank_joints(changes: Floats) -> list[int]:
    """Return the joints of a recording by their mean change of density, the most prime first.

    Args:
        changes: (..., T, V); NaN where a joint was not seen.

    Returns:
        The numbers of all joints that were seen.
    """
    flat = changes.reshape(-1, changes.shape[-1])
    there = ~np.isnan(flat)
    means = np.where(there, flat, 0).sum(0) / np.maximum(there.sum(0), 1)
    order = np.argsort(-means, kind="stable").tolist()
    return [joint for joint in order if there[:, joint].any()]


def without_gaps(positions: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Return (T, V, C) positions with gaps filled along straight lines, at the ends with the nearest."""
    if seen.all():
        return positions
    frames, filled = np.arange(len(positions)), positions.copy()
    for joint in np.flatnonzero(~seen.all(0)):
        known = np.flatnonzero(seen[:, joint])
        for axis in range(positions.shape[2]):
            filled[:, joint, axis] = np.interp(frames, known, positions[known, joint, axis])
    return filled
