"""Reading the frames of many bodies at once from a store, resized on the way."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from skelact.batches.missing_joints import JointSubstitutes
from skelact.batches.sampling import Interpolation, Windows
from skelact.errors import DataError
from skelact.preparation.store import Store


class BodyFrames:
    """The frames of the first bodies of each sequence of a store; in each frame one of them is present.

    Nothing is copied from the store but its small index arrays. Only where a sequence has more than
    ``max_bodies`` bodies are the row numbers rewritten in memory, without the frames that show only the
    bodies left out.
    """

    num_frames: Tensor
    """(N,) int64: frames of each sequence."""
    num_bodies: Tensor
    """(N,) int64: bodies of each sequence, at most ``max_bodies``."""
    body_shape: tuple[int, int]
    """Joints V and coordinates C of a body."""
    joints_missing: bool
    """Whether a joint is missing somewhere in the store."""

    def __init__(self, store: Store, max_bodies: int) -> None:
        joints, rows = store.array("joints"), store.array("frame_rows")
        row_start = np.array(store.array("row_start"))
        num_frames = np.diff(store.array("frame_start"))
        num_bodies = store.array("num_bodies").astype(np.int64)
        if max_bodies < store.max_bodies:
            kept = []
            for index, bodies in enumerate(num_bodies):
                part = rows[row_start[index] : row_start[index + 1]].reshape(bodies, -1)[:max_bodies]
                kept.append(part[:, (part >= 0).any(0)])
            rows = np.concatenate([part.reshape(-1) for part in kept])
            num_frames = np.array([part.shape[1] for part in kept])
            num_bodies = np.minimum(num_bodies, max_bodies)
            row_start = np.concatenate([[0], np.cumsum(num_frames * num_bodies)])
        self.num_frames, self.num_bodies = torch.from_numpy(num_frames), torch.from_numpy(num_bodies)
        self.body_shape = (joints.shape[1], joints.shape[2])
        self._joints = share_memory(joints.reshape(len(joints), -1))
        self._joint_start = torch.from_numpy(np.array(store.array("joint_start")))
        # ~row of the body's nearest present frame where it is absent, as in the store
        self._rows = share_memory(rows)
        self._row_start = torch.from_numpy(row_start)
        self.joints_missing = "joint_present" in store.meta["arrays"]
        if self.joints_missing:
            self._joint_present = share_memory(store.array("joint_present"))
            self._substitutes = JointSubstitutes(store.topology)
            self._store = store

    def seen(self, sequences: Tensor, windows: Windows, max_bodies: int) -> Tensor:
        """Return (N, M) bool: whether body m is present in any frame of the window of sequence n.

        Args:
            sequences: (N,) int64.
            windows: a window of each of the N sequences.
            max_bodies: number of slots M; a slot without a body is False.
        """
        slot = torch.arange(max_bodies)
        exists_NM = slot < self.num_bodies[sequences, None]
        begin_NM = self._begin(sequences[:, None], slot * exists_NM)  # body 0 stands in for those not there
        return exists_NM & (self._rows[begin_NM[:, :, None] + _frames(windows)[:, None]] >= 0).any(-1)

    def seen_joints(self, sequences: Tensor, bodies: Tensor, windows: Windows) -> Tensor:
        """Return (P, V) bool: whether each joint of P bodies was there in any frame of the body's window.

        Only for a store in which :attr:`joints_missing`.

        Args:
            sequences: (P,) int64, the sequence of each body.
            bodies: (P,) int64, its number there.
            windows: a window for each of the P bodies.
        """
        encoded_PL = self._rows[self._begin(sequences, bodies)[:, None] + _frames(windows)]
        row_PL = encoded_PL.clamp(min=0) + self._joint_start[sequences, None]
        return (self._joint_present[row_PL] & (encoded_PL >= 0)[..., None]).any(1)

    def read(self, sequences: Tensor, bodies: Tensor, frames: Interpolation, hold: bool) -> Tensor:
        """Return the positions (P, T, V, C) of P bodies at T interpolated frames.

        Args:
            sequences: (P,) int64, the sequence of each body.
            bodies: (P,) int64, its number there.
            frames: (P, T), the frames and their weights.
            hold: a frame in which the body is absent counts as its nearest present frame; otherwise as zeros.

        A joint that is missing in a frame stands where :class:`JointSubstitutes` says.

        Raises:
            DataError: the store holds a body-frame of which no joint is present.
        """
        frames_PT2 = torch.stack((frames.lower, frames.upper), dim=-1)
        weights_PT2 = torch.stack((1 - frames.weight, frames.weight), dim=-1)
        encoded_PT2 = self._rows[self._begin(sequences, bodies)[:, None, None] + frames_PT2]
        is_absent = encoded_PT2 < 0
        if not hold:
            weights_PT2.masked_fill_(is_absent, 0)
        row_PT2 = torch.where(is_absent, ~encoded_PT2, encoded_PT2) + self._joint_start[sequences, None, None]
        if self.joints_missing:
            positions = self._with_substitutes(sequences, row_PT2) * weights_PT2[..., None, None]
            return positions.sum(2)
        # a bag of two weighted rows is a linear interpolation: reading and resizing in one pass
        positions = F.embedding_bag(
            row_PT2.view(-1, 2), self._joints, per_sample_weights=weights_PT2.view(-1, 2), mode="sum"
        )
        return positions.view(*frames.lower.shape, *self.body_shape)

    def _with_substitutes(self, sequences: Tensor, row_PT2: Tensor) -> Tensor:
        """Return the positions (P, T, 2, V, C) of the rows, missing joints at their substitutes' places."""
        rows, place = torch.unique(row_PT2, return_inverse=True)
        try:
            substitutes_RV = self._substitutes.find(self._joint_present[rows])
        except ValueError:
            empty_P = ~self._joint_present[row_PT2].any(-1).flatten(1).all(1)
            name = self._store.names[int(sequences[empty_P][0])]
            raise DataError(
                f"{self._store.path}: {name} has a body of which no joint is present; it should be absent, "
                "prepare the data set again"
            ) from None
        bodies_RVC = self._joints[rows].view(-1, *self.body_shape)
        filled_RVC = bodies_RVC.gather(1, substitutes_RV[..., None].expand_as(bodies_RVC))
        return filled_RVC[place]

    def _begin(self, sequences: Tensor, bodies: Tensor) -> Tensor:
        return self._row_start[sequences] + bodies * self.num_frames[sequences]


def _frames(windows: Windows) -> Tensor:
    """Return (N, L): the frames of each window, its last one repeated to the longest window's length L."""
    step = torch.arange(int(windows.length.max())).minimum(windows.length[:, None] - 1)
    return windows.start[:, None] + step


def share_memory(array: npt.NDArray[Any]) -> Tensor:
    """Return a tensor over a read-only array's memory; it must not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
