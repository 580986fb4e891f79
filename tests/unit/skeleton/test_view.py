"""Whose axes a body's positions have: the rotations of a view, and which way is up."""

import numpy as np
import pytest

from skelact.errors import ConfigurationError
from skelact.skeleton.tables import COCO_17, KINECT_20, MEDIAPIPE_33, NTU_25, OPENPOSE_25
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import body_axes, find_up, frame_sizes, up_vector, view_rotations

HIPS = ("HipLeft", "HipRight")
SHOULDERS = ("ShoulderLeft", "ShoulderRight")


def random_rotations(num: int, seed: int = 0) -> np.ndarray:
    """Return (N, 3, 3) rotations."""
    turns, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(num, 3, 3)))
    turns[:, 0] *= np.linalg.det(turns)[:, None]
    return turns


def standing(num: int, topology: Topology = KINECT_20, lean: float = 0.0) -> np.ndarray:
    """Return (N, V, 3) people who face the camera; their trunks lean to the camera by so many metres."""
    positions = np.random.default_rng(1).normal(scale=0.3, size=(num, topology.num_joints, 3))
    places = {"HipLeft": (-0.1, 0, 0), "HipRight": (0.1, 0, 0)}
    places |= {"ShoulderLeft": (-0.2, 0.5, -lean), "ShoulderRight": (0.2, 0.5, -lean)}
    if "AnkleLeft" in topology.joints:
        places |= {"AnkleLeft": (-0.1, -0.9, 0), "AnkleRight": (0.1, -0.9, 0)}
    for joint, place in places.items():
        positions[:, topology.index(joint)] = place
    return positions


def everything(positions: np.ndarray) -> np.ndarray:
    return np.ones(positions.shape[:2], np.bool_)


def turned(turns: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nvj->nvi", turns, positions)


@pytest.mark.parametrize("view", ["upright", "body"])
def test_a_person_who_faces_a_kinect_is_not_turned(view: str) -> None:
    turns, usable = view_rotations(standing(1), np.ones((1, 20), np.bool_), KINECT_20, view, "y")
    np.testing.assert_allclose(turns[0], np.eye(3), atol=1e-12)
    assert usable.all()


@pytest.mark.parametrize("lean", [0.0, 0.3])
def test_in_the_bodys_axes_no_turn_of_the_camera_matters(lean: float) -> None:
    people = standing(50, lean=lean)
    seen_from_anywhere = turned(random_rotations(50), people)
    turns, usable = view_rotations(seen_from_anywhere, everything(people), KINECT_20, "body", "y")
    assert usable.all()
    np.testing.assert_allclose(turns @ turns.mT, np.broadcast_to(np.eye(3), turns.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    found = turned(turns, seen_from_anywhere)
    at_home, _ = view_rotations(people, everything(people), KINECT_20, "body", "y")
    np.testing.assert_allclose(found, turned(at_home, people), atol=1e-12)
    across = found[:, KINECT_20.index("HipRight")] - found[:, KINECT_20.index("HipLeft")]
    np.testing.assert_allclose(across, [[0.2, 0, 0]] * 50, atol=1e-12)
    high, low = (found[:, [KINECT_20.index(joint) for joint in pair]].mean(1) for pair in (SHOULDERS, HIPS))
    np.testing.assert_allclose(high - low, [[0, np.hypot(0.5, lean), 0]] * 50, atol=1e-12)


@pytest.mark.parametrize("up", ["y", "z", "-y", "x", "-x", "-z"])
def test_upright_leaves_the_lean_and_undoes_turns_about_the_vertical(up: str) -> None:
    people = standing(30, lean=0.3)
    angles = np.random.default_rng(2).uniform(-np.pi, np.pi, 30)
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros(30)
    about_y = np.stack([cos, zero, sin, zero, zero + 1, zero, -sin, zero, cos], 1).reshape(-1, 3, 3)
    as_recorded = random_rotations(1, seed=3)[0]
    bring_up = np.stack([as_recorded[0], up_vector(up), np.cross(as_recorded[0], up_vector(up))])
    bring_up[0] -= (bring_up[0] @ bring_up[1]) * bring_up[1]
    bring_up /= np.linalg.norm(bring_up, axis=1, keepdims=True)
    recorded = turned(np.broadcast_to(bring_up.T, (30, 3, 3)) @ about_y, people)
    turns, usable = view_rotations(recorded, everything(recorded), KINECT_20, "upright", up)
    assert usable.all()
    np.testing.assert_allclose(turned(turns, recorded), people, atol=1e-12)


def test_in_the_plane_the_trunk_comes_to_lie_along_y() -> None:
    people = standing(20)[:, :, :2]
    angles = np.random.default_rng(4).uniform(-np.pi, np.pi, 20)
    rolled = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], 1).reshape(-1, 2, 2)
    seen = everything(people)
    turns, usable = view_rotations(turned(rolled, people), seen, KINECT_20, "body", "y")
    assert usable.all()
    assert turns.shape == (20, 2, 2)
    np.testing.assert_allclose(turned(turns, turned(rolled, people)), people, atol=1e-12)
    with pytest.raises(ConfigurationError, match=r"no vertical .*--clips.view upright"):
        view_rotations(people, seen, KINECT_20, "upright", "y")


def test_a_body_that_does_not_tell_is_not_used() -> None:
    people, seen = standing(6), np.ones((6, 20), np.bool_)
    hip, other, shoulder = (KINECT_20.index(name) for name in (*HIPS, "ShoulderLeft"))
    seen[1, hip] = False  # a hip that was not seen
    people[2, hip] = people[2, other]  # hips in one place
    people[3, [hip, other]] = [[0, 0.1, 0], [0, -0.1, 0]]  # hips above each other: as upright is not known
    seen[4, shoulder] = False
    people[5, [KINECT_20.index(name) for name in SHOULDERS]] = [[0.4, 0, 0], [0.6, 0, 0]]  # trunk along hips
    _, upright = view_rotations(people, seen, KINECT_20, "upright", "y")
    _, body = view_rotations(people, seen, KINECT_20, "body", "y")
    assert upright.tolist() == [True, False, False, False, True, True]
    assert body.tolist() == [True, False, False, False, False, False]


def test_what_tells_left_and_right_of_skeletons_without_hips() -> None:
    arms = Topology("arms", ("Neck", "LShoulder", "RShoulder", "LWrist", "RWrist"), (0, 0, 0, 1, 2))
    assert (body_axes(arms).left, body_axes(arms).right, body_axes(arms).low) == ((1,), (2,), ())
    fish = Topology("fish", ("body", "a", "b", "c", "d"), (0, 0, 0, 0, 0), ((1, 2), (3, 4)))
    assert (body_axes(fish).left, body_axes(fish).right) == ((1, 3), (2, 4))
    positions, seen = np.zeros((1, 5, 3)), np.ones((1, 5), np.bool_)
    positions[0, 1:, 2] = [-0.1, 0.1, -0.3, 0.3]  # from left to right along z
    turns, usable = view_rotations(positions, seen, fish, "upright", "y")
    assert usable.all()
    np.testing.assert_allclose(turns[0] @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    with pytest.raises(ConfigurationError, match="no hips or no shoulders"):
        view_rotations(positions, seen, fish, "body", "y")
    snake = Topology("snake", ("a", "b"), (0, 0))
    with pytest.raises(ConfigurationError, match=r"snake has no left and right joints.*--clips.view camera"):
        view_rotations(positions[:, :2], seen[:, :2], snake, "upright", "y")


@pytest.mark.parametrize("topology", [NTU_25, KINECT_20, COCO_17, OPENPOSE_25, MEDIAPIPE_33])
def test_known_skeletons_have_hips_and_shoulders(topology: Topology) -> None:
    axes = body_axes(topology)
    assert [topology.joints[place] for place in (*axes.left, *axes.right)] == list(HIPS)
    assert [topology.joints[place] for place in axes.high] == list(SHOULDERS)
    assert [topology.joints[place] for place in axes.low] == list(HIPS)


def test_up_is_where_shoulders_are_above_hips() -> None:
    people = standing(40, lean=0.2)
    seen = everything(people)
    assert find_up(people, seen, KINECT_20) == "y"
    assert find_up(people * [1, -1, 1], seen, KINECT_20) == "-y"
    assert find_up(people[..., [0, 2, 1]], seen, KINECT_20) == "z"
    assert find_up(people[..., :2] * [1, -1], seen, KINECT_20) == "-y"
    lying = np.concatenate([people, people * [1, -1, 1]])
    assert find_up(lying, everything(lying), KINECT_20) is None
    assert find_up(people, np.zeros_like(seen), KINECT_20) is None
    sitting = people + 0.0
    sitting[:, [KINECT_20.index("KneeLeft"), KINECT_20.index("KneeRight")]] = [0, 0.05, -0.5]
    assert find_up(sitting, seen, KINECT_20) == "y"
    handstand = people.copy()
    handstand[:, [KINECT_20.index("AnkleLeft"), KINECT_20.index("AnkleRight")], 1] *= -1
    assert find_up(handstand, seen, KINECT_20) is None


def test_the_size_of_a_body_is_how_far_its_joints_spread() -> None:
    positions = np.array(
        [[[0, 0], [2, 0], [9, 9]], [[0, 3], [0, -3], [0, 0]], [[1, 1], [7, 7], [8, 8]]], float
    )
    seen = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0]], np.bool_)
    np.testing.assert_allclose(frame_sizes(positions, seen), [1, np.sqrt(6), np.nan])


def test_no_axis_is_up_where_bodies_stand_along_none() -> None:
    points = np.random.default_rng(0).normal(size=(200, 20, 3))
    assert find_up(points, everything(points), KINECT_20) is None
    for first in range(0, 200, 4):  # of few, too
        assert find_up(points[first : first + 4], everything(points[:4]), KINECT_20) is None
    people = standing(40, lean=0.2)
    half = np.concatenate([people, people[..., [1, 0, 2]]])  # the others lie on their sides
    assert find_up(half, everything(half), KINECT_20) is None
    most = np.concatenate([people, people, people[..., [1, 0, 2]]])
    assert find_up(most, everything(most), KINECT_20) == "y"
