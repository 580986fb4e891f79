"""Linking people that a pose estimator found frame by frame, without saying who is who, into bodies.

Between two frames people and bodies are paired so that their joints lie closest in all (linear assignment,
Kuhn 1955), each distance measured by the body's size. A body is expected where its movement so far would have
taken it, which is what keeps two people apart who cross. A body that is not seen for a while can be found
again; after :data:`MAX_GAP` frames it is another one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError

MAX_GAP = 60
"""Frames after which a body that was not seen is given up."""
REACH = 0.35
"""How far from where they are expected the joints of a body may lie, on average, as a share of its size."""
REACH_A_FRAME = 0.02
"""By how much that grows with every frame in which the body is not seen, up to ..."""
MOST_BODIES = 200
"""Bodies that may be found again at a time, those seen last."""
MAX_REACH = 0.7
"""... this share of its size."""
_STEADY = 0.6  # share of a body's speed that is kept from frame to frame
_COASTING = 8  # frames for which an unseen body is expected to go on moving
_SHRINKING = 0.98  # by which a body's size may shrink a frame; half a body is no small one

Positions = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def link(frames: Numbers, positions: Positions, seen: Flags) -> Numbers:
    """Return (D,) the body that each of D people found is, numbered from 0 as the bodies appear.

    Args:
        frames: (D,) the number of the frame each was found in, ascending.
        positions: (D, V, C).
        seen: (D, V) which joints were found; at least one of each.
    """
    bodies, sizes = _Bodies(positions.shape[1], positions.shape[2]), extents(positions, seen)
    found = np.empty(len(frames), np.int64)
    starts = np.flatnonzero(np.diff(frames, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(frames)], strict=True):
        part = slice(start, end)
        found[part] = bodies.find(int(frames[start]), positions[part], seen[part], sizes[part])
    return found


def extents(positions: Positions, seen: Flags) -> Positions:
    """Return (D,) the diagonals of the boxes around the seen joints of (D, V, C) positions."""
    low = np.where(seen[..., None], positions, np.inf).min(1)
    high = np.where(seen[..., None], positions, -np.inf).max(1)
    diagonals: Positions = np.sqrt(((high - low) ** 2).sum(1))
    return diagonals


class _Bodies:
    """The bodies that may be found again: K of them, each as it was seen last."""

    def __init__(self, num_joints: int, num_coordinates: int) -> None:
        self._count = 0
        self._names = np.empty(0, np.int64)
        self._frames = np.empty(0, np.int64)  # in which each was seen last
        self._positions = np.empty((0, num_joints, num_coordinates))
        self._seen = np.empty((0, num_joints), np.bool_)
        self._speeds = np.empty((0, num_coordinates))  # a frame
        self._sizes = np.empty(0)

    def find(self, frame: int, positions: Positions, seen: Flags, sizes: Positions) -> Numbers:
        """Return (P,) the bodies that the P people of a frame are; from then on they are seen there."""
        self._keep(frame - self._frames <= MAX_GAP)
        if len(self._frames) > MOST_BODIES:
            last = np.argsort(-self._frames, kind="stable")[:MOST_BODIES]
            self._keep(np.isin(np.arange(len(self._frames)), last))
        names = np.full(len(positions), -1, np.int64)
        if len(self._names):
            gaps = frame - self._frames
            places = self._positions + (self._speeds * np.minimum(gaps, _COASTING)[:, None])[:, None]
            common = self._seen[:, None] & seen[None]
            apart = np.sqrt(((places[:, None] - positions[None]) ** 2).sum(-1))
            num_common = common.sum(-1)
            scale = np.maximum(np.maximum(self._sizes[:, None], sizes[None]), 1e-12)
            distances = (apart * common).sum(-1) / np.maximum(num_common, 1) / scale
            reach = np.minimum(REACH + REACH_A_FRAME * (gaps - 1), MAX_REACH)[:, None]
            # as shares of the reach; what is out of reach is all the same
            costs = np.where(num_common > 0, np.minimum(distances / reach, 1), 1)
            rows, columns = _pairs(costs)
            is_near = costs[rows, columns] < 1
            rows, columns = rows[is_near], columns[is_near]
            names[columns] = self._names[rows]
            self._move(rows, frame, positions[columns], seen[columns], sizes[columns])
        is_new = names < 0
        num_new = int(is_new.sum())
        if num_new:
            names[is_new] = np.arange(self._count, self._count + num_new)
            self._count += num_new
            self._names = np.concatenate([self._names, names[is_new]])
            self._frames = np.concatenate([self._frames, np.full(num_new, frame)])
            self._positions = np.concatenate([self._positions, positions[is_new]])
            self._seen = np.concatenate([self._seen, seen[is_new]])
            self._speeds = np.concatenate([self._speeds, np.zeros((num_new, positions.shape[2]))])
            self._sizes = np.concatenate([self._sizes, sizes[is_new]])
        return names

    def _keep(self, which: Flags) -> None:
        if which.all():
            return
        self._names, self._frames, self._sizes = self._names[which], self._frames[which], self._sizes[which]
        self._positions, self._seen = self._positions[which], self._seen[which]
        self._speeds = self._speeds[which]

    def _move(self, rows: Numbers, frame: int, positions: Positions, seen: Flags, sizes: Positions) -> None:
        """Let the bodies ``rows`` be seen in ``frame``."""
        gaps = (frame - self._frames[rows])[:, None]
        common = (self._seen[rows] & seen)[..., None]
        steps = ((positions - self._positions[rows]) * common).sum(1) / common.sum(1) / gaps
        kept = _STEADY**gaps
        self._speeds[rows] = kept * self._speeds[rows] + (1 - kept) * steps
        self._frames[rows] = frame
        self._positions[rows], self._seen[rows] = positions, seen
        self._sizes[rows] = np.maximum(self._sizes[rows] * _SHRINKING, sizes)


def _pairs(costs: Positions) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows and columns that are paired at the least cost in all.

    Raises:
        ConfigurationError: SciPy is not installed, as where a model is asked without PyTorch.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise ConfigurationError("telling people apart needs SciPy: pip install scipy") from error
    rows, columns = linear_sum_assignment(costs)
    return rows, columns
