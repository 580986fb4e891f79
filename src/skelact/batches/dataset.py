"""Batches of clips, straight from a store: crop, resize, rotate and choose the stream for a batch at a time.

The bodies seen in each crop are found first. Then, a few at a time, their frames are read and resized in one
pass over the memory-mapped positions, rotated, turned into the stream, and put into their slots; an absent
body costs no work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.batches.body_frames import BodyFrames
from skelact.batches.sampling import Interpolation, Windows, centre_windows, interpolate, train_windows
from skelact.batches.spatial import rotate, rotation_matrices
from skelact.batches.streams import STREAMS, to_stream
from skelact.errors import ConfigurationError, DataError, suggest
from skelact.preparation.store import Store

GAPS = ("hold", "zero")
NUMBERS_PER_SEQUENCE = 5
BODIES_AT_A_TIME = 64  # few enough that their positions stay in the processor's cache from step to step


@dataclass(frozen=True)
class ClipSettings:
    """How a sequence becomes a clip. The defaults are the published ones, ``gaps`` excepted.

    Raises:
        ConfigurationError: a value outside its range, or a name that is not known.
    """

    num_frames: int = 120
    """Frames T of a clip."""
    min_crop_share: float = 0.5
    """Training crops hold a share of the frames drawn evenly from this to 1."""
    min_crop_frames: int = 64
    """Training crops hold at least so many frames; shorter sequences are taken whole."""
    test_crop_share: float = 0.95
    """Test clips hold the middle of the sequence, this share of it."""
    rotation: float = 0.3
    """Training clips are turned about x, y and z by angles drawn evenly from ± this, in rad; 0 for none."""
    stream: str = "joint"
    """What a clip shows: joint, bone, motion or bone-motion."""
    gaps: str = "hold"
    """A present body's absent frames: 'hold' takes the body's nearest frame, 'zero' (published) zeros."""
    max_bodies: int = 2
    """Body slots M of a clip; of a sequence with more bodies the first M are kept."""

    def __post_init__(self) -> None:
        for name in ("num_frames", "min_crop_frames", "max_bodies"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}={getattr(self, name)}: must be at least 1")
        for name in ("min_crop_share", "test_crop_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigurationError(f"{name}={getattr(self, name)}: must lie in (0, 1]")
        if not 0 <= self.rotation <= math.pi:
            raise ConfigurationError(f"rotation={self.rotation}: must be an angle in [0, pi] rad")
        for name, known in (("stream", STREAMS), ("gaps", GAPS)):
            value = getattr(self, name)
            if value not in known:
                raise ConfigurationError(f"{name}={value!r}: not known{suggest(value, known)}")


class Clips(NamedTuple):
    """A batch of N clips."""

    positions: Tensor
    """(N, M, T, V, C) float32: metres, or metres per frame in the motion streams; all 0 for absent bodies."""
    present: Tensor
    """(N, M) bool: True where the body is seen in at least one frame of the crop."""
    labels: Tensor
    """(N,) int64: class indices, -1 where there is none."""
    indices: Tensor
    """(N,) int64: the clips' sequences in the store."""
    joint_present: Tensor | None = None
    """(N, M, V) bool: True where the joint was there in at least one frame of the crop; None where the store
    has all joints. In frames without it, a joint stands where
    :class:`skelact.batches.missing_joints.JointSubstitutes` says."""


@dataclass(frozen=True)
class Draws:
    """The random numbers of training clips; ``draws[a:b]`` are those of the clips a to b."""

    uniform: Tensor
    """(N, 5) float64 in [0, 1), for each clip: length of the crop, its start, turns about x, y and z."""

    def __len__(self) -> int:
        return len(self.uniform)

    def __getitem__(self, part: slice) -> Draws:
        return Draws(self.uniform[part])


def draw(num: int, generator: torch.Generator) -> Draws:
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
    return Draws(torch.rand((num, NUMBERS_PER_SEQUENCE), dtype=torch.float64, generator=generator))


class ClipSource:
    """Makes batches of clips from a store.

    Args:
        store: the prepared data set; its positions stay memory-mapped.
        settings: how a sequence becomes a clip.
        device: where the clips are wanted. Frames are read and resized on the CPU; what follows, and the
            result, is on this device.

    Raises:
        ConfigurationError: rotations are asked for and the positions are not three-dimensional.
    """

    def __init__(self, store: Store, settings: ClipSettings, device: torch.device | str = "cpu") -> None:
        num_coordinates = store.array("joints").shape[-1]
        if settings.rotation > 0 and num_coordinates != 3:
            raise ConfigurationError(
                f"rotation={settings.rotation}: {store.path} holds {num_coordinates}-D positions, "
                "which are not rotated; set rotation=0"
            )
        self.store, self.settings, self.device = store, settings, torch.device(device)
        self._frames = BodyFrames(store, settings.max_bodies)
        self._labels = torch.from_numpy(store.labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self._labels)

    def train(
        self,
        indices: Sequence[int] | npt.NDArray[Any] | Tensor,
        generator: torch.Generator | None = None,
        *,
        draws: Draws | None = None,
    ) -> Clips:
        """Return randomly cropped and rotated clips of the sequences ``indices``.

        Args:
            indices: (N,) places in the store; a sequence may be named more than once.
            generator: a CPU generator, from which :func:`draw` takes the numbers; or
            draws: the numbers themselves, drawn before.

        Raises:
            DataError: no index, or one outside the store.
            ConfigurationError: both or neither of ``generator`` and ``draws``, or draws for another number
                of clips.
        """
        chosen = self._check(indices)
        if (generator is None) == (draws is None):
            raise ConfigurationError("training clips need either a generator or draws")
        if draws is None:
            assert generator is not None
            draws = draw(len(chosen), generator)
        if len(draws) != len(chosen):
            raise ConfigurationError(f"draws for {len(draws)} clips, but {len(chosen)} indices")
        settings, uniform = self.settings, draws.uniform
        windows = train_windows(
            self._frames.num_frames[chosen],
            uniform[:, 0],
            uniform[:, 1],
            settings.min_crop_share,
            settings.min_crop_frames,
        )
        angles = (2 * uniform[:, 2:] - 1) * settings.rotation
        return self._clips(chosen, windows, angles if settings.rotation > 0 else None)

    def test(self, indices: Sequence[int] | npt.NDArray[Any] | Tensor) -> Clips:
        """Return the middle of the sequences ``indices``, nothing random.

        Args:
            indices: (N,) places in the store; a sequence may be named more than once.

        Raises:
            DataError: no index, or one outside the store.
        """
        chosen = self._check(indices)
        windows = centre_windows(self._frames.num_frames[chosen], self.settings.test_crop_share)
        return self._clips(chosen, windows, None)

    def _check(self, indices: Sequence[int] | npt.NDArray[Any] | Tensor) -> Tensor:
        chosen = indices.cpu() if isinstance(indices, Tensor) else torch.from_numpy(np.array(indices))
        if chosen.ndim != 1 or len(chosen) == 0:
            raise DataError(f"{self.store.path}: a batch needs a list of at least one sequence number")
        if chosen.is_floating_point() or chosen.dtype == torch.bool:
            raise DataError(f"{self.store.path}: sequence numbers are integers, not {chosen.dtype}")
        chosen = chosen.long()
        outside = chosen[(chosen < 0) | (chosen >= len(self))]
        if len(outside):
            raise DataError(
                f"{self.store.path}: there is no sequence {int(outside[0])}; "
                f"the store holds sequences 0 to {len(self) - 1}"
            )
        return chosen

    def _clips(self, chosen: Tensor, windows: Windows, angles: Tensor | None) -> Clips:
        settings, device = self.settings, self.device
        present = self._frames.seen(chosen, windows, settings.max_bodies)
        plan = interpolate(windows, settings.num_frames)
        turns = None if angles is None else rotation_matrices(angles).float().to(device)
        slots = len(chosen) * settings.max_bodies
        positions = torch.zeros((slots, settings.num_frames, *self._frames.body_shape), device=device)
        joint_present = None
        if self._frames.joints_missing:
            joint_present = torch.zeros((slots, self._frames.body_shape[0]), dtype=torch.bool)
        for place in torch.split(present.view(-1).nonzero()[:, 0], BODIES_AT_A_TIME):
            clip, body = place // settings.max_bodies, place % settings.max_bodies
            frames = Interpolation(*(part[clip] for part in plan))
            bodies = self._frames.read(chosen[clip], body, frames, hold=settings.gaps == "hold").to(device)
            if turns is not None:
                bodies = rotate(bodies, turns[clip.to(device)])
            positions[place.to(device)] = to_stream(bodies, settings.stream, self.store.topology)
            if joint_present is not None:
                crops = Windows(*(part[clip] for part in windows))
                joint_present[place] = self._frames.seen_joints(chosen[clip], body, crops)
        if joint_present is not None:
            joint_present = joint_present.view(len(chosen), settings.max_bodies, -1).to(device)
        return Clips(
            positions=positions.view(len(chosen), settings.max_bodies, *positions.shape[1:]),
            present=present.to(device),
            labels=self._labels[chosen].to(device),
            indices=chosen.to(device),
            joint_present=joint_present,
        )
