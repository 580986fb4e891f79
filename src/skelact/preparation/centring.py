"""Centring: where a prepared sequence has its origin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skelact.skeleton.sequence import SkeletonSequence


def centre(sequence: SkeletonSequence) -> SkeletonSequence:
    """Move the origin to the first body's centre joint in the first frame in which that body is present.

    The same shift (metres) goes to every body in every frame in which it is present; where a body is absent
    it stays absent, with positions of zero.

    Raises:
        ValueError: the first body is present in no frame.
    """
    if not sequence.present[:1].any():
        raise ValueError(f"{sequence.name}: the first body is never present, so there is no origin")
    first = int(np.argmax(sequence.present[0]))
    origin = sequence.positions[0, first, sequence.topology.centre]
    present = sequence.present[:, :, None, None]
    return replace(sequence, positions=np.where(present, sequence.positions - origin, np.float32(0)))
