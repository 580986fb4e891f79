"""Bodies that a file has room for, but that were never seen."""

from __future__ import annotations

from dataclasses import replace

from skelact.skeleton.sequence import SkeletonSequence


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
