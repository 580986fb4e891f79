"""Time: which part of a sequence becomes a clip, and how it is resized to a fixed number of frames.

All functions work on whole batches, in numpy: the arrays are small, and numpy's one thread never waits for
others. N is the number of sequences, T the number of frames of a clip.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


class Windows(NamedTuple):
    """A stretch of consecutive frames of each sequence."""

    start: IntArray
    """(N,): first frame."""
    length: IntArray
    """(N,): number of frames, at least 1."""


class Interpolation(NamedTuple):
    """Each frame of a clip as a mean of two frames of its sequence."""

    lower: IntArray
    """(N, T): the earlier frame."""
    upper: IntArray
    """(N, T): the later frame; equal to ``lower`` at the window's last frame."""
    weight: npt.NDArray[np.float32]
    """(N, T) in [0, 1]: the later frame's share."""


def train_windows(
    num_frames: IntArray,
    share: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
    min_share: float,
    min_frames: int,
) -> Windows:
    """Return random windows, as published for MAMP and STJD-MP.

    The length is ``clip(floor(n p), min(min_frames, n), n)`` with ``p = min_share + (1 - min_share) share``;
    every start that fits is equally likely.

    Args:
        num_frames: (N,) the sequences' lengths n, at least 1.
        share: (N,) uniform draws in [0, 1) that choose the lengths.
        start: (N,) uniform draws in [0, 1) that choose the starts.
        min_share: the smallest share p of a sequence.
        min_frames: the smallest length, in sequences that have so many frames.
    """
    length = (num_frames * (min_share + (1 - min_share) * share)).astype(np.int64)
    length = np.minimum(np.maximum(length, min_frames), num_frames)
    room = num_frames - length + 1
    return Windows((start * room).astype(np.int64), length)


def centre_windows(num_frames: IntArray, share: float) -> Windows:
    """Return the windows left when ``int((1 - share) n / 2)`` frames are dropped at either end.

    Args:
        num_frames: (N,) the sequences' lengths n, at least 1.
        share: share of the frames to keep, in (0, 1].
    """
    # the small addend keeps a whole number that the subtraction 1 - share made too small by rounding
    dropped = (num_frames * ((1 - share) / 2) + 1e-9).astype(np.int64)
    dropped = np.minimum(dropped, (num_frames - 1) // 2)
    return Windows(dropped, num_frames - 2 * dropped)


def interpolate(windows: Windows, num_frames: int) -> Interpolation:
    """Return the linear resizing of each window to ``num_frames`` frames T, with half-pixel centres.

    Frame t of the clip lies at ``(t + 0.5) length / T - 0.5`` in the window, clamped to its ends:
    ``torch.nn.functional.interpolate(mode="linear", align_corners=False)``. Frame numbers count from the
    sequence's first frame.
    """
    length = windows.length[:, None]
    centres = np.arange(num_frames) + 0.5
    place = np.maximum(centres * length / num_frames - 0.5, 0)
    lower = np.minimum(place.astype(np.int64), length - 1)
    upper = np.minimum(lower + 1, length - 1)
    start = windows.start[:, None]
    return Interpolation(start + lower, start + upper, (place - lower).astype(np.float32))
