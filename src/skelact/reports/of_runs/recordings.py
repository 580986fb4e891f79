"""The recordings that a page of runs holds: as many, and as much of each, as a page that opens at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skelact.errors import SkelactError
from skelact.progress import progress
from skelact.reports.player import Played, player_data
from skelact.reports.serving import asked_recording
from skelact.skeleton.sequence import SkeletonSequence, stretch
from skelact.store.store import Store

MOST_BYTES = 16_000_000
"""Of all recordings of a page, as text."""
FULL, BARE = 13.5, 8.0
"""Bytes a joint of a body in a frame, with and without its density over time."""
AROUND = 700
"""Bytes of a recording beside them."""
FEWER_FRAMES = (128, 64, 32, 16)
"""To so many frames recordings are thinned, one after the other, until all fit."""
SHARED = ("joints", "parents", "order", "coordinates")
"""What all recordings of a store have in common."""


@dataclass(frozen=True)
class Held:
    """Recordings as the page is given them."""

    data: dict[int, dict[str, Any]]
    """By their numbers in the store, without :data:`SHARED`."""
    shared: dict[str, Any]
    remark: str
    """What was left out, a sentence; empty for nothing."""


def hold(store: Store, recordings: Callable[[int], Played], wanted: Sequence[int]) -> Held:
    """Return recordings for a page, the more important ones first.

    Args:
        store: that they are of.
        recordings: gives the one with a number.
        wanted: numbers of the store, none twice.
    """
    frames = np.asarray(store.array("num_frames"), np.int64)[list(wanted)]
    rows = np.asarray(store.array("num_bodies"), np.int64)[list(wanted)] * store.topology.num_joints
    bare, most, chosen, remark = True, None, list(wanted), ""
    if _size(frames * rows, FULL) <= MOST_BYTES:
        bare = False
    elif _size(frames * rows, BARE) > MOST_BYTES:
        for most in FEWER_FRAMES:
            sizes = _thinned(frames, most) * rows * BARE + AROUND
            if sizes.sum() <= MOST_BYTES:
                break
        chosen = chosen[: int(np.searchsorted(sizes.cumsum(), MOST_BYTES, side="right"))]
    if bare:
        remark = "This page holds recordings without their density over time"
        if most is not None and (frames > most).any():
            remark += f", and of those of more than {most} frames every second, third or later one"
        if len(chosen) < len(wanted):
            remark += f"; of {len(wanted):,} that are shown it holds {len(chosen):,}"
        remark += ". Without --out the page shows all of every recording."
    held: dict[int, dict[str, Any]] = {}
    shared: dict[str, Any] = {}
    with progress("packing", len(chosen), "recordings") as step:
        for done, place in enumerate(chosen, 1):
            found = recording_data(recordings, place, bare=bare, most=most)
            shared = shared or {key: found[key] for key in SHARED if key in found}
            held[place] = {key: value for key, value in found.items() if key not in SHARED}
            step(done)
    return Held(held, shared, remark)


def recording_data(
    recordings: Callable[[int], Played], place: int, *, bare: bool, most: int | None = None
) -> dict[str, Any]:
    """Return what the player is given of a recording, or why it cannot be shown.

    Args:
        recordings: gives the one with a number.
        place: its number.
        bare: without density and prime joints.
        most: frames that are kept, of about equal distance; None for all.
    """
    try:
        played = recordings(place)
        if most is not None and played.sequence.num_frames > most:
            shown = thinned(played.sequence, most)
            facts = [*played.facts, ("shown", f"{shown.num_frames} of {played.sequence.num_frames} frames")]
            played = replace(played, sequence=shown, facts=facts)
        return player_data(played, bare=bare)
    except SkelactError as error:
        return {"problem": str(error)}


def answer(num: int, recordings: Callable[[int], Played], asked: str) -> str | None:
    """Return what the page asks its server for as JSON: ``small/7`` for a card, ``full/7`` for the player."""
    found = asked_recording(asked, num)
    if found is None:
        return None
    kind, place = found
    most = FEWER_FRAMES[0] if kind == "small" else None
    return json.dumps(recording_data(recordings, place, bare=kind == "small", most=most), allow_nan=False)


def thinned(sequence: SkeletonSequence, most: int) -> SkeletonSequence:
    """Return every second, third or later frame of a sequence, ``most`` at most; positions stay the same."""
    every = -(-sequence.num_frames // most)
    fps = None if sequence.fps is None else sequence.fps / every
    return replace(stretch(sequence, slice(0, None, every)), fps=fps)


def _thinned(frames: Any, most: int) -> Any:
    every = np.maximum(1, -(-frames // most))
    return -(-frames // every)


def _size(places: Any, each: float) -> float:
    return float(places.sum() * each + AROUND * len(places))
