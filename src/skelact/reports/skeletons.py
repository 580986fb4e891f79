"""Figures of skeletons: a recording as a strip, numbers by joint and time, and prime joints by class.

Whatever is called prime in a recording is so by the density of its joints' positions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.density.arrays import BANDWIDTH
from skelact.density.positions import density_change, joint_density, prime_of, rank_joints
from skelact.errors import DataError
from skelact.evaluation.prime_joints import ClassPrimeJoints
from skelact.reports.canvas import (
    COLOUR_MAP,
    GREY,
    INK,
    MISSING,
    VERMILION,
    new_figure,
    quiet_bar,
)
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis, in_the_plane
from skelact.store.store import Store

GAP = 0.25  # between two skeletons, as a share of the widest one
NUM_SHOWN = 8
"""Moments of a strip."""
SHARE = 0.15
"""Share of a recording's joints, over all moments, that a strip marks as prime."""
CLIPS = ClipSettings(num_frames=32, rotation=0.0)
"""How a recording is shown: few moments, so that joints move more from one to the next than their noise."""
DENSITY = f"density of joint positions, bandwidth {BANDWIDTH:g} body sizes"
"""What pictures of a recording say of the density they show."""


@dataclass(frozen=True, eq=False)
class Recording:
    """The first body of a recording, as its pictures show it."""

    positions: npt.NDArray[np.float64]
    """(T, V, C); NaN where a joint was not seen."""
    topology: Topology
    """Its skeleton."""
    title: str
    """Its name and action."""
    frame_seconds: float | None
    """Seconds from one moment to the next; None where the frame rate is unknown."""
    up: Axis | None = None
    """The axis that points up; None: that of pictures in 2-D, and y in 3-D."""
    unit: str | None = "m"
    """Of the positions; None where it is not known."""

    @classmethod
    def of(cls, store: Store, sequence: int) -> Recording:
        """Return what is shown of a sequence of a store.

        Raises:
            DataError: no such sequence, or nobody in it.
        """
        clip = ClipSource(store, CLIPS).test([sequence])
        bodies = clip.present[0].nonzero()[:, 0].tolist()
        if not bodies:
            raise DataError(f"{store.path}: nobody is in sequence {store.names[sequence]}")
        body = bodies[0]
        positions = clip.positions[0, body].double().numpy()
        if clip.joint_present is not None:
            positions[:, ~clip.joint_present[0, body].numpy()] = np.nan
        label = int(clip.labels[0])
        action = store.class_names[label] if label >= 0 else "no label"
        seconds = None
        fps = store.fps_of(sequence)
        if fps is not None:
            shown = int(store.array("num_frames")[sequence]) * CLIPS.test_crop_share
            seconds = shown / fps / CLIPS.num_frames
        title = f"{store.names[sequence]}: {action}"
        return cls(positions, store.topology, title, seconds, store.up, store.unit)


def strip_figure(recording: Recording) -> Figure:
    """Return a figure of a few moments side by side, from the front, with the prime joints marked.

    What is up goes upwards, and all skeletons have one scale. The joints that are most prime over the whole
    recording are named above.

    Args:
        recording: what is shown.
    """
    positions, topology = recording.positions, recording.topology
    density = joint_density(torch.from_numpy(positions))
    change = density_change(density)
    is_prime, ranked = prime_of(density, change, SHARE).numpy(), rank_joints(change)
    shown = np.linspace(0, len(positions) - 1, min(NUM_SHOWN, len(positions))).round().astype(int)
    flat, marked = in_the_plane(positions[shown], recording.up), is_prime[shown]
    widths = np.nanmax(flat[..., 0], 1) - np.nanmin(flat[..., 0], 1)
    middles = (np.nanmax(flat[..., 0], 1) + np.nanmin(flat[..., 0], 1)) / 2
    step = max(float(widths.max()), 0.1) * (1 + GAP)
    places = step * np.arange(len(shown))
    flat[..., 0] += (places - middles)[:, None]
    bones = np.array(topology.bones).reshape(-1, 2)

    height = float(np.nanmax(flat[..., 1]) - np.nanmin(flat[..., 1]))
    width = min(max(1.5 * len(shown), 4), 14)
    figure, axes = new_figure(width, 1.5 + (width - 0.8) * height / (step * len(shown)))
    lines = flat[:, bones].reshape(-1, 2, 2)
    axes.add_collection(
        LineCollection(list(lines[~np.isnan(lines).any((1, 2))]), colors=GREY, linewidths=1.5)
    )
    x, y = flat[..., 0], flat[..., 1]
    axes.scatter(x[~marked], y[~marked], s=6, color=INK, zorder=2)
    axes.scatter(x[marked], y[marked], s=34, color=VERMILION, zorder=3, label="prime joint")
    axes.set_aspect("equal")
    axes.set_xlim(-step / 2, places[-1] + step / 2)
    seconds = recording.frame_seconds
    axes.set_xticks(places, [f"{frame * seconds:.2f}" if seconds else str(frame) for frame in shown])
    axes.grid(axis="y", color=MISSING)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    most = ", ".join(topology.joints[joint] for joint in ranked[:6])
    axes.set(
        xlabel=f"{'time (s)' if seconds else 'moment'}\n{DENSITY}",
        ylabel=f"height ({recording.unit or 'unit not told'})",
    )
    axes.set_title(f"{recording.title}\nmost prime: {most}", fontsize=10, loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=9, borderpad=0)
    return figure


def density_figure(recording: Recording) -> Figure:
    """Return a figure of the change of joint density over time, one row a joint, limb by limb.

    Args:
        recording: what is shown.
    """
    change = density_change(joint_density(recording.positions))
    return joint_map(
        change,
        recording.topology,
        "change of density from moment to moment",
        largest=float(np.nanquantile(change, 0.99)) or None,  # a joint that jumps once would hide the others
        step_seconds=recording.frame_seconds,
        title=f"{recording.title}\n{DENSITY}",
    )


def joint_map(
    values: npt.NDArray[np.floating[Any]],
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
        largest: end of the scale, which then says that values may lie beyond; None: the largest value.
        step_seconds: duration of a time step in s; None, where unknown, numbers the steps.
        title: heading of the figure.
    """
    order = limb_order(topology)
    figure, axes = new_figure(7.5, 1.5 + 0.19 * topology.num_joints)
    axes.spines[:].set_visible(False)
    length = len(values) * (step_seconds or 1)
    image = axes.imshow(
        values.T[order],
        cmap=colormaps[COLOUR_MAP].with_extremes(bad=MISSING),
        vmin=0,
        vmax=largest,
        aspect="auto",
        interpolation="nearest",
        extent=(0, length, topology.num_joints - 0.5, -0.5),
    )
    axes.set_yticks(range(topology.num_joints), [topology.joints[joint] for joint in order], fontsize=8)
    axes.set(xlabel="time step" if step_seconds is None else "time (s)", ylabel="joint")
    axes.set_title(title, fontsize=10)
    extend = "max" if largest is not None and np.nanmax(values) > largest else "neither"
    quiet_bar(figure.colorbar(image, ax=axes, label=label, extend=extend).ax)
    return figure


def limb_order(topology: Topology) -> list[int]:
    """Return the joints depth first from the root, so that the joints of a limb stand together."""
    order: list[int] = []
    waiting = [topology.root]
    while waiting:
        order.append(waiting.pop())
        waiting += [joint for joint, parent in reversed(topology.bones) if parent == order[-1]]
    return order


MOST_CLASSES = 60
"""Rows whose names can be read in one picture."""


def prime_joint_figure(
    found: ClassPrimeJoints, topology: Topology, *, title: str = "", about: str = ""
) -> Figure:
    """Return a map of the mean prime mask, a row a class and a column a joint, limb by limb.

    Args:
        found: K classes.
        topology: the skeleton, of V joints.
        title: heading of the figure.
        about: what makes a joint prime, for the line under the map.

    Raises:
        DataError: more classes than can be read.
    """
    num_classes, num_joints = found.means.shape
    check_classes_fit(num_classes)
    order = limb_order(topology)
    figure, axes = new_figure(4 + 0.25 * num_joints, 2.4 + 0.2 * max(num_classes, 4))
    axes.spines[:].set_visible(False)
    colours = colormaps[COLOUR_MAP].with_extremes(bad=MISSING)
    largest = math.ceil(10 * np.nanmax(found.means, initial=0.1)) / 10
    image = axes.imshow(
        found.means[:, order], cmap=colours, vmin=0, vmax=largest, aspect="auto", interpolation="nearest"
    )
    for place in range(1, num_joints):
        if topology.parents[order[place]] != order[place - 1]:
            axes.axvline(place - 0.5, color="white", linewidth=2.5)
    names = [
        f"{name} ({num})" for name, num in zip(found.class_names, found.num_sequences.tolist(), strict=True)
    ]
    axes.set_yticks(range(num_classes), names, fontsize=8)
    axes.set_ylabel("class (test sequences)", fontsize=9)
    axes.set_xticks(range(num_joints), [topology.joints[joint] for joint in order], rotation=90, fontsize=8)
    axes.set_title(title, fontsize=10)
    notes = [about] if about else []
    if np.isnan(found.means).any():
        notes.append("grey: never seen in the class")
    axes.set_xlabel("\n".join(["joint, limb by limb", *notes]), fontsize=8)
    quiet_bar(figure.colorbar(image, ax=axes, label="mean prime mask").ax)
    return figure


def check_classes_fit(num: int) -> None:
    """Raise DataError unless the names of ``num`` classes can be read in one picture."""
    if num > MOST_CLASSES:
        raise DataError(
            f"{num} classes cannot be read in one picture; name up to {MOST_CLASSES} with --classes"
        )
