"""A sequence as a store takes it: its record, and the bytes that are appended to each array.

Packing needs nothing that the store holds, so the processes that read do it; the one that writes appends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import BAD_POSITIONS, NO_BODY, UnusableRecordingError
from skelact.skeleton.sequence import FARTHEST, SkeletonSequence, within_reach
from skelact.skeleton.topology import Topology
from skelact.store.columns import SequenceRecord
from skelact.store.fixed_point import INT16, to_fixed_point


@dataclass(frozen=True)
class PackedSequence:
    """One sequence, ready to be appended to a store."""

    record: SequenceRecord
    topology: Topology
    num_coordinates: int
    arrays: Mapping[str, bytes]
    """By the arrays' names in the store; ``joint_present`` only where a present body misses a joint."""


def pack(
    sequence: SkeletonSequence, names: Mapping[str, str] | None = None, *, position_type: str
) -> PackedSequence:
    """Pack one sequence. Bodies that are never present are left out, and so are frames without a body.

    Args:
        sequence: the sequence.
        names: its class (``label``) and attributes, where they are known by name.
        position_type: how the store keeps positions, ``float32`` or ``int16``.

    Raises:
        UnusableRecordingError: no body, or a joint too far from the origin for any positions, or for those as
            ``int16``.
    """
    bodies, frames = sequence.present.any(1), np.flatnonzero(sequence.present.any(0))
    if not bodies.any():
        raise UnusableRecordingError(NO_BODY, sequence.name, "", "no body is present in any frame")
    present = sequence.present[bodies][:, frames]
    check_reach(sequence, sequence.name)
    joints = sequence.positions[sequence.present].astype("<f4", copy=False)
    arrays = {
        "frame_rows": frame_rows(present).astype("<i4", copy=False).tobytes(),
        "frame_numbers": frames.astype("<i4").tobytes(),
    }
    if position_type == INT16:
        numbers, scale = to_fixed_point(joints, sequence.name)
        arrays |= {"joints": numbers.tobytes(), "joint_scale": scale.tobytes()}
    else:
        arrays["joints"] = joints.tobytes()
    seen = None if sequence.joint_present is None else sequence.joint_present[sequence.present]
    if seen is not None and not seen.all():
        arrays["joint_present"] = seen.tobytes()
    record = SequenceRecord(
        name=sequence.name,
        num_rows=len(joints),
        num_bodies=len(present),
        num_kept=len(frames),
        num_frames=sequence.num_frames,
        joints_missing="joint_present" in arrays,
        fps=sequence.fps,
        label=sequence.label,
        attributes=dict(sequence.attributes),
        names=dict(names or {}),
    )
    return PackedSequence(record, sequence.topology, sequence.positions.shape[3], arrays)


def check_reach(sequence: SkeletonSequence, file: str) -> None:
    """Refuse a sequence with a joint farther than :data:`~skelact.skeleton.sequence.FARTHEST`.

    Raises:
        UnusableRecordingError: it has one; the message names ``file``, the body and the frame, from 0.
    """
    positions = sequence.positions
    if within_reach(positions):
        return
    is_far = ~(np.abs(positions) <= FARTHEST) & sequence.present[..., None, None]
    if is_far.any():
        body, frame, joint, _ = np.argwhere(is_far)[0].tolist()
        place = f"body {body}, frame {frame}, {sequence.topology.joints[joint]}"
        found = ", ".join(f"{number:.3g}" for number in positions[body, frame, joint])
        detail = f"at {found}, farther than {FARTHEST:,.0f} in any unit; leave the joint out there"
        raise UnusableRecordingError(BAD_POSITIONS, file, place, detail)


def frame_rows(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return the row of every body-frame, or ``~row`` of the body's nearest present frame where it is absent.

    Args:
        present: (M, F), every body present at least once.

    Returns:
        (M, F) int32; rows count present body-frames by body, then frame.

    Raises:
        ValueError: a body that is never present.
    """
    if not present.any(1).all():
        raise ValueError("a body that is present in no frame has no rows")
    if present.all():
        return np.arange(present.size, dtype=np.int32).reshape(present.shape)
    num_bodies, num_frames = present.shape
    frame = np.arange(num_frames)
    before = np.maximum.accumulate(np.where(present, frame, -1), 1)
    after = np.minimum.accumulate(np.where(present, frame, 2 * num_frames)[:, ::-1], 1)[:, ::-1]
    use_before = (before >= 0) & (frame - before <= after - frame)
    nearest = np.where(use_before, before, after)
    row_of_present = np.cumsum(present).reshape(num_bodies, num_frames) - 1
    rows = np.take_along_axis(row_of_present, nearest, 1)
    return np.where(present, rows, ~rows).astype(np.int32)
