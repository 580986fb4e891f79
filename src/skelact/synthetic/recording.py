"""One synthetic recording: its name, its camera, what really happened, and what the sensor made of it.

Names are valid ones of NTU RGB+D, spread over every protocol's two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError
from skelact.formats.ntu import NtuName
from skelact.formats.protocol import NTU60_TRAIN_SUBJECTS
from skelact.synthetic.actions import BY_NUMBER, act_out
from skelact.synthetic.kinematics import Array, turn
from skelact.synthetic.performer import draw_performer
from skelact.synthetic.sensor import SensorTrack, track_people

_RECORDING_STREAM = 2
_SETUP_STREAM = 3
"""Keep the draws of recordings and of setups apart, and both from those of performers."""

TRAIN_PERFORMERS = NTU60_TRAIN_SUBJECTS
"""Performers of the training side of cross-subject."""
TEST_PERFORMERS = tuple(person for person in range(1, 41) if person not in TRAIN_PERFORMERS)
"""The other twenty."""

NUM_SETUPS = 17
NUM_CAMERAS = 3
NUM_REPLICATIONS = 2

# Setup: performers of whom a real recording of that setup is on the published list of bad recordings. These
# pairs are not used, since cleaning leaves out every recording with such a name.
_PERFORMERS_TO_AVOID = {
    1: (2, 5, 6),
    2: (8, 10, 11, 14),
    3: (2, 16, 18, 19),
    4: (3, 8, 20),
    5: (4, 10, 16, 18, 21),
    6: (1, 7, 16, 17, 22, 23, 24),
    7: (7, 8, 15, 18, 19, 25, 26, 27, 28),
    8: (1, 7, 8, 25, 29, 31, 32, 33, 34, 35),
    9: (7, 8, 15, 16, 17, 25),
    10: (7, 8, 16, 17, 19, 25),
    11: (1, 2, 8, 15, 16, 17, 18, 19, 25, 27, 28),
    12: (8, 15, 16, 17, 18, 19, 25, 27, 28),
    13: (8, 15, 17, 18, 25, 27, 28),
    14: (7, 15, 19, 25, 27, 39),
    15: (7, 8, 15, 16, 17, 25),
    16: (8, 19, 25, 39, 40),
    17: (7, 8, 15, 16, 17, 20),
}

_ACTION_STRIDE = 7
"""By how many places the order of people and cameras is shifted from one action to the next."""

CAMERA_TURNS = {1: 0.0, 2: -np.pi / 4, 3: np.pi / 4}
"""Angle (rad) at which each camera looks at the scene. Camera 1 stands in the middle."""
REPLICATION_TURNS = {1: CAMERA_TURNS[2], 2: CAMERA_TURNS[3]}
"""Angle of the camera that people face: first the one side camera, then the other, as in NTU RGB+D (Shahroudy
et al. 2016). Camera 1 thus sees everybody at 45 degrees, the others from the front or the side."""

_AIM_HEIGHT = 0.95
"""Height of the point at which cameras look, metres."""


def format_name(name: NtuName) -> str:
    """Return the name as the data set's files carry it, ``SsssCcccPpppRrrrAaaa``."""
    return (
        f"S{name.setup:03d}C{name.camera:03d}P{name.performer:03d}R{name.replication:03d}A{name.action:03d}"
    )


@cache
def _places() -> tuple[tuple[int, int, int, int], ...]:
    """All (setup, camera, performer, replication), so ordered that any few in a row are mixed.

    Performers of the two sides of cross-subject take turns. The counts of performers of a side, cameras and
    setups have no common divisor, so that counting through all three at once meets every triple once.
    """
    sides = (_side_places(TRAIN_PERFORMERS), _side_places(TEST_PERFORMERS))
    return tuple(place for pair in zip(*sides, strict=False) for place in pair)


def _side_places(performers: Sequence[int]) -> list[tuple[int, int, int, int]]:
    triples = len(performers) * NUM_CAMERAS * NUM_SETUPS
    places = []
    for number in range(triples * NUM_REPLICATIONS):
        performer = performers[number % len(performers)]
        camera = number % NUM_CAMERAS + 1
        setup = 5 * number % NUM_SETUPS + 1
        replication = (number // 2 + number // triples) % NUM_REPLICATIONS + 1
        if performer not in _PERFORMERS_TO_AVOID[setup]:
            places.append((setup, camera, performer, replication))
    return places


def max_sequences(num_actions: int) -> int:
    """Return how many distinct names there are for ``num_actions`` actions."""
    return num_actions * len(_places())


def recording_name(index: int, actions: Sequence[int]) -> NtuName:
    """Return the name of recording ``index``, counted from 0; actions take turns.

    Every action meets both sides of cross-subject, cross-view and cross-setup within its first eight
    recordings.
    """
    turn, place = index % len(actions), index // len(actions)
    places = _places()
    setup, camera, performer, replication = places[(place + _ACTION_STRIDE * turn) % len(places)]
    return NtuName(setup, camera, performer, replication, actions[turn])


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the middle of the scene."""

    turn: float
    """Around the scene, rad."""
    height: float
    """Above the floor, metres."""
    distance: float
    """From the middle of the scene along the floor, metres."""

    def view(self, points: Array) -> Array:
        """Return world points (..., 3) in the camera's axes: x to its left, y up, z forward, metres.

        World axes: the floor is y = 0, the scene's middle the origin, and the camera with turn 0 is at -z.
        """
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        around = np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
        pitch = np.arctan2(self.height - _AIM_HEIGHT, self.distance)
        cosine, sine = np.cos(pitch), np.sin(pitch)
        tilt = np.array([[1.0, 0.0, 0.0], [0.0, cosine, sine], [0.0, -sine, cosine]])
        moved = points @ around.T + (0.0, -self.height, self.distance)
        return np.asarray(moved @ tilt.T)


def place_camera(seed: int, setup: int, camera: int) -> Camera:
    """Return camera 1, 2 or 3 of a setup; all three share its distance and height but for small errors."""
    rng = np.random.default_rng((seed, _SETUP_STREAM, setup))
    distance, height = rng.uniform(2.8, 3.6), rng.uniform(0.8, 1.9)
    errors = rng.normal(0.0, (0.05, 0.06, 0.06), (3, 3))[camera - 1]
    return Camera(CAMERA_TURNS[camera] + errors[0], height + errors[1], distance + errors[2])


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
