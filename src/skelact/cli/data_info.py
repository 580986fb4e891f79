"""Show what a store holds: its sequences, lengths, bodies, splits and classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from jsonargparse import ArgumentParser, Namespace

from skelact.errors import DataError
from skelact.preparation.account import count_by_reason, read_account
from skelact.preparation.protocols import PROTOCOLS, split
from skelact.preparation.store import Store

_INDENT = 12


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("store", type=str, help="folder of a prepared store")


def run(options: Namespace) -> None:
    """Print the table."""
    print(describe(Store.open(Path(options.store)), shutil.get_terminal_size((100, 24)).columns))


def describe(store: Store, width: int) -> str:
    """Return the table for lines of ``width`` characters."""
    topology = store.topology
    lengths, bodies = np.diff(store.array("frame_start")), store.array("num_bodies")
    empty = int(store.array("num_frames").sum(dtype=np.int64) - lengths.sum())
    quartiles = ", ".join(f"{value:.0f}" for value in np.quantile(lengths, [0.25, 0.5, 0.75]))
    people = ", ".join(
        f"{count:,} with {number}"
        for number, count in zip(*np.unique(bodies, return_counts=True), strict=True)
    )
    size = sum(file.stat().st_size for file in store.path.iterdir())
    left_out = count_by_reason(read_account(store.path))
    rows = [
        ("store", f"{store.path}  ({size / 1e6:,.1f} MB, content {store.content_hash[:16]})"),
        ("data set", f"{store.data_set}, made with {_options(store)}"),
        (
            "skeleton",
            f"{topology.name}: {topology.num_joints} joints, centre {topology.joints[topology.centre]}",
        ),
        ("sequences", f"{len(store):,}; bodies: {people}"),
        ("frames", f"{lengths.min()} to {lengths.max()} with a body, quartiles {quartiles}; {_fps(store)}"),
        ("", f"{lengths.sum():,} in all, and {empty:,} without any body, which are skipped"),
        ("left out", "; ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "nothing"),
        *[
            (f"{protocol.name}", _side_counts(store, protocol.name))
            for protocol in PROTOCOLS.get(store.data_set, ())
        ],
    ]
    lines = [f"{name:<{_INDENT}}{value}" for name, value in rows]
    return "\n".join([*lines, *_classes(store, width)])


def _options(store: Store) -> str:
    return ", ".join(f"{key} {value}" for key, value in store.meta["options"].items()) or "no options"


def _fps(store: Store) -> str:
    return f"{store.fps:g} a second" if store.fps else "frame rate unknown"


def _side_counts(store: Store, protocol_name: str) -> str:
    """Return both sides' numbers, or why there is no such split."""
    try:
        sides = split(store, protocol_name)
    except DataError as error:
        return str(error).removeprefix(f"{store.path}: ")
    return f"{len(sides.train):,} training, {len(sides.test):,} test"


def _classes(store: Store, width: int) -> list[str]:
    """Return the classes that have sequences, number, name and count, in as many columns as fit."""
    labels = np.asarray(store.labels)
    counts = np.bincount(labels[labels >= 0], minlength=len(store.class_names))
    used = np.flatnonzero(counts).tolist()
    lines = [f"{'classes':<{_INDENT}}{len(used)} of {len(counts)} have sequences"]
    if (labels < 0).any():
        lines[0] += f"; {int((labels < 0).sum()):,} sequences have no class"
    if not used:
        return lines
    longest = max(len(store.class_names[label]) for label in used)
    digits = len(f"{counts.max():,}")
    cells = [
        f"{label + 1:>4} {store.class_names[label]:<{longest}} {counts[label]:>{digits},}" for label in used
    ]
    num_columns = max(1, width // (len(cells[0]) + 2))
    num_rows = -(-len(cells) // num_columns)
    return lines + ["  ".join(cells[row::num_rows]).rstrip() for row in range(num_rows)]
