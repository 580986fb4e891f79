"""Figures of results: accuracy by class, differences of two methods, and accuracy by the share of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from skelact.errors import DataError
from skelact.reports.canvas import BLUE, INK, MISSING, PALETTE, SHAPES, VERMILION, new_figure
from skelact.results.classes import ClassDifference, ClassResult
from skelact.results.curves import LearningCurve

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


SIDESTEP = 1.035
"""Factor between the places of two methods at one share, so that their intervals do not hide each other."""
MARGIN = 1.5
"""Points of accuracy beyond 0 and 100 that the axis shows at most, for the markers."""


def learning_curve_figure(curves: Sequence[LearningCurve], *, title: str = "") -> Figure:
    """Return mean top-1 with its 95 % interval over seeds, against the share of labels on a log scale.

    Under each share stands the number of labelled sequences. A point of a single seed is open: it has no
    interval.

    Args:
        curves: at most 8 methods.
        title: heading of the figure.

    Raises:
        DataError: more methods than can be told apart.
    """
    if len(curves) > len(PALETTE):
        raise DataError(
            f"{len(curves)} methods are too many for one figure; give the results of {len(PALETTE)} at most"
        )
    figure, axes = new_figure(6.5, 4.2 + 0.18 * len(curves))
    axes.set_xscale("log")
    shares: dict[float, int] = {}
    for number, curve in enumerate(curves):
        factor = SIDESTEP ** (number - (len(curves) - 1) / 2)
        for point in curve.points:
            shares[point.share] = point.num_labelled
        several = [point for point in curve.points if point.top1.half_width is not None]
        single = [point for point in curve.points if point.top1.half_width is None]
        colour, shape = PALETTE[number], SHAPES[number]
        axes.plot(
            [point.share * factor for point in curve.points],
            [point.top1.mean for point in curve.points],
            color=colour,
            linewidth=1.5,
        )
        axes.errorbar(
            [point.share * factor for point in several],
            [point.top1.mean for point in several],
            yerr=[point.top1.half_width or 0.0 for point in several],
            color=colour,
            linestyle="none",
            marker=shape,
            markersize=5,
            capsize=3,
            label=f"{curve.label} ({_seeds(curve)})",
        )
        axes.plot(
            [point.share * factor for point in single],
            [point.top1.mean for point in single],
            shape,
            color=colour,
            markerfacecolor="white",
            markersize=5,
        )
    ticks = sorted(shares)
    labels = [f"{100 * share:.3g} %\n{shares[share]:,}" for share in ticks]
    axes.set_xticks(ticks, labels)
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -MARGIN), min(high, 100 + MARGIN))
    below = "share and number of labelled training sequences"
    if any(point.top1.half_width is None for curve in curves for point in curve.points):
        below += "\nopen points: a single seed, which has no interval"
    axes.set_xlabel(below)
    axes.set_title(title, fontsize=10)
    axes.set_ylabel("top-1 (%), mean and 95 % interval over seeds")
    axes.grid(axis="y", color=MISSING)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    return figure


def _seeds(curve: LearningCurve) -> str:
    numbers = sorted({point.top1.num for point in curve.points})
    span = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
    return f"{span} seed{'' if numbers[-1] == 1 else 's'}"
