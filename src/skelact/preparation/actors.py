"""Choosing and merging actors: which tracks of a recording become its first and second body.

A sensor gives a body a new id when it loses and finds it again, so one person may be several tracks. Tracks
that do not overlap in time can be one person; tracks that do cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.sources.ntu import Track

NUM_ACTORS = 2


@dataclass(frozen=True)
class Candidate:
    """A track that may become (part of) an actor."""

    track: Track
    """With frame numbers that count valid frames."""
    motion: float
    """Its motion measure in square metres; the larger, the more important."""


def assign_actors(candidates: Sequence[Candidate]) -> list[list[Track]]:
    """Rule 5: give each track to actor 1, to actor 2 or to nobody.

    Tracks come by motion, largest first (on a tie the first in the file). Each goes to the first actor whose
    interval does not overlap its own. Intervals are first and last frame, both included: they overlap when
    ``min(ends) - max(starts) >= 0``. An actor's interval is empty until a track joins, then the hull of its
    tracks, gaps included.

    Returns:
        The tracks of each actor that got one; at most two actors.
    """
    slots: list[list[Track]] = [[] for _ in range(NUM_ACTORS)]
    for candidate in sorted(candidates, key=lambda candidate: -candidate.motion):
        track = candidate.track
        for slot in slots:
            if not slot or not _overlaps(slot, track):
                slot.append(track)
                break
    return [slot for slot in slots if slot]


def _overlaps(slot: Sequence[Track], track: Track) -> bool:
    start = min(int(member.frames[0]) for member in slot)
    end = max(int(member.frames[-1]) for member in slot)
    return bool(min(end, track.frames[-1]) - max(start, track.frames[0]) >= 0)


def merge(slots: Sequence[Sequence[Track]], num_frames: int) -> npt.NDArray[np.float32]:
    """Lay each actor's tracks into one body, every joint at its own frame.

    Args:
        slots: the tracks of each of M actors; tracks of one actor share no frame.
        num_frames: number of valid frames T.

    Returns:
        (M, T, V, 3) metres, zero where an actor has no track.
    """
    num_joints = slots[0][0].positions.shape[1]
    positions = np.zeros((len(slots), num_frames, num_joints, 3), np.float32)
    for body, slot in zip(positions, slots, strict=True):
        for track in slot:
            body[track.frames] = track.positions
    return positions
