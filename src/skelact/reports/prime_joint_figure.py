"""Which joints are prime in which action, as a map of classes and joints."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from skelact.errors import DataError
from skelact.evaluation.prime_joints import ClassPrimeJoints
from skelact.reports.canvas import COLOUR_MAP, MISSING, new_figure, quiet_bar
from skelact.reports.figures import limb_order
from skelact.skeleton.topology import Topology

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
