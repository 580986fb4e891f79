"""Who matters in a recording of many people: those who are seen most of the time, and of them who moves most.

Where more people are seen than a clip holds, the first bodies are kept, so the order of bodies decides. It is
the idea of the rule for NTU RGB+D (:mod:`skelact.formats.ntu_cleaning`): what is seen too briefly is not the
actor, and of the others the one that moves most is. Motion is measured otherwise than there, joint by joint
and by the body's size, so that a person close to the camera does not count for more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from skelact.skeleton.sequence import SkeletonSequence

CLIP_BODIES = 2
"""Bodies of a clip, unless told otherwise. Recordings of no more keep the order that they were given."""
OFTEN = 0.5
"""A body seen in this share of the frames of the body seen most, or more, is seen most of the time."""
_DIGITS = 4  # of motion: what differs by less than a ten thousandth of the body's size is equal


def crowd_in_order(sequence: SkeletonSequence) -> SkeletonSequence:
    """Return a sequence of more than :data:`CLIP_BODIES` bodies with the main ones first, or as it is."""
    return main_bodies_first(sequence) if sequence.num_bodies > CLIP_BODIES else sequence


def main_bodies_first(sequence: SkeletonSequence) -> SkeletonSequence:
    """Return the sequence with its bodies ordered by how much they matter; equal ones keep their order.

    First come those seen in at least half as many frames as the body seen most, by their motion, then the
    others, by their frames.
    """
    order = _order(sequence)
    if (order == np.arange(len(order))).all():
        return sequence
    joint_present = sequence.joint_present
    return replace(
        sequence,
        positions=sequence.positions[order],
        present=sequence.present[order],
        joint_present=None if joint_present is None else joint_present[order],
    )


def _order(sequence: SkeletonSequence) -> npt.NDArray[np.int64]:
    frames = sequence.present.sum(1)
    is_often = frames >= OFTEN * frames.max(initial=0)
    motion = np.array([measure_motion(*body) for body in zip(sequence.positions, sequence.seen, strict=True)])
    return np.lexsort((np.where(is_often, -motion.round(_DIGITS), -frames.astype(float)), ~is_often))


def measure_motion(positions: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> float:
    """Return how much a body moves: the spread of a joint about its mean place, by the body's size.

    The spread is the square root of the variance over time, summed over coordinates; its mean over the joints
    counts. The size is the diagonal of the box around the seen joints, of the frame in the middle when frames
    are ordered by it.

    Args:
        positions: (T, V, C).
        seen: (T, V) which of them were seen.

    Returns:
        0 for a body that is never seen, or that has no extent.
    """
    with_body = seen.any(1)
    places, weights = positions[with_body].astype(np.float64), seen[with_body, :, None]
    if not len(places):
        return 0.0
    low = np.where(weights, places, np.inf).min(1)
    high = np.where(weights, places, -np.inf).max(1)
    size = float(np.median(np.sqrt(((high - low) ** 2).sum(1))))
    num = np.maximum(weights.sum(0), 1)
    from_mean = (places - (places * weights).sum(0) / num) * weights
    spread = np.sqrt(((from_mean**2).sum(0) / num).sum(1))
    is_seen = weights.any((0, 2))
    return float(spread[is_seen].mean()) / size if size > 0 else 0.0
