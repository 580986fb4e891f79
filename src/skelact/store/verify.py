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
from skelact.skeleton.sequence import FARTHEST
from skelact.store.fixed_point import FLOAT32, LARGEST_NUMBER
from skelact.store.indices import index_problems
from skelact.store.protocols import protocols_of, split
from skelact.store.store import Store

_ROWS = 1 << 16  # body-frames read at a time: 20 MB


def find_problems(store: Store) -> list[str]:
    """Return one line for everything that is wrong in ``store``; empty for a sound one.

    Hashes come first, then what opening compares, see :mod:`.indices`, then intervals of recordings that are
    there and finite positions. The store may have been opened without being checked.
    """
    problems = [*store.damage(), *_bad_protocols(store)]
    of_indices = list(index_problems(store))
    bad_positions = _bad_positions if store.position_type == FLOAT32 else _bad_numbers
    rest = (_bad_intervals, _bad_presence, bad_positions)
    return problems + (of_indices or [problem for find in rest for problem in find(store)])


def _bad_protocols(store: Store) -> Iterator[str]:
    try:
        protocols = protocols_of(store)
    except DataError as error:
        yield str(error)
        return
    for protocol in protocols:
        if protocol.attribute not in store.attribute_names:
            yield f"{protocol.name}: splits by {protocol.attribute!r}, which the sequences do not have"


def _bad_intervals(store: Store) -> Iterator[str]:
    if INTERVALS not in store.meta.get("attached", {}):
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


def _bad_presence(store: Store) -> Iterator[str]:
    found = _first_with(store, "joint_present", lambda present: present.view(np.uint8) > 1)
    if found is not None:
        yield f"joint_present: {found} has a byte that is neither 0 nor 1"


def _bad_positions(store: Store) -> Iterator[str]:
    found = _first_with(store, "joints", lambda joints: ~(np.abs(joints) <= FARTHEST))
    if found is not None:
        yield f"joints: {found} holds a position that is not finite, or farther than {FARTHEST:,.0f}"


def _bad_numbers(store: Store) -> Iterator[str]:
    found = _first_with(store, "joints", lambda joints: joints < -LARGEST_NUMBER)
    if found is not None:
        yield f"joints: {found} holds a number below -{LARGEST_NUMBER:,}, which none has"


def _first_with(store: Store, array: str, is_bad: Callable[[Any], npt.NDArray[np.bool_]]) -> str | None:
    """Return the name of the first sequence with a bad number in an array that may be there."""
    if array not in store.meta["arrays"]:
        return None
    numbers = store.array(array)
    for first in range(0, len(numbers), _ROWS):
        rows = is_bad(numbers[first : first + _ROWS]).reshape(-1, numbers[0].size).any(1)
        if rows.any():
            row = first + int(np.argmax(rows))
            return store.names[int(np.searchsorted(store.array("joint_start"), row, side="right")) - 1]
    return None


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
