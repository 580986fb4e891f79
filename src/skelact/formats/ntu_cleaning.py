"""Cleaning NTU RGB+D recordings: one function a rule, :func:`clean` applies them in order.

The rules are those by which the field's published data sets were made; they say which tracks are people and
which are furniture or passers-by. A sensor gives a body a new id when it loses and finds it again, so one
person may be several tracks. Tracks that do not overlap in time can be one person; tracks that do cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import NO_BODY, UnusableRecordingError
from skelact.formats.ntu_file import NtuRecording, Track

VERSION = 1
"""Grows with every change of the rules; stores record it."""

SHORT_TRACK = 11
"""Tracks of so many frames or fewer are noise."""
WIDE_FRAME = 0.8
"""A frame whose x-extent is more than this share of its y-extent is noise."""
WIDE_TRACK = 0.69754
"""A track with at least this share of noisy frames is noise."""
NUM_ACTORS = 2

NO_TRACK = f"no track over {SHORT_TRACK} frames"

Positions = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A track that may become (part of) an actor."""

    track: Track
    """With frame numbers that count valid frames."""
    motion: float
    """Its motion measure in square metres; the larger, the more important."""


def drop_empty_frames(recording: NtuRecording) -> tuple[list[Track], int]:
    """Rule 1: drop the frames without any body; every track keeps its own frame numbers among those left.

    Returns:
        The tracks, renumbered, and the number of valid frames.
    """
    is_valid = np.zeros(recording.num_frames, np.bool_)
    for track in recording.tracks:
        is_valid[track.frames] = True
    number = np.cumsum(is_valid) - 1
    return [replace(track, frames=number[track.frames]) for track in recording.tracks], int(is_valid.sum())


def measure_motion(positions: Positions) -> float:
    """Rule 2: the variances of x, y and z over all joints and frames together, summed (square metres).

    This is the published rule, and its weakness is known: as joints and frames are taken together, the body's
    own extent counts as motion. A body that stands still scores about 0.24, and a tall or wide intruder of 12
    frames can outrank the person. It stays the rule because it shaped every published number.

    Args:
        positions: (F, V, 3) metres; 0 for no frames.
    """
    if len(positions) == 0:
        return 0.0
    return float(positions.reshape(-1, 3).var(0, dtype=np.float64).sum())


def drop_short(tracks: Sequence[Track]) -> list[Track]:
    """Rule 3: drop tracks of 11 frames or fewer."""
    return [track for track in tracks if len(track.frames) > SHORT_TRACK]


def noisy_frames(positions: Positions) -> npt.NDArray[np.bool_]:
    """Tell for each frame of (F, V, 3) positions whether its x-extent is more than 0.8 of its y-extent."""
    extent = np.ptp(positions[..., :2], 1)
    noisy: npt.NDArray[np.bool_] = extent[:, 0] > WIDE_FRAME * extent[:, 1]
    return noisy


def drop_wide(tracks: Sequence[Track]) -> list[Candidate]:
    """Rule 4: drop tracks that are mostly wider than tall, and measure the motion of the others.

    Tracks whose share of noisy frames is at least 0.69754 go, the largest share first, on equal shares the
    one first in the file; the last one left never goes. Any other track's motion is the smaller one of that
    over all its frames and that over its clean frames.
    """
    noisy = [noisy_frames(track.positions) for track in tracks]
    shares = [float(flags.mean()) for flags in noisy]
    by_share = sorted(range(len(tracks)), key=lambda index: -shares[index])
    wide = set([index for index in by_share if shares[index] >= WIDE_TRACK][: len(tracks) - 1])
    candidates = []
    for index, track in enumerate(tracks):
        if index in wide:
            continue
        motion = measure_motion(track.positions)
        if noisy[index].any() and shares[index] < WIDE_TRACK:
            motion = min(motion, measure_motion(track.positions[~noisy[index]]))
        candidates.append(Candidate(track, motion))
    return candidates


def drop_absent_frames(positions: Positions) -> Positions:
    """Rule 6: drop the frames in which every body kept is absent, from (M, T, V, 3) positions."""
    return positions[:, positions.any((0, 2, 3))]


def clean(recording: NtuRecording, file: str) -> Positions:
    """Apply the rules to a recording.

    A recording with a single body id only loses the frames without a body.

    Args:
        recording: as it stands in the file.
        file: how errors call it.

    Returns:
        (M, T, V, 3) metres, one or two bodies, actor 1 first; all-zero joints mean an absent body-frame.

    Raises:
        UnusableRecordingError: there is no body at all, or none is long enough.
    """
    if not recording.tracks:
        detail = f"no body in any of {recording.num_frames} frames; expected at least one"
        raise UnusableRecordingError(NO_BODY, file, "", detail)
    tracks, num_frames = drop_empty_frames(recording)
    if len(tracks) == 1:
        return merge([tracks], num_frames)
    kept = drop_short(tracks)
    if not kept:
        longest = max(len(track.frames) for track in tracks)
        detail = f"the longest of {len(tracks)} tracks has {longest} frames; expected over {SHORT_TRACK}"
        raise UnusableRecordingError(NO_TRACK, file, "", detail)
    return drop_absent_frames(merge(assign_actors(drop_wide(kept)), num_frames))


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
    hulls: list[tuple[int, int]] = [(0, 0)] * NUM_ACTORS
    for candidate in sorted(candidates, key=lambda candidate: -candidate.motion):
        track = candidate.track
        first, last = int(track.frames[0]), int(track.frames[-1])
        for number, slot in enumerate(slots):
            start, end = hulls[number] if slot else (first, last)
            if not slot or min(end, last) - max(start, first) < 0:
                slot.append(track)
                hulls[number] = min(start, first), max(end, last)
                break
    return [slot for slot in slots if slot]


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
