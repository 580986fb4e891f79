"""Figures of numbers: the loss over time, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from skelact.errors import DataError
from skelact.reports.canvas import BLUE, COLOUR_MAP, MISSING, new_figure, quiet_bar

MOST_NUMBERED_CLASSES = 20
MOST_NAMED_CLASSES = 60


def loss_figure(history: Sequence[Mapping[str, float]], *, title: str = "") -> Figure:
    """Return a figure of the mean loss of every epoch.

    Args:
        history: one mapping an epoch with ``epoch`` (from 0) and ``loss``, as the training log holds them.
        title: heading of the figure.

    Raises:
        DataError: no epoch, or an epoch without one of the two numbers.
    """
    try:
        done = [line["epoch"] + 1 for line in history]
        loss = [line["loss"] for line in history]
    except KeyError as error:
        raise DataError(f"not drawn: an epoch of the training log has no {error}") from None
    if not done:
        raise DataError("not drawn: the training log holds no epoch")
    figure, axes = new_figure(6, 3.6)
    axes.plot(done, loss, color=BLUE, linewidth=1.5, marker="o" if len(done) < 10 else None, markersize=4)
    axes.set(xlabel="epochs done", ylabel="loss (mean over the epoch)")
    axes.set_title(title, fontsize=10)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=MISSING)
    axes.set_axisbelow(True)
    return figure


def confusion_figure(counts: npt.ArrayLike, class_names: Sequence[str], *, title: str = "") -> Figure:
    """Return a figure of which classes are taken for which, as shares of the true class's sequences.

    A class without a sequence has a grey row. Up to 20 classes, the percentages stand in the fields.

    Args:
        counts: (K, K) number of sequences by true class (row) and predicted class (column).
        class_names: K names.
        title: heading of the figure.

    Raises:
        DataError: shapes that do not fit.
    """
    counts = np.asarray(counts, np.float64)
    num = len(class_names)
    if num == 0 or counts.shape != (num, num):
        raise DataError(f"not drawn: a confusion matrix of shape {counts.shape} for {num} class names")
    occurring = counts.sum(1, keepdims=True)
    shares = np.full_like(counts, np.nan)
    np.divide(counts, occurring, out=shares, where=occurring > 0)
    side = min(3 + 0.32 * num, 14)
    figure, axes = new_figure(side + 1, side)
    axes.spines[:].set_visible(False)
    colours = colormaps[COLOUR_MAP].with_extremes(bad=MISSING)
    image = axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
    every = -(-num // MOST_NAMED_CLASSES)
    places = range(0, num, every)
    names = [class_names[place] for place in places]
    size = 8 if num <= MOST_NUMBERED_CLASSES else 6
    axes.set_xticks(places, names, rotation=90, fontsize=size)
    axes.set_yticks(places, names, fontsize=size)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title, fontsize=10)
    if num <= MOST_NUMBERED_CLASSES:
        _write_percentages(axes, shares)
    bar = figure.colorbar(
        image, ax=axes, shrink=0.8, format=PercentFormatter(1), label="share of the true class"
    )
    quiet_bar(bar.ax)
    return figure


def _write_percentages(axes: Axes, shares: npt.NDArray[np.float64]) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share > 0:
            colour = "white" if share < 0.5 else "black"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
