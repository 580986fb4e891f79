"""The page of a whole store: what is known of every recording, what is odd, and the pictures of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from skelact.errors import DataError, SkelactError
from skelact.progress import progress
from skelact.reports.page import fill_page
from skelact.reports.player import MOST_PLACES, Played, player_data, player_frame
from skelact.reports.serving import asked_recording
from skelact.skeleton.oddities import KINDS, find_oddities
from skelact.skeleton.sequence import SkeletonSequence, stretch
from skelact.store.overview import MOST_VALUES, grouping_attributes
from skelact.store.protocols import protocols_of, split
from skelact.store.store import Store

SCRIPTS = ("elements", "recording", "colours", "scene", "thumbnails", "browse")
THUMBNAIL_FRAMES = 300
"""Of a longer recording a thumbnail plays the first ones."""
MOST_PROTOCOLS = 12
Recordings = Callable[[int], Played]


def browser_page(store: Store, recordings: Recordings, *, whole: bool) -> str:
    """Return the page of a store as HTML.

    Args:
        store: the store.
        recordings: gives the recording with a number.
        whole: hold all recordings in the page; otherwise it asks the server that it came from, which answers
            with :func:`answer`.

    Raises:
        DataError: with ``whole``, a store of more recordings than one page holds.
    """
    rows, joints = store.meta["arrays"]["joints"]["shape"][:2]
    if whole and rows * joints > MOST_PLACES:
        raise DataError(
            f"{store.path}: {rows * joints:,} positions of joints are too many for one page, which holds "
            f"{MOST_PLACES:,}; leave --out out: the page then asks for recordings as they are looked at"
        )
    held = []
    if whole:
        with progress("packing", len(store), "recordings") as step:
            for place in range(len(store)):
                held.append(_data(recordings, place, bare=False))
                step(place + 1)
    player, code = player_frame()
    data = {**index_data(store), "player": player, "held": held if whole else None}
    return fill_page(
        "browse",
        SCRIPTS,
        title=f"{store.path.name}: {len(store):,} recordings",
        data=data,
        styles=("view", "thumbnails", "browse"),
        inside=(code,),
        asks_server=not whole,
    )


def answer(store: Store, recordings: Recordings, asked: str) -> str | None:
    """Return what the page asks for as JSON: ``small/7`` for a thumbnail, ``full/7`` for the player."""
    found = asked_recording(asked, len(store))
    if found is None:
        return None
    kind, place = found
    return json.dumps(_data(recordings, place, bare=kind == "small"), allow_nan=False)


def _data(recordings: Recordings, place: int, *, bare: bool) -> dict[str, Any]:
    """Return what the player is given of a recording, or why it cannot be shown."""
    try:
        played = recordings(place)
        if bare and played.sequence.num_frames > THUMBNAIL_FRAMES:
            played = replace(played, sequence=stretch(played.sequence, slice(0, THUMBNAIL_FRAMES)))
        return player_data(played, bare=bare)
    except SkelactError as error:
        return {"problem": str(error)}


def index_data(store: Store) -> dict[str, Any]:
    """Return what the page knows of every recording before it is looked at."""
    attributes = []
    for name in grouping_attributes(store):
        column, names = np.asarray(store.attribute(name)), store.attribute_values(name)
        values = sorted({int(value) for value in np.unique(column)} - {-1})
        if 1 < len(values) <= MOST_VALUES:
            shown = [str(value) if names is None else names[value] for value in values]
            attributes.append({"name": name, "values": values, "shown": shown, "column": column.tolist()})
    missing, odd = _looked_at(store)
    return {
        "title": store.path.name,
        "facts": [
            ["data set", store.data_set],
            ["recordings", f"{len(store):,}"],
            ["classes", f"{len(store.class_names):,}"],
            ["skeleton", f"{store.topology.name}, {store.topology.num_joints} joints"],
        ],
        "hash": store.content_hash,
        "names": store.names,
        "classes": store.class_names,
        "labels": np.asarray(store.labels).tolist(),
        "attributes": attributes,
        "sides": _sides(store),
        "frames": np.asarray(store.array("num_frames")).tolist(),
        "bodies": np.asarray(store.array("num_bodies")).tolist(),
        "missing": missing,
        "odd": odd,
        "kinds": KINDS,
    }


def _sides(store: Store) -> list[dict[str, Any]]:
    """Return, for each protocol, 1 for the recordings that train, 2 for those that test, 0 for others."""
    found = []
    for protocol in protocols_of(store)[:MOST_PROTOCOLS]:
        try:
            sides = split(store, protocol.name, needs_test=False)
        except SkelactError:  # this store holds nothing of it
            continue
        column = np.zeros(len(store), np.int8)
        column[sides.train], column[sides.test] = 1, 2
        found.append({"name": protocol.name, "column": column.tolist()})
    return found


def _looked_at(store: Store) -> tuple[list[float], list[list[list[Any]]]]:
    """Return what is missing of each recording, and its kinds, places and frames of oddities.

    Missing is the share of joints that were not seen, of those of all bodies while they were there, and of
    frames that show nobody.
    """
    missing, odd = [], []
    with progress("looking at", len(store), "recordings") as step:
        for place in range(len(store)):
            sequence = store.sequence(place)
            missing.append(round(1 - _share_seen(sequence), 4))
            odd.append([[each.kind, each.text, each.frame] for each in find_oddities(sequence)])
            step(place + 1)
    return missing, odd


def _share_seen(sequence: SkeletonSequence) -> float:
    """Return the share of joints that were seen of present bodies, times that of frames with anybody."""
    present, joints = sequence.present, sequence.joint_present
    if not present.any():
        return 0.0
    share = 1.0 if joints is None else float(joints[present].mean())
    return share * float(present.any(0).mean())
