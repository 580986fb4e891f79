"""Is a store what it should be? Its files' hashes, its indices, its positions, its counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.formats.intervals import FILE_NAME as INTERVALS
from skelact.formats.intervals import read_intervals
from skelact.formats.known import data_sets
from skelact.store.fixed_point import FINEST_SCALE, FLOAT32, LARGEST_NUMBER, largest_error
from skelact.store.protocols import protocols_of, split
from skelact.store.store import META, Store

_ROWS = 1 << 16  # body-frames read at a time: 20 MB
_STARTS = {"joint_start": "joints", "row_start": "frame_rows", "frame_start": "frame_numbers"}
_COLUMNS = ("num_bodies", "num_frames", "label", "names")


def find_problems(store: Store) -> list[str]:
    """Return one line for everything that is wrong in ``store``; empty for a sound one.

    Hashes come first, then what the arrays say of each other: starts that never fall, indices inside their
    arrays, labels inside the classes, names that differ, attributes inside their names, protocols by
    attributes that are there, intervals of recordings that are there, and finite positions, or scales that
    make them.
    """
    known = store.meta["arrays"]
    absent = [name for name in (*_STARTS, *_STARTS.values(), *_COLUMNS) if name not in known]
    if "joints" in known and store.position_type != FLOAT32 and "joint_scale" not in known:
        absent.append("joint_scale")
    if absent:
        return [f"{store.path}: no array {name!r}" for name in absent]
    problems = store.damage()
    starts = list(_bad_starts(store))
    bad_positions = _bad_positions if store.position_type == FLOAT32 else _bad_fixed_point
    rest = (_bad_indices, _bad_columns, _bad_attributes, _bad_intervals, bad_positions)
    return problems + (starts or [problem for find in rest for problem in find(store)])


def _bad_starts(store: Store) -> Iterator[str]:
    for name, target in _STARTS.items():
        starts, size = store.array(name), len(store.array(target))
        if (
            len(starts) != len(store) + 1
            or starts[0] != 0
            or starts[-1] != size
            or (np.diff(starts) < 0).any()
        ):
            expected = f"{len(store) + 1} numbers that rise from 0 to {size}, the length of {target}"
            yield f"{name}: expected {expected}"
    bodies, frames = store.array("num_bodies").astype(np.int64), np.diff(store.array("frame_start"))
    if not np.array_equal(np.diff(store.array("row_start")), bodies * frames):
        yield "row_start: sequences do not have one row for each of their bodies and kept frames"


def _bad_indices(store: Store) -> Iterator[str]:
    rows, joints, row_start = (store.array(name) for name in ("frame_rows", "joint_start", "row_start"))
    sequence = np.repeat(np.arange(len(store)), np.diff(row_start))
    is_present = rows >= 0
    row = np.where(is_present, rows, ~rows)
    is_outside = row >= np.diff(joints)[sequence]
    if is_outside.any():
        yield f"frame_rows: {_name(store, sequence[is_outside])} points outside its joints"
    elif not np.array_equal(joints[sequence[is_present]] + row[is_present], np.arange(joints[-1])):
        yield "frame_rows: the present body-frames do not go through the joints one by one"
    numbers, frame_start = store.array("frame_numbers"), store.array("frame_start")
    owner = np.repeat(np.arange(len(store)), np.diff(frame_start))
    is_beyond = (numbers < 0) | (numbers >= store.array("num_frames")[owner])
    falls = np.zeros(len(numbers), np.bool_)
    falls[1:] = (np.diff(numbers) <= 0) & (np.diff(owner) == 0)
    if (is_beyond | falls).any():
        found = _name(store, owner[is_beyond | falls])
        yield f"frame_numbers: those of {found} do not rise inside its frames"


def _bad_columns(store: Store) -> Iterator[str]:
    labels = store.labels
    is_bad = (labels < -1) | (labels >= len(store.class_names))
    if is_bad.any():
        found = _name(store, np.flatnonzero(is_bad))
        yield f"label: {found} has one outside the {len(store.class_names)} classes"
    if len(np.unique(store.array("names"))) != len(store):
        yield "names: two sequences have the same name"


def _bad_attributes(store: Store) -> Iterator[str]:
    for name in store.attribute_names:
        values = store.attribute_values(name)
        if values is not None:
            is_bad = store.attribute(name) >= len(values)
            if is_bad.any():
                found = _name(store, np.flatnonzero(is_bad))
                yield f"attribute_{name}: {found} has one outside the {len(values)} that have names"
    try:
        protocols = protocols_of(store)
    except DataError as error:
        yield str(error)
        return
    for protocol in protocols:
        if protocol.attribute not in store.attribute_names:
            yield f"{protocol.name}: splits by {protocol.attribute!r}, which the sequences do not have"


def _bad_intervals(store: Store) -> Iterator[str]:
    if INTERVALS not in store.meta["attached"]:
        return
    try:
        intervals = read_intervals(store.path)
    except DataError as error:
        yield str(error)
        return
    names = set(store.names)
    for one in intervals:
        if one.recording not in names:
            yield f"{INTERVALS}: {one.recording} is no sequence of the store"
            return
        if not (0 <= one.action < len(store.class_names) and 0 <= one.start < one.end):
            yield f"{INTERVALS}: {one.recording} has no sound interval {one.start} to {one.end}"
            return


def _bad_positions(store: Store) -> Iterator[str]:
    found = _first_with(store, lambda joints: ~np.isfinite(joints))
    if found is not None:
        yield f"joints: {_name(store, found)} holds a position that is not finite"


def _bad_fixed_point(store: Store) -> Iterator[str]:
    scales = store.array("joint_scale")
    if len(scales) != len(store):
        yield f"joint_scale: expected {len(store)} numbers, one a sequence"
        return
    is_bad = ~(np.isfinite(scales) & (scales >= FINEST_SCALE))
    if is_bad.any():
        yield f"joint_scale: that of {_name(store, np.flatnonzero(is_bad))} is not a number above 0"
    elif store.largest_error != largest_error(scales):
        said, found_error = store.largest_error, largest_error(scales)
        yield f"joint_scale: positions are off by up to {found_error:.6g}, but {META} says {said:.6g}"
    found = _first_with(store, lambda joints: joints < -LARGEST_NUMBER)
    if found is not None:
        yield f"joints: {_name(store, found)} holds a number below -{LARGEST_NUMBER:,}, which none has"


def _first_with(store: Store, is_bad: Callable[[Any], npt.NDArray[np.bool_]]) -> npt.NDArray[np.int64] | None:
    """Return (1,) the first sequence with a number in ``joints`` that is bad."""
    joints = store.array("joints")
    for first in range(0, len(joints), _ROWS):
        rows = is_bad(joints[first : first + _ROWS]).any((1, 2))
        if rows.any():
            row = first + int(np.argmax(rows))
            return np.searchsorted(store.array("joint_start"), [row], side="right") - 1
    return None


def _name(store: Store, sequences: npt.NDArray[np.int64]) -> str:
    """Return the name of the first of ``sequences``."""
    return bytes(store.array("names")[int(sequences[0])]).decode(errors="replace")


def compare_counts(store: Store) -> tuple[list[str], list[str]]:
    """Compare a store's number of sequences, and its splits, with the published ones.

    Returns:
        Remarks that say what was compared, and problems: published counts that a complete data set misses.
    """
    data_set = data_sets().get(store.data_set)
    if data_set is None or data_set.num_sequences is None:
        return [f"{store.data_set} has no published counts"], []
    if len(store) != data_set.num_sequences:
        complete = f"{len(store):,} of the {data_set.num_sequences:,} sequences of the complete data set"
        return [f"{complete}, so split counts were not compared"], []
    remarks, problems = [f"all {len(store):,} sequences of the data set are there"], []
    for protocol in data_set.protocols:
        if protocol.published_counts is None:
            continue
        try:
            sides = split(store, protocol.name)
        except (DataError, ConfigurationError) as error:
            problems.append(str(error))
            continue
        found = (len(sides.train), len(sides.test))
        published = "{:,} training and {:,} test sequences".format(*protocol.published_counts)
        if found == protocol.published_counts:
            remarks.append(f"{protocol.name}: {published}, as published")
        else:
            problems.append(f"{protocol.name}: {found[0]:,} and {found[1]:,}; published are {published}")
    return remarks, problems
