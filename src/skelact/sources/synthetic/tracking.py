"""The sensor's body tracker: ids, gaps, people found late, and bodies that are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.sources.synthetic.kinematics import Array
from skelact.sources.synthetic.sensor import INFERRED, observe

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
