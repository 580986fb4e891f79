"""Batches of clips, straight from a store: crop, resize, rotate and choose the stream for a batch at a time.

The bodies seen in each crop are found first. Then their frames are read from the memory-mapped positions,
resized, rotated, turned into the stream and written into their slots; an absent body's slot is only set to 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.clips.body_frames import BodyFrames
from skelact.clips.rotation import rotation_matrices
from skelact.clips.sampling import IntArray, Windows, centre_windows, interpolate, train_windows
from skelact.clips.scale import sequence_factors
from skelact.clips.settings import ClipSettings
from skelact.clips.viewpoint import sequence_turns, up_of
from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.view import View
from skelact.store.store import Store

NUMBERS_PER_SEQUENCE = 5


class Clips(NamedTuple):
    """A batch of N clips."""

    positions: Tensor
    """(N, M, T, V, C) float32, in the unit that the settings' ``scale`` says, in motion streams that a frame;
    all 0 for absent bodies."""
    present: Tensor
    """(N, M) bool: True where the body is seen in at least one frame of the crop."""
    labels: Tensor
    """(N,) int64: class indices, -1 where there is none."""
    indices: Tensor
    """(N,) int64: the clips' sequences in the store."""
    joint_present: Tensor | None = None
    """(N, M, V) bool: True where the joint was there in at least one frame of the crop; None where the store
    has all joints. In frames without it, a joint stands where
    :class:`skelact.clips.body_frames.JointSubstitutes` says."""
    seen: Tensor | None = None
    """(N, M, T, V) bool: True where the joint was there in the nearer of the two frames that the clip's frame
    is made of; None, of other than test clips, where every body of the store has all joints in all frames,
    and what it shows is a place and not a motion, whose 0 says that somebody is still."""

    @property
    def seen_joints(self) -> Tensor:
        """(N, M, V) bool: True for joints of bodies that are there, seen in one frame of the crop or more."""
        there = self.present.unsqueeze(-1).expand(*self.present.shape, self.positions.shape[3])
        return there if self.joint_present is None else there & self.joint_present


@dataclass(frozen=True)
class CropDraws:
    """The random numbers of training clips; ``draws[a:b]`` are those of the clips a to b."""

    uniform: Tensor
    """(N, 5) float64 in [0, 1), for each clip: length of the crop, its start, turns about x, y and z."""

    def __len__(self) -> int:
        return len(self.uniform)

    def __getitem__(self, part: slice) -> CropDraws:
        return CropDraws(self.uniform[part])


def draw_crops(num: int, generator: torch.Generator) -> CropDraws:
    """Draw the random numbers of ``num`` training clips: five a clip, clip by clip.

    What is drawn depends on ``num`` and the generator alone, not on the settings, so several processes that
    draw for the global batch and use a slice each make the clips that one process makes.

    Args:
        num: number of clips N.
        generator: a CPU generator; its state moves on by 5 N numbers.

    Raises:
        ConfigurationError: the generator is not on the CPU.
    """
    if generator.device.type != "cpu":
        raise ConfigurationError(f"clips are drawn with a CPU generator, not one on {generator.device}")
    return CropDraws(torch.rand((num, NUMBERS_PER_SEQUENCE), dtype=torch.float64, generator=generator))


def check_draws(draws: CropDraws, num: int) -> None:
    """Refuse draws for another number of clips than ``num``.

    Raises:
        ConfigurationError: they are.
    """
    if len(draws) != num:
        raise ConfigurationError(f"draws for {len(draws)} clips, but {num} indices")


def sequence_numbers(
    indices: Sequence[int] | npt.NDArray[Any] | Tensor, num_sequences: int, where: str
) -> Tensor:
    """Return (N,) the sequences of a batch, as 64-bit integers on the CPU.

    Args:
        indices: (N,) places among the sequences.
        num_sequences: how many there are.
        where: how errors call what holds them.

    Raises:
        DataError: no index, one that is no integer, or one outside.
    """
    chosen = indices.cpu() if isinstance(indices, Tensor) else torch.from_numpy(np.array(indices))
    if chosen.ndim != 1 or len(chosen) == 0:
        raise DataError(f"{where}: a batch needs a list of at least one sequence number")
    if chosen.is_floating_point() or chosen.dtype == torch.bool:
        raise DataError(f"{where}: sequence numbers are integers, not {chosen.dtype}")
    chosen = chosen.long()
    outside = chosen[(chosen < 0) | (chosen >= num_sequences)]
    if len(outside):
        raise DataError(
            f"{where}: there is no sequence {int(outside[0])}; "
            f"sequences are numbered 0 to {num_sequences - 1}"
        )
    return chosen


class ClipSource:
    """Makes batches of clips from a store.

    Args:
        store: the prepared data set; its positions stay memory-mapped.
        settings: how a sequence becomes a clip.
        device: where the clips are wanted. They are made on the CPU; only bodies that are there are moved.

    Raises:
        ConfigurationError: rotations are asked for and the positions are not three-dimensional, or a view or
            a scale that the store cannot have.
    """

    def __init__(self, store: Store, settings: ClipSettings, device: torch.device | str = "cpu") -> None:
        self._is_flat = store.num_coordinates == 2
        is_rotated = settings.turn is None and settings.tilt is None and settings.rotation > 0
        if self._is_flat and (is_rotated or settings.turn):
            name = "rotation" if is_rotated else "turn"
            raise ConfigurationError(
                f"{store.where}: holds 2-D positions, which are not rotated in space; "
                f"--clips.{name} is {getattr(settings, name):g}, set it to 0"
            )
        self.store, self.settings, self.device = store, settings, torch.device(device)
        self._frames = BodyFrames(
            store,
            settings.max_bodies,
            settings.gaps == "hold",
            settings.stream,
            sequence_factors(store, settings.scale),
        )
        self._labels = np.asarray(store.labels)
        self._views = None
        if settings.view != "camera":
            self._views = sequence_turns(store, cast(View, settings.view))
        self._vertical = 1  # y
        if settings.view == "camera" and settings.turn is not None and not self._is_flat:
            self._vertical = "xyz".index(up_of(store)[-1])

    def __len__(self) -> int:
        return len(self._labels)

    def train(self, indices: Sequence[int] | npt.NDArray[Any] | Tensor, draws: CropDraws) -> Clips:
        """Return randomly cropped and rotated clips of the sequences ``indices``.

        Args:
            indices: (N,) places in the store; a sequence may be named more than once.
            draws: the random numbers of the N clips.

        Raises:
            DataError: no index, or one outside the store.
            ConfigurationError: draws for another number of clips.
        """
        chosen = self._check(indices)
        check_draws(draws, len(chosen))
        settings, uniform = self.settings, draws.uniform.numpy()
        windows = train_windows(
            self._frames.num_frames[chosen],
            uniform[:, 0],
            uniform[:, 1],
            settings.min_crop_share,
            settings.min_crop_frames,
        )
        return self._clips(chosen, windows, self._drawn_rotations(2 * uniform[:, 2:] - 1))

    def test(self, indices: Sequence[int] | npt.NDArray[Any] | Tensor) -> Clips:
        """Return the middle of the sequences ``indices``, nothing random.

        Args:
            indices: (N,) places in the store; a sequence may be named more than once.

        Raises:
            DataError: no index, or one outside the store.
        """
        chosen = self._check(indices)
        windows = centre_windows(self._frames.num_frames[chosen], self.settings.test_crop_share)
        clips = self._clips(chosen, windows, None)
        if clips.seen is not None:
            return clips
        # so that a body whose joints all lie in the origin is no unseen one, whatever else is in the batch
        return clips._replace(seen=clips.present[..., None, None].expand(clips.positions.shape[:-1]))

    def num_taken_whole(self, indices: IntArray) -> int:
        """Return how many of the sequences ``indices``, (N,), are too short to be cropped for training."""
        return int((self._frames.num_frames[indices] <= self.settings.min_crop_frames).sum())

    def cut(self, indices: Sequence[int] | npt.NDArray[Any] | Tensor, windows: Windows) -> Clips:
        """Return chosen stretches of the sequences ``indices``, resized like other clips, nothing random.

        Args:
            indices: (N,) places in the store; a sequence may be named more than once.
            windows: the stretch of each, in frames in which a body is present: :meth:`frame_numbers`.

        Raises:
            DataError: no index, one outside the store, or a window that does not lie in its sequence.
        """
        chosen = self._check(indices)
        end = windows.start + windows.length
        wrong = (windows.start < 0) | (windows.length < 1) | (end > self._frames.num_frames[chosen])
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{self.store.where}: {self.store.names[chosen[place]]} has "
                f"{self._frames.num_frames[chosen[place]]} frames with a body, "
                f"not {windows.start[place]} to {end[place]}"
            )
        return self._clips(chosen, windows, None)

    def frame_numbers(self, index: int) -> IntArray:
        """Return the numbers, from 0, of the frames of a sequence in which a body is present, ascending.

        Bodies beyond the settings' ``max_bodies`` do not count.
        """
        return self._frames.frame_numbers(index)

    def _check(self, indices: Sequence[int] | npt.NDArray[Any] | Tensor) -> IntArray:
        return sequence_numbers(indices, len(self), str(self.store.path)).numpy()

    def _drawn_rotations(self, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        """Return the (N, C, C) rotations of training clips by (N, 3) drawn numbers in ±1; None: none."""
        settings = self.settings
        if settings.turn is None and settings.tilt is None:
            return rotation_matrices(numbers * settings.rotation) if settings.rotation > 0 else None
        turn, tilt = (math.radians(angle or 0) * numbers for angle in (settings.turn, settings.tilt))
        if self._is_flat:
            tilt[:, :2] = 0
            return rotation_matrices(tilt)[:, :2, :2]
        is_vertical = np.arange(3) == self._vertical
        parts = (np.where(is_vertical, 0, tilt), np.where(is_vertical, turn, 0))
        tilted, turned = map(rotation_matrices, parts)
        rotations: npt.NDArray[np.float64] = tilted @ turned
        return rotations

    def _clips(self, chosen: IntArray, windows: Windows, drawn: npt.NDArray[np.float64] | None) -> Clips:
        settings, device = self.settings, self.device
        present = self._frames.seen(chosen, windows)
        clip, body = np.nonzero(present)
        crops = Windows(*(part[clip] for part in windows))
        plan = interpolate(crops, settings.num_frames)
        turns = None if self._views is None else self._views[chosen]
        if drawn is not None:
            turns = (drawn if turns is None else drawn @ turns).astype(np.float32)
        turns = None if turns is None else turns[clip]
        clip_shape = (settings.num_frames, *self._frames.body_shape)
        slots = clip * settings.max_bodies + body
        if device.type == "cpu":
            positions = torch.empty((present.size, *clip_shape))
            positions.numpy()[~present.reshape(-1)] = 0
            self._frames.write(positions, slots, chosen[clip], body, plan, turns)
        else:  # only the bodies that are there move to the device
            bodies = torch.empty((len(slots), *clip_shape))
            self._frames.write(bodies, np.arange(len(slots)), chosen[clip], body, plan, turns)
            positions = torch.zeros((present.size, *clip_shape), device=device)
            positions[torch.from_numpy(slots).to(device)] = bodies.to(device)
        joint_present = None
        if self._frames.joints_missing:
            joint_present = torch.zeros((*present.shape, self._frames.body_shape[0]), dtype=torch.bool)
            joint_present[clip, body] = self._frames.seen_joints(chosen[clip], body, crops)
            joint_present = joint_present.to(device)
        seen = None
        if not self._frames.all_seen or settings.stream.endswith("motion"):  # there stillness is 0 as well
            seen_BTV = self._frames.seen_at(chosen[clip], body, plan)
            seen_NMTV = np.zeros((*present.shape, *seen_BTV.shape[1:]), np.bool_)
            seen_NMTV[clip, body] = seen_BTV
            seen = torch.from_numpy(seen_NMTV).to(device).expand(*present.shape, *clip_shape[:2])
        return Clips(
            positions=positions.view(*present.shape, *clip_shape),
            present=torch.from_numpy(present).to(device),
            labels=torch.from_numpy(self._labels[chosen].astype(np.int64)).to(device),
            indices=torch.from_numpy(chosen).to(device),
            joint_present=joint_present,
            seen=seen,
        )
