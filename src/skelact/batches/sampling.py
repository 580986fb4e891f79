"""Time: which part of a sequence becomes a clip, and how it is resized to a fixed number of frames.

All functions work on whole batches; N is the number of sequences, T the number of frames of a clip.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Windows(NamedTuple):
    """A stretch of consecutive frames of each sequence."""

    start: Tensor
    """(N,) int64: first frame."""
    length: Tensor
    """(N,) int64: number of frames, at least 1."""


class Interpolation(NamedTuple):
    """Each frame of a clip as a mean of two frames of its sequence."""

    lower: Tensor
    """(N, T) int64: the earlier frame."""
    upper: Tensor
    """(N, T) int64: the later frame; equal to ``lower`` at the window's last frame."""
    weight: Tensor
    """(N, T) float32 in [0, 1]: the later frame's share."""


def train_windows(
    num_frames: Tensor, share: Tensor, start: Tensor, min_share: float, min_frames: int
) -> Windows:
    """Return random windows, as published for MAMP and STJD-MP.

    The length is ``clip(floor(n p), min(min_frames, n), n)`` with ``p = min_share + (1 - min_share) share``;
    every start that fits is equally likely.

    Args:
        num_frames: (N,) int64, the sequences' lengths n, at least 1.
        share: (N,) float64, uniform draws in [0, 1) that choose the lengths.
        start: (N,) float64, uniform draws in [0, 1) that choose the starts.
        min_share: the smallest share p of a sequence.
        min_frames: the smallest length, in sequences that have so many frames.
    """
    length = torch.floor(num_frames * (min_share + (1 - min_share) * share)).long()
    length = length.clamp(min=min_frames).minimum(num_frames)
    room = num_frames - length + 1
    return Windows((start * room).long(), length)


def centre_windows(num_frames: Tensor, share: float) -> Windows:
    """Return the windows left when ``int((1 - share) n / 2)`` frames are dropped at either end.

    Args:
        num_frames: (N,) int64, the sequences' lengths n, at least 1.
        share: share of the frames to keep, in (0, 1].
    """
    # the small addend keeps a whole number that the subtraction 1 - share made too small by rounding
    dropped = torch.floor(num_frames.double() * ((1 - share) / 2) + 1e-9).long()
    dropped = dropped.minimum((num_frames - 1) // 2)
    return Windows(dropped, num_frames - 2 * dropped)


def interpolate(windows: Windows, num_frames: int) -> Interpolation:
    """Return the linear resizing of each window to ``num_frames`` frames T, with half-pixel centres.

    Frame t of the clip lies at ``(t + 0.5) length / T - 0.5`` in the window, clamped to its ends:
    ``torch.nn.functional.interpolate(mode="linear", align_corners=False)``. Frame numbers count from the
    sequence's first frame.
    """
    length = windows.length[:, None]
    centres = torch.arange(num_frames, dtype=torch.float64, device=length.device) + 0.5
    place = (centres * length / num_frames - 0.5).clamp(min=0)
    lower = place.long().minimum(length - 1)
    upper = (lower + 1).minimum(length - 1)
    start = windows.start[:, None]
    return Interpolation(start + lower, start + upper, (place - lower).float())
