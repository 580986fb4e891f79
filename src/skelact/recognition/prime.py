"""Which joints a recording turns on, and when: the prime joints by the density of positions, as stretches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skelact.density.arrays import MOTIONLESS_CHANGE, body_density, change, rank_joints
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
    positions = sequence.with_nan()[:, ::stride].astype(np.float64)
    step = _FRAMES if sequence.fps is None else round(sequence.fps * _SECONDS)
    step = max(1, min(round(step / stride), positions.shape[1] - 1))
    density = np.stack([body_density(body) for body in positions])
    changes = change(density, step)
    least = MOTIONLESS_CHANGE * density[~np.isnan(density)].mean()
    if positions.shape[1] <= 1 or not (np.nan_to_num(changes) > least).any():
        return ()
    found = []
    for joint in rank_joints(changes)[:most]:
        first, last = shortest_stretch(np.nan_to_num(changes[..., joint]).max(0))
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
