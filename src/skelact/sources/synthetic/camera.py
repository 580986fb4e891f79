"""Where the cameras of a setup stand, and what they see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skelact.sources.synthetic.kinematics import Array

_SETUP_STREAM = 3
"""Keeps the draws of setups apart from those of performers and recordings."""

CAMERA_TURNS = {1: 0.0, 2: -np.pi / 4, 3: np.pi / 4}
"""Angle (rad) at which each camera looks at the scene. Camera 1 stands in the middle."""
REPLICATION_TURNS = {1: CAMERA_TURNS[2], 2: CAMERA_TURNS[3]}
"""Angle of the camera that people face: first the one side camera, then the other, as in NTU RGB+D (Shahroudy
et al. 2016). Camera 1 thus sees everybody at 45 degrees, the others from the front or the side."""

_AIM_HEIGHT = 0.95
"""Height of the point at which cameras look, metres."""


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
