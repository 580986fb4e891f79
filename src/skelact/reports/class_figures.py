"""Figures by class: how often a method is right about each, and where two methods differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from skelact.evaluation.class_differences import ClassDifference
from skelact.evaluation.class_results import ClassResult
from skelact.reports.canvas import BLUE, INK, MISSING, VERMILION, new_figure

SEED_DOTS: dict[str, Any] = {
    "marker": "o",
    "linestyle": "none",
    "color": INK,
    "markersize": 3,
    "markerfacecolor": "white",
    "zorder": 3,
    "clip_on": False,
}
LEVEL = 0.05
"""Adjusted p values below are marked as differences."""


def class_accuracy_figure(result: ClassResult, *, title: str = "") -> Figure:
    """Return bars of the accuracy of every class that has test sequences, the best on top.

    Of several seeds the bar is the mean, and each seed a dot. A dotted line marks the mean of the classes.

    Args:
        result: one method.
        title: heading of the figure.
    """
    accuracies = result.accuracies[:, result.occurring]  # (S, classes that occur)
    means = accuracies.mean(0)
    order = np.argsort(-means, kind="stable")
    names = [result.class_names[place] for place in result.occurring[order]]
    figure, axes = new_figure(6.5, _height(len(names)))
    rows = np.arange(len(names))
    axes.barh(rows, means[order], color=BLUE)
    if len(accuracies) > 1:
        for seed in accuracies:
            axes.plot(seed[order], rows, **SEED_DOTS)
    axes.axvline(means.mean(), color=INK, linewidth=1, linestyle=":")
    label = "accuracy (%); dotted line: mean of the classes"
    if len(accuracies) > 1:
        label += f"\nbars: mean of {len(accuracies)} seeds, each seed a dot"
    left_out = len(result.class_names) - len(names)
    if left_out:
        label += f"\nclasses without test sequences, left out: {left_out}"
    axes.set(xlabel=label, xlim=(0, 100))
    axes.set_title(title, fontsize=10)
    _name_rows(axes, names, result.num_sequences[result.occurring[order]].tolist())
    return figure


def class_difference_figure(
    found: Sequence[ClassDifference], first: str, second: str, *, title: str = ""
) -> Figure:
    """Return both methods' accuracy of every class, and the difference beside it, the largest on top.

    A bar is filled where the difference is one by the paired test after Holm's correction, else it is open.

    Args:
        found: the classes.
        first: what the first method is called.
        second: the same for the second.
        title: heading of the figure.
    """
    rows = sorted(found, key=lambda each: -each.difference)
    figure = Figure(figsize=(9.5, _height(len(rows)) + 0.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0, labelsize=8, colors=INK)
    for place, row in enumerate(rows):
        left.plot([row.first, row.second], [place, place], color=MISSING, linewidth=2, zorder=1)
    left.plot([row.first for row in rows], range(len(rows)), "o", color=BLUE, label=first)
    left.plot(
        [row.second for row in rows], range(len(rows)), "^", color=VERMILION, label=second, markersize=5
    )
    left.set_xlim(-2, 102)
    left.set_xlabel("accuracy (%)", fontsize=9)
    for place, row in enumerate(rows):
        colour = BLUE if row.difference >= 0 else VERMILION
        face = colour if is_different(row) else "white"
        right.barh(place, row.difference, color=face, edgecolor=colour, linewidth=1)
        if len(row.by_seed) > 1:
            right.plot(row.by_seed, [place] * len(row.by_seed), **SEED_DOTS)
    right.axvline(0, color=INK, linewidth=1)
    largest = max(abs(value) for row in rows for value in (row.difference, *row.by_seed)) or 1
    right.set_xlim(-1.05 * largest, 1.05 * largest)
    right.set_xlabel(f"{first} minus {second} (points)", fontsize=9, wrap=True)
    _name_rows(left, [row.name for row in rows], [row.num_sequences for row in rows])
    right.tick_params(axis="y", labelleft=False)
    handles: list[Patch | Line2D] = [*left.get_legend_handles_labels()[0], *_test_legend(rows)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10)
    return figure


def is_different(found: ClassDifference) -> bool:
    """Return whether the test over all classes calls this one different."""
    return found.adjusted_p is not None and found.adjusted_p < LEVEL


def _test_legend(rows: Sequence[ClassDifference]) -> list[Patch | Line2D]:
    legend: list[Patch | Line2D] = []
    if all(row.adjusted_p is None for row in rows):
        legend.append(
            Patch(facecolor="white", edgecolor=INK, label="not tested: results without class scores")
        )
    else:
        test = f"McNemar's test, Holm's correction for {len(rows)} classes"
        legend += [
            Patch(facecolor=INK, edgecolor=INK, label=f"p < {LEVEL} ({test})"),
            Patch(facecolor="white", edgecolor=INK, label="no difference shown, which does not mean none"),
        ]
    if any(len(row.by_seed) > 1 for row in rows):
        legend.append(Line2D([], [], **SEED_DOTS, label="each pair of seeds"))
    return legend


def _height(num: int) -> float:
    """Return the inches that ``num`` rows with readable names take."""
    return 1.4 + 0.18 * max(num, 5)


def _name_rows(axes: Axes, names: Sequence[str], numbers: Sequence[int]) -> None:
    labels = [f"{name} ({number})" for name, number in zip(names, numbers, strict=True)]
    axes.set_yticks(range(len(names)), labels, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_ylabel("class (test sequences)", fontsize=9)
    axes.grid(axis="x", color=MISSING)
    axes.set_axisbelow(True)
