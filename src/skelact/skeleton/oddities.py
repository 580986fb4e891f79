"""What is odd about a recording: faults of sensors and trackers, found without any label.

All lengths are shares of the body's size (:func:`skelact.skeleton.view.body_size`, about 0.5 m for an adult),
so neither units nor the sizes of people matter. The bounds were chosen so that few recordings of MSR Action3D
and SBU are odd; in NW-UCLA, where people are often seen in part, it is one in ten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import body_size

JUMP = 0.9
"""A joint jumps where it goes further than this in one frame, by itself, and is back in the next."""
BACK = 0.35
"""It is back where it is nearer than this share of the jump to where it was."""
FROZEN_SECONDS, FROZEN_FRAMES = 0.5, 8
"""Frames are frozen where no joint of a body moves at all for this long, and for this many frames."""
USUAL_RATE = 30.0
SWAP = 0.3
"""Sides swap where exchanging left and right makes the step to the next frame smaller than this share."""
SWAP_STEP = 0.2
"""Only steps longer than this count, the mean over left and right joints."""
BONE = 0.45
"""A bone's length varies where the middle nine tenths of its lengths spread further than this."""
BONE_SHARE = 1.0
"""And further than this share of its median length."""
BONE_FRAMES = 10
"""Only bodies that are seen in as many frames are asked."""
KINDS = {
    "jump": "a joint jumps",
    "frozen": "frames are frozen",
    "swapped": "left and right swap",
    "bones": "bone lengths vary",
}
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Oddity:
    """One kind of fault in a recording, where it is worst."""

    kind: str
    """One of :data:`KINDS`."""
    text: str
    """Where, in a few words."""
    frame: int
    """The frame to look at."""


def find_oddities(sequence: SkeletonSequence) -> list[Oddity]:
    """Return what is odd about a recording: of every kind in :data:`KINDS` at most one, where it is worst."""
    seen = sequence.seen
    places = np.where(seen[..., None], sequence.positions, np.nan).astype(np.float64)
    sizes = body_size(np.nan_to_num(places), seen) if sequence.num_frames else np.zeros(0)
    worst: dict[str, tuple[float, Oddity]] = {}
    for body, size in enumerate(sizes):
        if not size > 0:
            continue
        who = f" of person {body + 1}" if len(sizes) > 1 else ""
        path = places[body] / size
        for measure, found in _of_body(path, sequence.topology, sequence.fps or USUAL_RATE, who):
            if found.kind not in worst or measure > worst[found.kind][0]:
                worst[found.kind] = (measure, found)
    return [worst[kind][1] for kind in KINDS if kind in worst]


def _of_body(path: Floats, topology: Topology, fps: float, who: str) -> Iterator[tuple[float, Oddity]]:
    """Yield what is odd about one body's (T, V, C) path, NaN where a joint was not seen, and how much."""
    joints = topology.joints
    jumps = jump_sizes(path)
    if jumps.size and jumps.max() > JUMP:
        frame, joint = (int(place) for place in np.unravel_index(jumps.argmax(), jumps.shape))
        yield float(jumps.max()), Oddity("jump", f"{joints[joint]}{who} in frame {frame + 1}", frame)
    start, length = longest_still(path)
    if length >= max(FROZEN_FRAMES, FROZEN_SECONDS * fps):
        yield length, Oddity("frozen", f"{length} frames{who} from frame {start + 1}", start)
    swap = swap_frame(path, topology)
    if swap is not None:
        yield swap[1], Oddity("swapped", f"between frames {swap[0]} and {swap[0] + 1}{who}", swap[0])
    spread = bone_spreads(path, topology)
    if spread.size and spread.max() > 0:
        joint = int(spread.argmax())
        bone = f"{joints[topology.parents[joint]]} to {joints[joint]}{who}"
        lengths = np.linalg.norm(path[:, joint] - path[:, topology.parents[joint]], axis=-1)
        frame = int(np.nanargmax(np.abs(lengths - np.nanmedian(lengths))))
        yield float(spread.max()), Oddity("bones", bone, frame)


def jump_sizes(path: Floats) -> Floats:
    """Return (T, V) how far each joint jumps out in a frame, against the rest of the body; 0: it does not.

    Args:
        path: (T, V, C) in body sizes, NaN where a joint was not seen.
    """
    sizes = np.zeros(path.shape[:2])
    if len(path) < 3:
        return sizes
    there, back = path[1:-1] - path[:-2], path[2:] - path[:-2]
    body = _middle(there)
    gone = np.linalg.norm(there - body, axis=-1)
    left = np.linalg.norm(back - _middle(back), axis=-1)
    with np.errstate(invalid="ignore"):
        sizes[1:-1] = np.where(left < BACK * gone, gone, 0)
    return np.nan_to_num(sizes)


def _middle(steps: Floats) -> Floats:
    """Return (T, 1, C) the median over joints, which one joint that jumps does not move."""
    return np.median(np.nan_to_num(steps), axis=1, keepdims=True)


def longest_still(path: Floats) -> tuple[int, int]:
    """Return where the longest run of frames without any motion begins, and its length; (0, 0): none.

    Args:
        path: (T, V, C), NaN where a joint was not seen.
    """
    same = (path[1:] == path[:-1]) | (np.isnan(path[1:]) & np.isnan(path[:-1]))
    still = same.all((1, 2)) & ~np.isnan(path[1:]).all((1, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], still.astype(np.int8), [0]])))
    if not len(edges):
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    best = int((ends - starts).argmax())
    return int(starts[best]), int(ends[best] - starts[best]) + 1


def swap_frame(path: Floats, topology: Topology) -> tuple[int, float] | None:
    """Return the frame, from 1, after which left and right swap, and the step that it takes; None: nowhere.

    Args:
        path: (T, V, C) in body sizes, NaN where a joint was not seen.
        topology: whose pairs are left and right.
    """
    if not topology.pairs or len(path) < 2:
        return None
    left, right = (list(side) for side in zip(*topology.pairs, strict=True))
    paired, other = [*left, *right], [*right, *left]
    before, after = path[:-1, paired], path[1:]
    # as far as either is seen in both frames; people who move do not count as swaps
    moved = _middle(path[1:] - path[:-1])
    straight = np.linalg.norm(after[:, paired] - before - moved, axis=-1)
    crossed = np.linalg.norm(after[:, other] - before - moved, axis=-1)
    known = ~(np.isnan(straight) | np.isnan(crossed))
    num = np.maximum(known.sum(1), 1)
    straight, crossed = (np.where(known, each, 0).sum(1) / num for each in (straight, crossed))
    swapped = (straight > SWAP_STEP) & (crossed < SWAP * straight) & (known.sum(1) >= len(paired) / 2)
    if not swapped.any():
        return None
    frame = int(np.where(swapped, straight, 0).argmax())
    return frame + 1, float(straight[frame])


def bone_spreads(path: Floats, topology: Topology) -> Floats:
    """Return (V,) how much the length of the bone to each joint varies; 0 where that is nothing odd.

    In the plane bones look shorter as people turn, so nothing is odd there.

    Args:
        path: (T, V, C) in body sizes, NaN where a joint was not seen.
        topology: whose bones.
    """
    spreads = np.zeros(path.shape[1])
    lengths = np.linalg.norm(path - path[:, list(topology.parents)], axis=-1)
    enough = np.flatnonzero((~np.isnan(lengths)).sum(0) >= BONE_FRAMES)
    if path.shape[2] < 3 or not len(enough):
        return spreads
    low, middle, high = np.nanquantile(lengths[:, enough], (0.05, 0.5, 0.95), axis=0)
    wide = high - low
    spreads[enough] = np.where((wide > BONE) & (wide > BONE_SHARE * middle), wide, 0)
    return spreads
