"""Another frame rate for a recording: positions between frames, by time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skelact.errors import ConfigurationError, DataError
from skelact.limits import check_limit
from skelact.skeleton.sequence import SkeletonSequence


def resampled(sequence: SkeletonSequence, fps: float) -> SkeletonSequence:
    """Return a recording at ``fps`` frames a second, from its first frame on, for as long as it lasts.

    A joint between two frames that show it lies on the straight line between its places. Where one of the two
    does not show it, the nearer frame counts, and of a body likewise.

    Args:
        sequence: a recording whose frame rate is known.
        fps: the new one.

    Raises:
        ConfigurationError: ``fps`` is not above 0.
        DataError: the recording does not say its frame rate.
    """
    if not 0 < fps < 1e6:
        raise ConfigurationError(f"--resample is {fps:g}; expected frames a second, more than 0")
    if sequence.fps is None:
        raise DataError(f"{sequence.name}: does not say its frame rate, so it cannot be brought to {fps:g}")
    if sequence.fps == fps:
        return sequence
    last = sequence.num_frames - 1
    num_frames = int(last / sequence.fps * fps + 1e-6) + 1
    check_limit("frames", num_frames, sequence.name)
    places = np.minimum(np.arange(num_frames) * (sequence.fps / fps), last)
    before = places.astype(np.int64)
    after, share = np.minimum(before + 1, last), (places - before).astype(np.float32)
    nearer = np.where(share < 0.5, before, after)
    seen = sequence.seen
    positions = sequence.positions
    between = positions[:, before] + share[:, None, None] * (positions[:, after] - positions[:, before])
    both = (seen[:, before] & seen[:, after])[..., None]
    return replace(
        sequence,
        positions=np.where(both, between, positions[:, nearer]).astype(np.float32),
        present=sequence.present[:, nearer],
        joint_present=None if sequence.joint_present is None else sequence.joint_present[:, nearer],
        fps=fps,
    )
