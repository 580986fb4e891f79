"""What a store holds, as a table for people."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import numpy as np

from skelact.errors import DataError, padded, width_of
from skelact.formats.exclusions import count_by_reason, read_exclusions
from skelact.formats.notes import read_notes, summary
from skelact.formats.protocol import FOLDS
from skelact.store.fixed_point import FLOAT32
from skelact.store.overview import (
    MOST_VALUES,
    attribute_counts,
    body_counts,
    class_counts,
    grouping_attributes,
    lengths,
)
from skelact.store.protocols import protocols_of, split
from skelact.store.store import Store

_INDENT = 12
_MARGIN = "  "


def describe_store(store: Store, width: int | None = None) -> str:
    """Return what a store holds, for lines of ``width`` characters; default: those of the terminal."""
    width = shutil.get_terminal_size((100, 24)).columns if width is None else width
    lines = [f"{name:<{_INDENT}}{value}" for name, value in store_account(store)]
    for name in grouping_attributes(store):
        lines += _attribute(store, name, width)
    return "\n".join([*lines, *_classes(store, width)])


def store_account(store: Store) -> list[tuple[str, str]]:
    """Return what a store holds, as words and values; a word that is empty goes on with the one before."""
    topology = store.topology
    frames = lengths(store)
    empty = int(store.array("num_frames").sum(dtype=np.int64) - frames.sum())
    quartiles = ", ".join(f"{value:.0f}" for value in np.quantile(frames, [0.25, 0.5, 0.75]))
    people = ", ".join(f"{count:,} with {number}" for number, count in body_counts(store).items())
    folders = [store.path] if store.parts is None else [store.path, *store.parts.folders]
    size = sum(file.stat().st_size for folder in folders for file in folder.iterdir())
    left_out = count_by_reason(read_exclusions(store.path))
    return [
        ("store", f"{store.path}  ({size / 1e6:,.1f} MB, content {store.content_hash[:16]})"),
        *([("", f"positions lie in {len(folders) - 1} parts beside it")] if len(folders) > 1 else []),
        ("data set", f"{store.data_set}, made with {_options(store)}"),
        (
            "skeleton",
            f"{topology.name}: {topology.num_joints} joints, centre {topology.joints[topology.centre]}",
        ),
        ("sequences", f"{len(store):,}; bodies: {people}"),
        ("frames", f"{frames.min()} to {frames.max()} with a body, quartiles {quartiles}; {_fps(store)}"),
        ("", f"{frames.sum():,} in all, and {empty:,} without any body, which are skipped"),
        ("positions", _positions(store)),
        ("left out", "; ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "nothing"),
        *[("note", line) for line in summary(read_notes(store.path))],
        *[(f"{protocol.name}", _side_counts(store, protocol.name)) for protocol in protocols_of(store)],
        *[
            (name, f"{len(names)} folds: {names[0]} to {names[-1]}")
            for name, names in FOLDS.get(store.data_set, {}).items()
        ],
    ]


def _options(store: Store) -> str:
    return ", ".join(f"{key} {value}" for key, value in store.meta["options"].items()) or "no options"


def _positions(store: Store) -> str:
    """Return how positions are measured and kept."""
    said = [f"{store.num_coordinates}-D"]
    said += [f"in {store.unit}"] if store.unit else []
    said += [f"{store.up} is up"] if store.up else []
    return f"{', '.join(said)}; {_kept(store)}"


def _kept(store: Store) -> str:
    if store.position_type == FLOAT32:
        return "float32, exact"
    is_flat = store.array("joints").shape[2] == 2
    error = f"{store.largest_error:.2g} pixels" if is_flat else f"{1e3 * store.largest_error:.2g} mm"
    return f"{store.position_type}, each coordinate off by at most {error}"


def _fps(store: Store) -> str:
    if store.fps:
        return f"{store.fps:g} a second"
    if "fps" not in store.meta["arrays"]:
        return "frame rate unknown"
    rates = store.array("fps")
    known = rates[rates > 0]  # not NaN
    unknown = len(rates) - len(known)
    do_not = "sequence does not" if unknown == 1 else "sequences do not"
    some = f"; {unknown:,} {do_not} say" if unknown else ""
    return f"{known.min():g} to {known.max():g} a second{some}" if len(known) else "frame rate unknown"


def _side_counts(store: Store, protocol_name: str) -> str:
    """Return both sides' numbers, or why there is no such split."""
    try:
        sides = split(store, protocol_name)
    except DataError as error:
        return str(error).removeprefix(f"{store.path}: ")
    return f"{len(sides.train):,} training, {len(sides.test):,} test"


def _classes(store: Store, width: int) -> list[str]:
    """Return the classes that have sequences: number, name and count."""
    counts = class_counts(store)
    used = {f"{label:>2} {name}": count for label, (name, count) in enumerate(counts.items(), 1) if count}
    num_without = int((np.asarray(store.labels) < 0).sum())
    heading = f"{len(used)} of {len(counts)} have sequences" if counts else "none"
    if num_without:
        heading += f"; {num_without:,} {'sequence has' if num_without == 1 else 'sequences have'} no class"
    return [f"{'classes':<{_INDENT}}{heading}", *_columns(used, width)]


def _attribute(store: Store, name: str, width: int) -> list[str]:
    """Return an attribute's values and how many sequences have each, or, of very many values, a summary."""
    counts = attribute_counts(store, name)
    heading = f"{len(counts):,} values" if len(counts) != 1 else "1 value"
    num_without = len(store) - sum(counts.values())
    if num_without:
        heading += f"; {num_without:,} sequences have none"
    if len(counts) > MOST_VALUES:
        first, *_, last = counts
        fewest, most = min(counts.values()), max(counts.values())
        heading += f", {first} to {last}, with {fewest:,} to {most:,} sequences each"
        return [f"{name:<{_INDENT - 1}} {heading}"]
    return [
        f"{name:<{_INDENT - 1}} {heading}",
        *_columns({f"{value:>2}": n for value, n in counts.items()}, width),
    ]


def _columns(counts: Mapping[str, int], width: int) -> list[str]:
    """Return names and counts in as many columns as fit, read downwards."""
    if not counts:
        return []
    longest, digits = max(map(width_of, counts)), len(f"{max(counts.values()):,}")
    width -= len(_MARGIN)
    cells = [f"{padded(name, longest)} {count:>{digits},}" for name, count in counts.items()]
    num_columns = max(1, width // (width_of(cells[0]) + 2))
    num_rows = -(-len(cells) // num_columns)
    return [_MARGIN + "  ".join(cells[row::num_rows]).rstrip() for row in range(num_rows)]
