"""The figure of learning curves: accuracy by the share of labels, for several methods."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from skelact.errors import DataError
from skelact.evaluation.learning_curves import LearningCurve
from skelact.reports.canvas import MISSING, PALETTE, SHAPES, new_figure

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
