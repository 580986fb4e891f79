"""Which joints a recording turns on, and when: the prime joints by the density of positions, as stretches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from skelact.density.positions import MOTIONLESS_CHANGE, density_change, joint_density, rank_joints
from skelact.recognition.answers import PrimeJoint
from skelact.skeleton.sequence import SkeletonSequence

MOST = 5
"""Joints that are told."""
SHARE = 0.5
"""Share of a joint's change of density that its stretch holds."""
_SECONDS, _FRAMES = 1 / 8, 4
"""Time between the two densities that are compared, and frames where the rate is not known."""
_MOST_FRAMES = 4_000
"""Of longer recordings every second frame is looked at, or every third, and so on."""


def prime_stretches(sequence: SkeletonSequence, most: int = MOST) -> tuple[PrimeJoint, ...]:
    """Return the prime joints of a recording, all bodies together, the most prime first.

    Args:
        sequence: the recording.
        most: joints to return.

    Returns:
        At most so many; none of a recording without motion.
    """
    stride = -(-sequence.num_frames // _MOST_FRAMES)
    positions = _with_nan(sequence)[:, ::stride]
    step = _FRAMES if sequence.fps is None else round(sequence.fps * _SECONDS)
    step = max(1, min(round(step / stride), positions.shape[1] - 1))
    density = torch.from_numpy(joint_density(positions))
    change = density_change(density, step=step)
    if positions.shape[1] <= 1 or not bool(
        (change.nan_to_num() > MOTIONLESS_CHANGE * density.nanmean()).any()
    ):
        return ()
    found = []
    for joint in rank_joints(change)[:most]:
        first, last = shortest_stretch(change[..., joint].nan_to_num().amax(0).numpy())
        end = min(last * stride + stride - 1, sequence.num_frames - 1)
        found.append(PrimeJoint(sequence.topology.joints[joint], first * stride, end))
    return tuple(found)


def shortest_stretch(change: npt.NDArray[np.floating], share: float = SHARE) -> tuple[int, int]:
    """Return the first and the last of the fewest neighbouring frames that hold a share of the change.

    Args:
        change: (T,) not negative.
        share: of its sum, in (0, 1].
    """
    total = np.concatenate([[0.0], np.cumsum(change, dtype=np.float64)])
    wanted = share * total[-1]
    # of every first frame, the earliest end that is far enough; the last sum stands for its own rounding
    ends = np.searchsorted(total, np.minimum(total[:-1] + wanted, total[-1]), side="left")
    lengths = np.where(
        total[:-1] + wanted <= total[-1] * (1 + 1e-12), ends - np.arange(len(change)), len(total)
    )
    first = int(lengths.argmin())
    return first, max(first, int(ends[first]) - 1)


def _with_nan(sequence: SkeletonSequence) -> npt.NDArray[np.float32]:
    """Return a sequence's (M, T, V, C) positions with NaN for what was not seen."""
    seen = sequence.present[..., None]
    if sequence.joint_present is not None:
        seen = seen & sequence.joint_present
    return np.where(seen[..., None], sequence.positions, np.float32(np.nan))
