"""One figure of a prepared data set: its classes, lengths, bodies, attributes, and what its skeleton is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator

from skelact.reports.canvas import BLUE, GREY, INK, MISSING, write_figure
from skelact.skeleton.view import in_the_plane
from skelact.store.overview import (
    MOST_VALUES,
    attribute_counts,
    body_counts,
    class_counts,
    grouping_attributes,
    lengths,
)
from skelact.store.store import Store

MOST_NAMED_BARS = 60
_MOST_ATTRIBUTES = 6
_COLUMNS = 3


def data_figure(store: Store, path: Path) -> None:
    """Draw what ``store`` holds.

    Args:
        store: the prepared data set.
        path: the file, .png, .svg or .pdf.

    Raises:
        DataError: the file cannot be written, or its name has another ending than these.
    """
    counted = {name: attribute_counts(store, name) for name in grouping_attributes(store)}
    shown = [name for name, counts in counted.items() if 1 < len(counts) <= MOST_VALUES][:_MOST_ATTRIBUTES]
    num_rows = 2 + -(-len(shown) // _COLUMNS)
    figure = Figure(figsize=(12, 2.6 * num_rows + 1), layout="constrained")
    grid = figure.add_gridspec(num_rows, _COLUMNS, height_ratios=[1.5, *[1] * (num_rows - 1)])
    figure.suptitle(f"{store.data_set}: {len(store):,} sequences", fontsize=12)

    classes = class_counts(store)
    if classes:
        _bars(_axes(figure, grid[0, :], f"sequences by class ({len(classes)})"), classes)
    else:
        _axes(figure, grid[0, :], "no classes").set_axis_off()
    axes = _axes(figure, grid[1, 0], "sequences by length")
    axes.hist(lengths(store), bins=40, color=BLUE)
    axes.set_xlabel("frames with a body", fontsize=7)
    _bars(_axes(figure, grid[1, 1], "sequences by bodies"), body_counts(store))
    _skeleton(_axes(figure, grid[1, 2], ""), store)
    for place, name in enumerate(shown):
        cell = grid[2 + place // _COLUMNS, place % _COLUMNS]
        _bars(_axes(figure, cell, f"sequences by {name} ({len(counted[name])})"), counted[name])
    write_figure(figure, path)


def _axes(figure: Figure, cell: SubplotSpec, title: str) -> Axes:
    axes = figure.add_subplot(cell)
    axes.set_title(title, fontsize=9, loc="left", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, labelsize=7, colors=INK)
    return axes


def _bars(axes: Axes, counts: Mapping[str, int]) -> None:
    """Draw a bar a value; beyond 60 values every so many are named."""
    axes.bar(range(len(counts)), list(counts.values()), color=BLUE)
    step = -(-len(counts) // MOST_NAMED_BARS)
    is_long = max(map(len, counts), default=0) * len(counts) > 60
    axes.set_xticks(
        range(0, len(counts), step),
        list(counts)[::step],
        rotation=90 if is_long else 0,
        fontsize=6 if is_long else 7,
    )
    axes.margins(x=0.01)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.grid(axis="y", color=MISSING)
    axes.set_axisbelow(True)


def _skeleton(axes: Axes, store: Store) -> None:
    """Draw the joints seen in the first body-frame: what is up upwards."""
    topology = store.topology
    joints = in_the_plane(store.positions(0)[0], store.up)
    seen = store.seen_joints(0)
    bones = np.array(topology.bones).reshape(-1, 2)
    bones = bones[seen[bones].all(1)]
    axes.add_collection(LineCollection(list(joints[bones]), colors=GREY, linewidths=1.5))
    axes.scatter(joints[seen, 0], joints[seen, 1], s=8, color=INK, zorder=2)
    axes.set_title(f"{topology.name}: {topology.num_joints} joints (first frame)", fontsize=9, loc="left")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(store.unit or "unit not told", fontsize=7)
