"""One synthetic recording: what really happened, and what the sensor made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError
from skelact.sources.ntu import NtuName
from skelact.sources.synthetic.actions import BY_NUMBER
from skelact.sources.synthetic.camera import CAMERA_TURNS, REPLICATION_TURNS, place_camera
from skelact.sources.synthetic.kinematics import Array, turn
from skelact.sources.synthetic.names import TEST_PERFORMERS, TRAIN_PERFORMERS, format_name
from skelact.sources.synthetic.performer import draw_performer
from skelact.sources.synthetic.take import act_out
from skelact.sources.synthetic.tracking import SensorTrack, track_people

_RECORDING_STREAM = 2
"""Keeps the draws of recordings apart from those of performers and setups."""


@dataclass(frozen=True)
class SyntheticRecording:
    """A recording with its truth. M people, T frames, V = 25 joints of NTU-25."""

    name: NtuName
    positions: Array
    """(M, T, V, 3) true joints, metres, the performer first; camera axes: x to its left, y up, z forward."""
    present: npt.NDArray[np.bool_]
    """(M, T): whether the sensor saw the person."""
    tracks: tuple[SensorTrack, ...]
    """What the sensor wrote, with all its errors, in the order of the bodies in a frame."""

    @property
    def num_frames(self) -> int:
        """Number of frames T, those in which nobody is seen included."""
        return int(self.positions.shape[1])

    @property
    def label(self) -> int:
        """Class index from 0."""
        return self.name.action - 1


def simulate(name: NtuName, seed: int) -> SyntheticRecording:
    """Act out and record the recording called ``name`` of the data set with ``seed``.

    People depend on the seed and their number alone, cameras on the seed and the setup; everything else
    depends on the seed and the whole name. The second person is from the performer's side of cross-subject.

    Raises:
        ConfigurationError: the name's action, camera or replication is not one that the generator has.
    """
    known = name.action in BY_NUMBER and name.camera in CAMERA_TURNS and name.replication in REPLICATION_TURNS
    if not known:
        codes = ", ".join(action.code for action in BY_NUMBER.values())
        raise ConfigurationError(
            f"{format_name(name)}: not a recording of this generator; expected camera 1 to 3, "
            f"replication 1 or 2 and one of the actions {codes}"
        )
    rng = np.random.default_rng(
        (seed, _RECORDING_STREAM, name.setup, name.camera, name.performer, name.replication, name.action)
    )
    action = BY_NUMBER[name.action]
    people = [draw_performer(seed, name.performer)]
    if action.num_people == 2:
        side = TRAIN_PERFORMERS if name.performer in TRAIN_PERFORMERS else TEST_PERFORMERS
        others = [number for number in side if number != name.performer]
        people.append(draw_performer(seed, int(rng.choice(others))))
    joints = act_out(action, tuple(people), rng)
    heading = -REPLICATION_TURNS[name.replication] + rng.normal(0.0, 0.06)
    world = joints @ turn(np.array(heading)).T
    positions = place_camera(seed, name.setup, name.camera).view(world)
    tracks, present = track_people(positions, rng)
    return SyntheticRecording(name, positions, present, tracks)
