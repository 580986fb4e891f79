"""The skeleton strip: a few moments of a recording side by side, with its prime joints marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.collections import LineCollection

from skelact.errors import DataError
from skelact.reports.canvas import GREY, INK, MISSING, VERMILION, new_figure, write_figure
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
