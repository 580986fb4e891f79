"""Figures of numbers: the loss over time, the confusion matrix, the change of joint density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from skelact.errors import DataError
from skelact.reports.canvas import BLUE, COLOUR_MAP, MISSING, new_figure, quiet_bar, write_figure
from skelact.skeleton.topology import Topology

MOST_NUMBERED_CLASSES = 20
MOST_NAMED_CLASSES = 60


def loss_curve(history: Sequence[Mapping[str, float]], path: Path, *, title: str = "") -> None:
    """Draw the mean loss of every epoch.

    Args:
        history: one mapping an epoch with ``epoch`` (from 0) and ``loss``, as the training log holds them.
        path: the file, .png, .svg or .pdf.
        title: heading of the figure.

    Raises:
        DataError: no epoch, an epoch without one of the two numbers, or a file that cannot be written.
    """
    try:
        done = [line["epoch"] + 1 for line in history]
        loss = [line["loss"] for line in history]
    except KeyError as error:
        raise DataError(f"{path}: not drawn, an epoch of the training log has no {error}") from None
    if not done:
        raise DataError(f"{path}: not drawn, the training log holds no epoch")
    figure, axes = new_figure(6, 3.6)
    axes.plot(done, loss, color=BLUE, linewidth=1.5, marker="o" if len(done) < 10 else None, markersize=4)
    axes.set(xlabel="epochs done", ylabel="loss (mean over the epoch)", title=title)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=MISSING)
    axes.set_axisbelow(True)
    write_figure(figure, path)


def confusion_matrix(
    confusion: npt.ArrayLike, class_names: Sequence[str], path: Path, *, title: str = ""
) -> None:
    """Draw how often each class is taken for each other, as shares of the true class's sequences.

    A class without a sequence has a grey row. Up to 20 classes, the percentages stand in the fields.

    Args:
        confusion: (K, K) number of sequences by true class (row) and predicted class (column).
        class_names: K names.
        path: the file, .png, .svg or .pdf.
        title: heading of the figure.

    Raises:
        DataError: shapes that do not fit, or a file that cannot be written.
    """
    counts = np.asarray(confusion, np.float64)
    num = len(class_names)
    if num == 0 or counts.shape != (num, num):
        raise DataError(
            f"{path}: not drawn, a confusion matrix of shape {counts.shape} for {num} class names"
        )
    write_figure(confusion_figure(counts, class_names, title=title), path)


def confusion_figure(
    counts: npt.NDArray[np.generic], class_names: Sequence[str], *, title: str = ""
) -> Figure:
    """Return what :func:`confusion_matrix` writes, of (K, K) ``counts``."""
    counts = counts.astype(np.float64)
    num = len(class_names)
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


def density_change_map(
    change: npt.ArrayLike,
    topology: Topology,
    path: Path,
    *,
    step_seconds: float | None = None,
    title: str = "",
) -> None:
    """Draw the change of joint density of one body over time, one row a joint, limb by limb.

    Args:
        change: (T', V) change of density from one time step to the next.
        topology: the skeleton, of V joints.
        path: the file, .png, .svg or .pdf.
        step_seconds: duration of a time step in s; None, where unknown, numbers the steps.
        title: heading of the figure.

    Raises:
        DataError: a shape that does not fit, a change that is not finite, or a file that cannot be written.
    """
    values = np.asarray(change, np.float64)
    if values.ndim != 2 or len(values) == 0 or values.shape[1] != topology.num_joints:
        expected = f"(steps, {topology.num_joints} joints of {topology.name})"
        raise DataError(f"{path}: not drawn, a density change of shape {values.shape}, expected {expected}")
    if not np.isfinite(values).all():
        step, joint = np.argwhere(~np.isfinite(values))[0]
        raise DataError(f"{path}: not drawn, the density change of step {step}, joint {joint} is not finite")
    label = "change of joint density per time step"
    write_figure(joint_map(values, topology, label, step_seconds=step_seconds, title=title), path)


def joint_map(
    values: npt.NDArray[np.float64],
    topology: Topology,
    label: str,
    *,
    largest: float | None = None,
    step_seconds: float | None = None,
    title: str = "",
) -> Figure:
    """Return a figure of a number that is not negative for every time step and joint, limb by limb.

    Args:
        values: (T', V).
        topology: the skeleton, of V joints.
        label: what the number is.
        largest: end of the scale; None: the largest value.
        step_seconds: duration of a time step in s; None, where unknown, numbers the steps.
        title: heading of the figure.
    """
    order = limb_order(topology)
    figure, axes = new_figure(7, 1.5 + 0.16 * topology.num_joints)
    axes.spines[:].set_visible(False)
    length = len(values) * (step_seconds or 1)
    image = axes.imshow(
        values.T[order],
        cmap=COLOUR_MAP,
        vmin=0,
        vmax=largest,
        aspect="auto",
        interpolation="nearest",
        extent=(0, length, topology.num_joints - 0.5, -0.5),
    )
    axes.set_yticks(range(topology.num_joints), [topology.joints[joint] for joint in order], fontsize=7)
    axes.set(xlabel="time step" if step_seconds is None else "time (s)", ylabel="joint", title=title)
    quiet_bar(figure.colorbar(image, ax=axes, label=label).ax)
    return figure


def limb_order(topology: Topology) -> list[int]:
    """Return the joints depth first from the root, so that the joints of a limb stand together."""
    order: list[int] = []
    waiting = [topology.root]
    while waiting:
        order.append(waiting.pop())
        waiting += [joint for joint, parent in reversed(topology.bones) if parent == order[-1]]
    return order


def _write_percentages(axes: Axes, shares: npt.NDArray[np.float64]) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share > 0:
            colour = "white" if share < 0.5 else "black"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
