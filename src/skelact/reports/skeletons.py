"""The skeleton strip: a few moments of a recording side by side, with its prime joints marked.

Which joints are prime in which action, as a map of classes and joints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

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
    write_figure,
)
from skelact.reports.figures import limb_order
from skelact.skeleton.topology import Topology

GAP = 0.25  # between two skeletons, as a share of the widest one


def skeleton_strip(
    positions: npt.ArrayLike,
    topology: Topology,
    highlight: npt.ArrayLike,
    path: Path,
    *,
    num_frames: int = 8,
    fps: float | None = None,
    title: str = "",
) -> None:
    """Draw evenly spaced frames of one body from the front, joints of ``highlight`` marked.

    The first coordinate goes to the right and the second upwards, as in the camera's frame of the Kinect;
    all skeletons have one scale. Frames in which all joints lie at the origin are those of an absent body and
    stay empty.

    Args:
        positions: (T, V, C) in metres, C at least 2.
        topology: the skeleton, of V joints.
        highlight: (T, V) bool, True for prime joints.
        path: the file, .png, .svg or .pdf.
        num_frames: how many frames to show, at most; all of them in shorter recordings.
        fps: frames a second; with it, times in s stand under the skeletons, else frame numbers.
        title: heading of the figure.

    Raises:
        DataError: shapes that do not fit, a position that is not finite, no frame to show, or a file that
            cannot be written.
    """
    joints = np.asarray(positions, np.float64)
    marked = np.asarray(highlight)
    if joints.ndim != 3 or joints.shape[1] != topology.num_joints or joints.shape[2] < 2:
        expected = f"(frames, {topology.num_joints} joints of {topology.name}, 2 or 3 coordinates)"
        raise DataError(f"{path}: not drawn, positions of shape {joints.shape}, expected {expected}")
    if marked.shape != joints.shape[:2] or marked.dtype != np.bool_:
        raise DataError(
            f"{path}: not drawn, prime joints of shape {marked.shape} and type {marked.dtype}, "
            f"expected {joints.shape[:2]} and bool"
        )
    if len(joints) == 0 or num_frames < 1:
        raise DataError(f"{path}: not drawn, {num_frames} of {len(joints)} frames leave none to show")
    if not np.isfinite(joints).all():
        frame, joint = np.argwhere(~np.isfinite(joints))[0, :2]
        raise DataError(
            f"{path}: not drawn, frame {frame}, joint {joint} holds a position that is not finite"
        )

    shown = np.linspace(0, len(joints) - 1, min(num_frames, len(joints))).round().astype(int)
    flat, marked = joints[shown, :, :2], marked[shown]
    there = np.asarray(flat.any((1, 2)))
    middles = (flat[..., 0].min(1) + flat[..., 0].max(1)) / 2
    step = max(float(np.ptp(flat[..., 0], axis=1).max()), 0.1) * (1 + GAP)
    places = step * np.arange(len(shown))
    flat[..., 0] += (places - middles)[:, None]
    bones = np.array(topology.bones).reshape(-1, 2)

    height = float(np.ptp(flat[there][..., 1])) if there.any() else step
    width = min(max(1.5 * len(shown), 4), 14)
    figure, axes = new_figure(width, 1.2 + (width - 0.8) * height / (step * len(shown)))
    axes.add_collection(
        LineCollection(list(flat[there][:, bones].reshape(-1, 2, 2)), colors=GREY, linewidths=1.5)
    )
    x, y = flat[..., 0], flat[..., 1]
    prime = marked & there[:, None]
    plain = ~marked & there[:, None]
    axes.scatter(x[plain], y[plain], s=6, color=INK, zorder=2)
    axes.scatter(x[prime], y[prime], s=34, color=VERMILION, zorder=3, label="prime joint")
    axes.set_aspect("equal")
    axes.set_xlim(-step / 2, places[-1] + step / 2)
    labels = [f"{frame / fps:.2f}" if fps else str(frame) for frame in shown]
    axes.set_xticks(places, labels)
    axes.grid(axis="y", color=MISSING)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="time (s)" if fps else "frame", ylabel="height (m)", title=title)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=8, borderpad=0)
    write_figure(figure, path)


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
    image = axes.imshow(
        found.means[:, order], cmap=colours, vmin=0, vmax=1, aspect="auto", interpolation="nearest"
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
