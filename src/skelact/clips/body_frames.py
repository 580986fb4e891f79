"""Reading the frames of many bodies at once from a store, and making of them what clips show.

A compiled kernel does it in one pass; whole tensors do it where it is not wanted, and for stores in which
joints are missing. Those take the places of joints that were seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from skelact.clips.rotation import rotate
from skelact.clips.sampling import IntArray, Interpolation, Windows
from skelact.clips.streams import to_stream
from skelact.errors import DataError
from skelact.processor import numba_is_wanted
from skelact.skeleton.sequence import within_reach
from skelact.skeleton.topology import Topology
from skelact.store.fixed_point import FLOAT32
from skelact.store.linked import JoinedArray
from skelact.store.store import Store

Rows: TypeAlias = npt.NDArray[np.int32] | JoinedArray
_ROWS = 1 << 20  # looked at in one piece: 4 MB
BODIES_AT_A_TIME = 64  # few enough that their positions stay in the processor's cache from step to step


class JointSubstitutes:
    """Finds a seen joint for every joint of a skeleton.

    A missing joint takes the position of its nearest ancestor that was seen; where none of its ancestors was,
    that of the seen joint with the fewest bones to the root (of several, the first in the topology). So no
    position is made up, a missing joint's bone is 0, and nothing ever lies at the origin by default.
    """

    def __init__(self, topology: Topology) -> None:
        depths = [0] * topology.num_joints
        for joint in range(topology.num_joints):
            ancestor = joint
            while ancestor != topology.root:
                ancestor = topology.parents[ancestor]
                depths[joint] += 1
        self._parents = topology.parents
        self.outwards = sorted(range(topology.num_joints), key=lambda joint: depths[joint])

    def find(self, is_seen: Tensor) -> Tensor:
        """Return the joint whose position each joint takes; a seen joint takes its own.

        Args:
            is_seen: (R, V) bool, at least one joint in every row.

        Returns:
            (R, V) int64.

        Raises:
            ValueError: a row without a seen joint.
        """
        if not is_seen.any(1).all():
            raise ValueError("a body of which no joint was seen has no position")
        root, *others = self.outwards
        nearest_root = is_seen[:, self.outwards].int().argmax(1)  # the first True
        substitutes = torch.empty(is_seen.shape, dtype=torch.int64)
        substitutes[:, root] = torch.tensor(self.outwards)[nearest_root]
        for joint in others:
            above = substitutes[:, self._parents[joint]]
            substitutes[:, joint] = torch.where(is_seen[:, joint], joint, above)
        return substitutes


class BodyFrames:
    """The frames of the first bodies of each sequence of a store; in each frame one of them is present.

    Nothing is copied from the store but a number or two a sequence. Only where a sequence has more than
    ``max_bodies`` bodies are its row numbers rewritten in memory, without the frames that show only the
    bodies left out. Arrays of a store that lie in parts are read where they lie, see :mod:`.linked`.

    Args:
        store: the prepared data set.
        max_bodies: bodies M of each sequence that are kept, the first ones.
        hold: a frame in which a body is absent counts as its nearest present frame; otherwise as zeros.
        stream: what is made of the positions, one of :data:`skelact.clips.streams.STREAMS`.
        factors: (N,) by what the positions of each sequence are multiplied; None: by nothing.
    """

    num_frames: IntArray
    """(N,) frames of each sequence."""
    num_bodies: IntArray
    """(N,) bodies of each sequence, at most ``max_bodies``."""
    body_shape: tuple[int, int]
    """Joints V and coordinates C of a body."""
    joints_missing: bool
    """Whether a joint is missing somewhere in the store."""
    all_seen: bool
    """Whether every body that is kept is there in all frames of its sequence, with all its joints."""

    def __init__(
        self,
        store: Store,
        max_bodies: int,
        hold: bool,
        stream: str,
        factors: npt.NDArray[np.float32] | None = None,
    ) -> None:
        joints: npt.NDArray[Any] | JoinedArray = store.array("joints")
        rows: Rows = store.array("frame_rows")
        row_start = store.array("row_start")
        num_frames = np.diff(store.array("frame_start"))
        num_bodies = store.array("num_bodies")
        num_absent = sum(int((rows[begin : begin + _ROWS] < 0).sum()) for begin in range(0, len(rows), _ROWS))
        crowded = np.flatnonzero(num_bodies > max_bodies)
        if len(crowded):
            kept = []
            for index in crowded:
                own = rows[row_start[index] : row_start[index + 1]]
                part = own.reshape(num_bodies[index], -1)[:max_bodies]
                kept.append(part[:, (part >= 0).any(0)])
                num_absent += int((kept[-1] < 0).sum()) - int((own < 0).sum())
            num_frames[crowded] = [part.shape[1] for part in kept]
            num_bodies = np.minimum(num_bodies, max_bodies)
            pieces = (rows, np.concatenate([part.reshape(-1) for part in kept]))
            row_start = np.array(row_start)
            row_start[crowded] = len(rows) + np.cumsum([0, *(part.size for part in kept[:-1])])
            rows = JoinedArray([*map(len, pieces)], (), rows.dtype, lambda number: pieces[number])
        self.num_frames, self.num_bodies = num_frames, num_bodies
        self.body_shape = (joints.shape[1], joints.shape[2])
        self.joints_missing = "joint_present" in store.meta["arrays"]
        self._store, self._max_bodies, self._hold, self._stream = store, max_bodies, hold, stream
        self._joints = joints
        self._joint_start = store.array("joint_start")
        self._is_fixed_point = store.position_type != FLOAT32
        self._scale = factors
        self._is_checked = np.full(len(num_frames), self._is_fixed_point)
        if self._is_fixed_point:
            ones = np.ones(len(num_frames), np.float32)
            self._scale = store.array("joint_scale") * (ones if factors is None else factors)
        # ~row of the body's nearest present frame where it is absent, as in the store
        self._rows, self._row_start = rows, row_start
        self.all_seen = not self.joints_missing and not num_absent
        self._parents = np.empty(0, np.int64)  # of each of a body's numbers
        if stream.startswith("bone"):
            num_coordinates = self.body_shape[1]
            parents = np.array(store.topology.parents, np.int64)[:, None] * num_coordinates
            self._parents = (parents + np.arange(num_coordinates)).reshape(-1)
        if self.joints_missing:
            self._joint_present = store.array("joint_present")
            self._substitutes = JointSubstitutes(store.topology)

    def frame_numbers(self, sequence: int) -> IntArray:
        """Return the numbers, in the recording, of the frames of a sequence that show a body that is kept."""
        numbers = self._store.array("frame_numbers")[
            slice(*self._store.array("frame_start")[sequence : sequence + 2])
        ]
        if len(numbers) > self.num_frames[sequence]:  # some show only the bodies left out
            rows = self._store.array("frame_rows")[
                slice(*self._store.array("row_start")[sequence : sequence + 2])
            ]
            kept = rows.reshape(-1, len(numbers))[: self._max_bodies]
            numbers = numbers[(kept >= 0).any(0)]
        return numbers.astype(np.int64)

    def seen(self, sequences: IntArray, windows: Windows) -> npt.NDArray[np.bool_]:
        """Return (N, M): whether body m is present in any frame of the window of sequence n.

        Args:
            sequences: (N,).
            windows: a window of each of the N sequences.
        """
        seen_NM = np.arange(self._max_bodies) < self.num_bodies[sequences, None]
        clip, body = np.nonzero(seen_NM)
        seen_NM[clip, body] = (self._encoded(sequences[clip], body, _frames(windows)[clip]) >= 0).any(1)
        return seen_NM

    def seen_joints(self, sequences: IntArray, bodies: IntArray, windows: Windows) -> Tensor:
        """Return (P, V) bool: whether each joint of P bodies was there in any frame of the body's window.

        Only for a store in which :attr:`joints_missing`.

        Args:
            sequences: (P,) the sequence of each body.
            bodies: (P,) its number there.
            windows: a window for each of the P bodies.
        """
        encoded_PL = self._encoded(sequences, bodies, _frames(windows))
        row_PL = np.maximum(encoded_PL, 0) + self._joint_start[sequences, None]
        seen_PLV = self._seen_in(row_PL) & (encoded_PL >= 0)[..., None]
        return torch.from_numpy(seen_PLV).any(1)

    def seen_at(self, sequences: IntArray, bodies: IntArray, frames: Interpolation) -> npt.NDArray[np.bool_]:
        """Return which joints were there at the interpolated frames of P bodies, in the nearer of two.

        Args:
            sequences: (P,) the sequence of each body.
            bodies: (P,) its number there.
            frames: (P, T), the frames and their weights.

        Returns:
            (P, T, V) bool; (P, T, 1), for all joints alike, where the store has all joints.
        """
        nearer = np.where(frames.weight > 0.5, frames.upper, frames.lower)
        encoded_PT = self._encoded(sequences, bodies, nearer)
        is_there: npt.NDArray[np.bool_] = (encoded_PT >= 0)[..., None]
        if not self.joints_missing:
            return is_there
        row_PT = np.maximum(encoded_PT, 0) + self._joint_start[sequences, None]
        seen: npt.NDArray[np.bool_] = self._seen_in(row_PT) & is_there
        return seen

    def write(
        self,
        out: Tensor,
        places: IntArray,
        sequences: IntArray,
        bodies: IntArray,
        frames: Interpolation,
        turns: npt.NDArray[np.float32] | None,
    ) -> None:
        """Write P bodies at T interpolated frames, turned and as the stream, into the CPU tensor ``out``.

        Args:
            out: (S, T, V, C) float32, contiguous; rows that are not in ``places`` stay as they are.
            places: (P,) the row of ``out`` that each body fills.
            sequences: (P,) the sequence of each body.
            bodies: (P,) its number there.
            frames: (P, T), the frames and their weights.
            turns: (P, C, C), a rotation for each body; None for none.

        A joint that is missing in a frame stands where :class:`JointSubstitutes` says.

        Raises:
            DataError: the store holds a body-frame of which no joint is present, or what is no position.
        """
        for sequence in np.unique(sequences[~self._is_checked[sequences]]).tolist():  # once for each
            if not within_reach(self._joints[slice(*self._joint_start[sequence : sequence + 2])]):
                self._store.positions(sequence)  # tells where
            self._is_checked[sequence] = True
        write_bodies = None if self.joints_missing else _kernel()
        if write_bodies is not None:
            rows, begins = self._rows_of(sequences, bodies)
            first_joints, scales = self._joint_start[sequences], self._scales(sequences)
            for own, joints, start in _where_they_lie(self._joints, first_joints):
                write_bodies(
                    out.flatten(2).numpy(),
                    places[own],
                    joints.reshape(len(joints), -1),
                    scales[own],
                    rows,
                    begins[own],
                    first_joints[own] - start,
                    *(part[own] for part in frames),
                    self._hold,
                    np.empty((0, 3, 3), np.float32) if turns is None else turns[own],
                    self._parents,
                    self._stream.endswith("motion"),
                )
            return
        for begin in range(0, len(places), BODIES_AT_A_TIME):
            part = slice(begin, begin + BODIES_AT_A_TIME)
            plan = Interpolation(frames.lower[part], frames.upper[part], frames.weight[part])
            positions = self._read(sequences[part], bodies[part], plan)
            if turns is not None:
                positions = rotate(positions, torch.from_numpy(turns[part]))
            out[torch.from_numpy(places[part])] = to_stream(positions, self._stream, self._store.topology)

    def _read(self, sequences: IntArray, bodies: IntArray, frames: Interpolation) -> Tensor:
        """Return the positions (P, T, V, C) of P bodies at T interpolated frames."""
        frames_PT2 = np.stack((frames.lower, frames.upper), axis=-1)
        weights_PT2 = np.stack((1 - frames.weight, frames.weight), axis=-1)
        encoded_PT2 = self._encoded(sequences, bodies, frames_PT2)
        is_absent = encoded_PT2 < 0
        if not self._hold:
            weights_PT2[is_absent] = 0
        weights_PT2 *= self._scales(sequences)[:, None, None]
        row_PT2 = np.where(is_absent, ~encoded_PT2, encoded_PT2) + self._joint_start[sequences, None, None]
        rows, weights = torch.from_numpy(row_PT2), torch.from_numpy(weights_PT2)
        if self.joints_missing:
            return (self._with_substitutes(sequences, rows) * weights[..., None, None]).sum(2)
        if self._is_fixed_point or isinstance(self._joints, JoinedArray):
            needed, rows = torch.unique(rows, return_inverse=True)
            table = self._joints_at(needed)
        else:
            table = share_memory(self._joints.reshape(len(self._joints), -1))
        # a bag of two weighted rows is a linear interpolation: reading and resizing in one pass
        positions = F.embedding_bag(
            rows.view(-1, 2), table, per_sample_weights=weights.view(-1, 2), mode="sum"
        )
        return positions.view(*frames.lower.shape, *self.body_shape)

    def _with_substitutes(self, sequences: IntArray, row_PT2: Tensor) -> Tensor:
        """Return the rows (P, T, 2, V, C) as stored, missing joints at their substitutes' places."""
        rows, place = torch.unique(row_PT2, return_inverse=True)
        try:
            substitutes_RV = self._substitutes.find(torch.from_numpy(self._seen_in(rows.numpy())))
        except ValueError:
            empty_PT2 = ~self._seen_in(row_PT2.numpy()).any(-1)
            name = self._store.names[int(sequences[empty_PT2.reshape(len(sequences), -1).any(1)][0])]
            raise DataError(
                f"{self._store.where}: {name} has a body of which no joint is present; it should be absent, "
                "prepare the data set again"
            ) from None
        bodies_RVC = self._joints_at(rows).view(-1, *self.body_shape)
        filled_RVC = bodies_RVC.gather(1, substitutes_RV[..., None].expand_as(bodies_RVC))
        return filled_RVC[place]

    def _seen_in(self, rows: IntArray) -> npt.NDArray[np.bool_]:
        """Return (..., V) whether each joint was there in rows (...); of damaged bytes all but 0 say so."""
        seen: npt.NDArray[np.bool_] = self._joint_present[rows].view(np.uint8) != 0
        return seen

    def _joints_at(self, rows: Tensor) -> Tensor:
        """Return (R, V C) the stored positions of rows (R,)."""
        return torch.from_numpy(self._joints[rows.numpy()]).float().flatten(1)

    def _rows_of(self, sequences: IntArray, bodies: IntArray) -> tuple[npt.NDArray[np.int32], IntArray]:
        """Return an array that holds the rows of P bodies, and (P,) where in it those of each begin."""
        begin = self._begin(sequences, bodies)
        if not isinstance(self._rows, JoinedArray):
            return self._rows, begin
        length = self.num_frames[sequences]
        local: IntArray = np.cumsum(length) - length
        return self._rows[np.arange(length.sum()) + np.repeat(begin - local, length)], local

    def _scales(self, sequences: IntArray) -> npt.NDArray[np.float32]:
        """Return (P,) by what each sequence's stored positions are multiplied."""
        if self._scale is None:
            return np.ones(len(sequences), np.float32)
        scales: npt.NDArray[np.float32] = self._scale[sequences]
        return scales

    def _begin(self, sequences: IntArray, bodies: IntArray) -> IntArray:
        """Return where the frames of each body begin among the rows."""
        begin: IntArray = self._row_start[sequences] + bodies * self.num_frames[sequences]
        return begin

    def _encoded(self, sequences: IntArray, bodies: IntArray, frames: IntArray) -> npt.NDArray[np.int32]:
        """Return, of the shape of ``frames`` (P, ...), each frame's row, ``~row`` if absent."""
        begin = self._begin(sequences, bodies).reshape(-1, *[1] * (frames.ndim - 1))
        encoded: npt.NDArray[np.int32] = self._rows[begin + frames]
        return encoded


@cache
def _kernel() -> Callable[..., None] | None:
    """Load the compiled kernel when the first batch is read, if it is wanted."""
    if not numba_is_wanted():
        return None
    from skelact.clips.kernel import write_bodies

    kernel: Callable[..., None] = write_bodies
    return kernel


def _where_they_lie(
    array: npt.NDArray[Any] | JoinedArray, rows: IntArray
) -> Iterator[tuple[Any, npt.NDArray[Any], int]]:
    """Yield which of ``rows``, (P,), lie in each piece of an array, the piece, and its own first row."""
    if isinstance(array, JoinedArray):
        yield from array.pieces(rows)
    else:
        yield slice(None), array, 0


def _frames(windows: Windows) -> IntArray:
    """Return (N, L): the frames of each window, its last one repeated to the longest window's length L."""
    step = np.minimum(np.arange(windows.length.max()), windows.length[:, None] - 1)
    frames: IntArray = windows.start[:, None] + step
    return frames


def share_memory(array: npt.NDArray[Any]) -> Tensor:
    """Return a tensor over a read-only array's memory; it must not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
