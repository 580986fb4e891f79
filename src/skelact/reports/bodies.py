"""Prime joints on bodies: what joint density and what plain motion point at, action by action."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from skelact.clips.source import Clips, ClipSource
from skelact.density.arrays import MOTIONLESS_CHANGE
from skelact.density.positions import SHARE, density_change, joint_density, prime_of
from skelact.reports.canvas import COLOUR_MAP, GREY, INK, quiet_bar
from skelact.reports.player import Played, Space
from skelact.reports.skeletons import CLIPS
from skelact.reports.stage import Camera
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import body_size
from skelact.store.store import Store

Floats = npt.NDArray[np.float64]
NUM_NAMED = 3
"""Joints that are named."""
MOST_CLASSES = 12
"""Bodies that can be told apart in one picture."""
_BATCH = 64
_WIDTH, _BAR, _TEXTS = 6.2, 0.9, 1.05
"""Inches: of the figure, of its colour bar, and of the words of a row."""
_COLUMNS, _COLUMNS_OF_PAIRS = 3, 2


@dataclass(frozen=True, eq=False)
class PrimeBodies:
    """What is prime in one class, of each of M bodies."""

    name: str
    num_sequences: int
    pose: Floats
    """(M, V, 2) the middle of its most usual recording, seen from the front; NaN where nothing was seen."""
    by_density: Floats
    """(M, V) in what share of moments a joint is prime; NaN where it was never seen."""
    by_motion: Floats
    """(M, V) in what share it is among the quarter of joints that move most."""
    overlap: float
    """Share of what is prime by density that is so by motion."""

    @property
    def shares(self) -> tuple[Floats, Floats]:
        """By density and by motion."""
        return self.by_density, self.by_motion

    def most(self, shares: Floats, topology: Topology) -> list[str]:
        """Return the joints of the largest shares, of whichever body has more, the largest first."""
        found = np.nanmax(np.where(np.isnan(shares), -1.0, shares), 0)
        return [topology.joints[joint] for joint in np.argsort(-found, kind="stable")[:NUM_NAMED].tolist()]


def prime_bodies(store: Store, classes: Sequence[int]) -> list[PrimeBodies]:
    """Return what is prime in classes, over all recordings that a store has of them.

    A quarter of the joints of a recording, over all its moments, is prime: those whose density changes most;
    and those that move most, as far as the rest of the body goes with them.

    Args:
        store: the recordings.
        classes: numbers of its classes, each with a recording.
    """
    source = ClipSource(store, CLIPS)
    return [_of_class(source, label) for label in classes]


def _of_class(source: ClipSource, label: int) -> PrimeBodies:
    store, indices = source.store, np.flatnonzero(np.asarray(source.store.labels) == label)
    totals: dict[str, Any] = dict.fromkeys(("density", "motion", "both", "seen"), 0.0)
    middles = []
    for begin in range(0, len(indices), _BATCH):
        clips = source.test(indices[begin : begin + _BATCH])
        places, seen = _places(clips)
        middles.append(places[:, :, places.shape[2] // 2])
        for number in range(len(places)):
            masks = _masks(places[number])
            masks["both"] = masks["density"] & masks["motion"]
            masks["seen"] = np.broadcast_to(seen[number, :, None], masks["both"].shape)
            for name, mask in masks.items():
                totals[name] = totals[name] + mask.sum(1)  # (M, V)
    bodies = np.flatnonzero(totals["seen"].any(1))
    with np.errstate(invalid="ignore"):
        shares = {name: totals[name][bodies] / totals["seen"][bodies] for name in ("density", "motion")}
    usual = int(indices[_most_usual(np.concatenate(middles)[:, bodies])])
    return PrimeBodies(
        name=store.class_names[label],
        num_sequences=len(indices),
        pose=_pose(source, usual, bodies),
        by_density=shares["density"],
        by_motion=shares["motion"],
        overlap=float(totals["both"].sum() / max(totals["density"].sum(), 1)),
    )


def _places(clips: Clips) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return (N, M, T, V, C) positions, NaN where a joint was not seen, and (N, M, V) whether it was."""
    seen = clips.seen_joints
    places = torch.where(seen[:, :, None, :, None], clips.positions.double(), torch.nan)
    return places.numpy(), seen.numpy()


def _masks(places: Floats) -> dict[str, npt.NDArray[np.bool_]]:
    """Return (M, T, V) what is prime by density and by motion, of the positions of a recording."""
    density = joint_density(torch.from_numpy(places))
    by_density = prime_of(density, density_change(density)).numpy()
    seen: npt.NDArray[np.bool_] = np.asarray(~np.isnan(places).any(-1))
    size = body_size(places, seen)[:, None, None]
    motion = np.linalg.norm(np.diff(places, axis=1, prepend=places[:, :1]), axis=-1) / size
    motion[:, :1] = motion[:, 1:2]
    known = np.nan_to_num(motion, nan=-1.0)
    num = math.ceil(SHARE * int((known >= 0).sum()))
    by_motion = np.zeros(known.shape, bool)
    chosen = np.argsort(-known, axis=None, kind="stable")[:num]
    by_motion.reshape(-1)[chosen] = known.reshape(-1)[chosen] > MOTIONLESS_CHANGE
    return {"density": by_density, "motion": by_motion}


def _most_usual(poses: Floats) -> int:
    """Return which of (N, M, V, C) poses, of those that show the most joints, is nearest to the others."""
    there = (~np.isnan(poses)).sum((1, 2, 3))
    centred = np.nan_to_num(poses - np.nanmean(poses, (1, 2), keepdims=True))
    apart = np.linalg.norm((centred[:, None] - centred[None]).reshape(len(poses), len(poses), -1), axis=-1)
    return int(np.where(there == there.max(), np.median(apart, 1), np.inf).argmin())


def _pose(source: ClipSource, sequence: int, bodies: npt.NDArray[np.int64]) -> Floats:
    """Return (M, V, 2) the middle of a recording, seen from the front."""
    places, _ = _places(source.test([sequence]))
    places = places[0, bodies]
    seen = ~np.isnan(places).any(-1)
    space = Space.of(places, seen, Played(source.store.sequence(sequence), up=source.store.up))
    shown = space.shown(places)[:, places.shape[1] // 2]
    target = np.broadcast_to((space.low + space.high) / 2, shown.shape)
    found = Camera.of(space).see(shown, target)
    pose: Floats = found[..., :2] * [1, -1] / np.nanmean(found[..., 2])
    return pose


def bodies_figure(found: Sequence[PrimeBodies], topology: Topology, title: str) -> Figure:
    """Return a figure with a panel a class: its prime joints by density, and beside them by motion.

    Args:
        found: the classes, at least one.
        topology: the skeleton.
        title: heading of the figure.
    """
    most = _COLUMNS if max(len(each.pose) for each in found) == 1 else _COLUMNS_OF_PAIRS
    num_rows = -(-len(found) // most)
    num_columns = -(-len(found) // num_rows)
    width = max(_WIDTH * num_columns / most, 4.0)
    poses = [_one_tall(each.pose) for each in found]
    apart = max(0.7, *(0.25 + float(np.ptp(pose[..., 0][~np.isnan(pose[..., 0])])) for pose in poses))
    row = (width - _BAR) / num_columns * 1.1 / (2.1 * apart) + _TEXTS
    figure = Figure(figsize=(width, row * num_rows + 0.3), layout="constrained")
    panels = figure.subplots(num_rows, num_columns, squeeze=False)
    shares = np.concatenate([np.ravel(part) for each in found for part in each.shares])
    scale = Normalize(0, math.ceil(10 * float(np.nanmax(shares))) / 10)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, each, pose in zip(panels.flat, found, poses, strict=False):
        _panel(axes, each, pose, apart, topology, scale)
    figure.suptitle(f"{title}: prime by joint density and by motion", fontsize=9)
    bar = figure.colorbar(
        ScalarMappable(scale, COLOUR_MAP),
        ax=list(panels.flat),
        label="share of moments",
        shrink=0.5,
        aspect=30,
    )
    quiet_bar(bar.ax)
    return figure


def _one_tall(pose: Floats) -> Floats:
    """Return (M, V, 2) a pose from 0 to 1 in height and with its middle at 0, so that panels are alike."""
    low, high = np.nanmin(pose, (0, 1)), np.nanmax(pose, (0, 1))
    placed: Floats = (pose - [(low[0] + high[0]) / 2, low[1]]) / (high[1] - low[1])
    return placed


def _panel(
    axes: Axes, each: PrimeBodies, middle: Floats, apart: float, topology: Topology, scale: Normalize
) -> None:
    bones = np.array(topology.bones).reshape(-1, 2)
    for place, shares in enumerate(each.shares):
        pose = middle + np.array([place * apart, 0])
        lines = pose[:, bones].reshape(-1, 2, 2)
        axes.add_collection(
            LineCollection(list(lines[~np.isnan(lines).any((1, 2))]), colors=GREY, linewidths=1.2)
        )
        known = ~np.isnan(pose[..., 0]) & ~np.isnan(shares)
        strength = shares[known] / (scale.vmax or 1)
        order = np.argsort(strength, kind="stable")
        axes.scatter(
            pose[known][order][:, 0],
            pose[known][order][:, 1],
            s=(10 + 75 * strength)[order],
            c=colormaps[COLOUR_MAP](scale(shares[known]))[order],
            edgecolors=INK,
            linewidths=0.5,
            zorder=3,
            clip_on=False,
        )
        for line, word in enumerate((("density", "motion")[place], *each.most(shares, topology))):
            axes.annotate(
                word, (place * apart, 0), (0, -9 - 9 * line), textcoords="offset points", fontsize=7,
                ha="center", va="top", color=INK, weight="normal" if line else "bold",
            )  # fmt: skip
    axes.set_aspect("equal")
    axes.set_xlim(-0.55 * apart, 1.55 * apart)
    axes.set_ylim(-0.04, 1.06)
    axes.set_title(f"{each.name} ({each.num_sequences})", fontsize=8, color=INK)
