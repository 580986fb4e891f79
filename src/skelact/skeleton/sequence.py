"""One recording: joint positions of one or more bodies over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.notebooks import table_html
from skelact.skeleton.topology import Topology

FARTHEST = 1e6
"""Positions beyond it, in any unit, are none; their squares would not fit into float32 much later."""


def within_reach(positions: npt.NDArray[np.floating[Any]]) -> bool:
    """Tell whether all coordinates are numbers, and none is farther than :data:`FARTHEST`."""
    return bool(positions.min(initial=0) >= -FARTHEST and positions.max(initial=0) <= FARTHEST)  # not of NaN


@dataclass(frozen=True)
class SkeletonSequence:
    """Joint positions of M bodies over T frames.

    Raises:
        DataError: shapes that do not fit each other, or a present joint that is not finite.
    """

    name: str
    """The recording's name, unique in its data set; usually the file name without its ending."""
    positions: npt.NDArray[np.float32]
    """(M, T, V, C) in metres; zero where a body is absent."""
    present: npt.NDArray[np.bool_]
    """(M, T): True where the body was seen. An absent body-frame is not a position at the origin."""
    topology: Topology
    joint_present: npt.NDArray[np.bool_] | None = None
    """(M, T, V): True where a joint of a present body was seen; None where all were. The position of a
    missing joint is zero and means nothing."""
    fps: float | None = None
    """Frames a second, or None where the format does not say."""
    label: int | None = None
    """Class index from 0, or None for a recording without a label."""
    attributes: Mapping[str, int] = field(default_factory=dict)
    """Who and where, as numbers: subject, camera, setup, replication; protocols split by them."""

    def __post_init__(self) -> None:
        shape = self.positions.shape
        if len(shape) != 4 or shape[2] != self.topology.num_joints:
            expected = f"(bodies, frames, {self.topology.num_joints} joints, coordinates)"
            raise DataError(f"{self.name}: positions have shape {shape}, expected {expected}")
        if self.present.shape != shape[:2] or self.present.dtype != np.bool_:
            raise DataError(
                f"{self.name}: presence has shape {self.present.shape} and type {self.present.dtype}, "
                f"expected {shape[:2]} and bool"
            )
        seen = self.joint_present
        if seen is not None and (seen.shape != shape[:3] or seen.dtype != np.bool_):
            raise DataError(
                f"{self.name}: presence of joints has shape {seen.shape} and type {seen.dtype}, "
                f"expected {shape[:3]} and bool"
            )
        if not np.isfinite(self.positions[self.present]).all():
            body, frame = np.argwhere(~np.isfinite(self.positions).all((2, 3)) & self.present)[0]
            raise DataError(f"{self.name}: body {body}, frame {frame} holds a position that is not finite")

    def _repr_html_(self) -> str:
        seen = self.present.any(0)
        rows = [
            (
                "skeleton",
                f"{self.topology.name}, {self.topology.num_joints} joints, {self.positions.shape[3]}-D",
            ),
            ("people", self.num_bodies),
            ("frames", f"{self.num_frames:,}, {int(seen.sum()):,} with somebody"),
            ("rate", "not told" if self.fps is None else f"{self.fps:g} a second"),
            *self.attributes.items(),
        ]
        return table_html(self.name, rows, "skelact.view(sequence) plays it")

    @property
    def num_bodies(self) -> int:
        """Number of body slots M."""
        return int(self.positions.shape[0])

    @property
    def num_frames(self) -> int:
        """Number of frames T, those in which no body is present included."""
        return int(self.positions.shape[1])

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """(M, T, V): whether the body was there and the joint was seen."""
        seen = np.broadcast_to(self.present[..., None], self.positions.shape[:3])
        return seen if self.joint_present is None else seen & self.joint_present

    def with_nan(self) -> npt.NDArray[np.float32]:
        """Return the (M, T, V, C) positions with NaN for what was not seen."""
        return np.where(self.seen[..., None], self.positions, np.float32(np.nan))


def stretch(sequence: SkeletonSequence, frames: slice) -> SkeletonSequence:
    """Return some of a sequence's frames; all bodies stay, those that are not there any more as well."""
    joint_present = sequence.joint_present
    return replace(
        sequence,
        positions=sequence.positions[:, frames],
        present=sequence.present[:, frames],
        joint_present=None if joint_present is None else joint_present[:, frames],
    )


def without_unseen_bodies(sequence: SkeletonSequence) -> SkeletonSequence:
    """Return the sequence without the bodies that are present in no frame; none may be left."""
    seen = sequence.present.any(1)
    if seen.all():
        return sequence
    joint_present = sequence.joint_present
    return replace(
        sequence,
        positions=sequence.positions[seen],
        present=sequence.present[seen],
        joint_present=None if joint_present is None else joint_present[seen],
    )
