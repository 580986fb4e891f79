"""From scores of every frame to segments: smooth, threshold, join, drop the short, suppress the doubles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skelact.clips.sampling import IntArray
from skelact.detection.settings import SegmentConfig

Real = npt.NDArray[np.float64]


class Segments(NamedTuple):
    """S stretches of a recording, each with a class."""

    action: IntArray
    """(S,) class."""
    start: IntArray
    """(S,) first frame."""
    end: IntArray
    """(S,) frame after the last."""
    confidence: Real
    """(S,) higher for a likelier one."""

    def take(self, places: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Segments:
        """Return some of them."""
        return Segments(self.action[places], self.start[places], self.end[places], self.confidence[places])


def find_segments(scores: npt.NDArray[np.floating], config: SegmentConfig) -> Segments:
    """Return the segments of a recording, by falling confidence.

    Args:
        scores: (T, K) probabilities of the K classes in each frame, the background's not among them.
        config: how.
    """
    smoothed = smooth(scores.astype(np.float64), config.smoothing)
    total = np.concatenate([np.zeros((1, smoothed.shape[1])), smoothed.cumsum(0)])  # (T + 1, K)
    runs = [find_runs(smoothed > threshold, config.max_gap) for threshold in config.thresholds]
    action, start, end = (np.concatenate(each) for each in zip(*runs, strict=True))
    rows = np.unique(np.stack([action, start, end], 1), axis=0)  # thresholds may agree
    rows = rows[rows[:, 2] - rows[:, 1] >= config.min_frames]
    action, start, end = rows.T
    found = Segments(action, start, end, _contrast(total, action, start, end, config.margin))
    found = found.take(np.argsort(-found.confidence, kind="stable"))
    return found.take(suppress(found, config.nms_overlap)[: config.max_segments])


def smooth(scores: Real, width: int) -> Real:
    """Return the (T, K) moving average over ``width`` frames; at the ends over those that are there."""
    num_frames, reach = len(scores), width // 2
    total = np.concatenate([np.zeros((1, scores.shape[1])), scores.cumsum(0)])
    frame = np.arange(num_frames)
    start, end = np.maximum(frame - reach, 0), np.minimum(frame + reach + 1, num_frames)
    mean: Real = (total[end] - total[start]) / (end - start)[:, None]
    return mean


def find_runs(is_above: npt.NDArray[np.bool_], max_gap: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return class, first frame and frame after the last of the runs in (T, K), by class and start.

    Runs of a class with at most ``max_gap`` frames between them are one.
    """
    edge = np.diff(is_above.T.astype(np.int8), prepend=0, append=0, axis=1)  # (K, T + 1)
    action, start = np.nonzero(edge == 1)
    _, end = np.nonzero(edge == -1)
    if not len(start):
        return action, start, end
    joined = (action[1:] == action[:-1]) & (start[1:] - end[:-1] <= max_gap)
    begins, ends = np.append(True, ~joined), np.append(~joined, True)
    return action[begins], start[begins], end[ends]


def suppress(segments: Segments, max_overlap: float) -> IntArray:
    """Return the places of the segments that stay, in their order.

    Args:
        segments: by falling confidence.
        max_overlap: a segment goes that overlaps one of its class that stays by more.
    """
    is_left = np.ones(len(segments.action), np.bool_)
    for place in range(len(is_left)):
        if is_left[place]:
            later = slice(place + 1, None)
            overlap = temporal_overlap(
                segments.start[place], segments.end[place], segments.start[later], segments.end[later]
            )
            is_left[later] &= (overlap <= max_overlap) | (segments.action[later] != segments.action[place])
    return np.flatnonzero(is_left)


def temporal_overlap(
    start: IntArray | np.int64, end: IntArray | np.int64, other_start: IntArray, other_end: IntArray
) -> Real:
    """Return the frames two intervals have in common, as a share of those between both ends, in [0, 1]."""
    common = np.minimum(end, other_end) - np.maximum(start, other_start)
    share: Real = np.maximum(common, 0) / (np.maximum(end, other_end) - np.minimum(start, other_start))
    return share


def _contrast(total: Real, action: IntArray, start: IntArray, end: IntArray, margin: float) -> Real:
    """Return (S,) the mean inside each segment less the mean beside it, given sums over frames (T + 1, K)."""
    beside = np.ceil(margin * (end - start)).astype(np.int64)
    before, after = np.maximum(start - beside, 0), np.minimum(end + beside, len(total) - 1)
    inside = total[end, action] - total[start, action]
    outside = total[after, action] - total[before, action] - inside
    num_outside = (after - before) - (end - start)
    contrast: Real = inside / (end - start) - outside / np.maximum(num_outside, 1)
    return contrast
