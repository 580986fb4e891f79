"""What is odd about a recording: every made-up fault is found where it is, and what people do is none."""

import numpy as np
import pytest

from skelact.skeleton.oddities import BONE_FRAMES, FROZEN_FRAMES, find_oddities
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20

JOINTS = KINECT_20.joints
HAND, FOOT = KINECT_20.index("HandRight"), KINECT_20.index("FootLeft")
HEIGHTS = {"Head": 0.8, "ShoulderCenter": 0.6, "Shoulder": 0.5, "Elbow": 0.3, "Wrist": 0.1, "Knee": -0.4}
HEIGHTS |= {"Hand": 0.0, "Ankle": -0.8, "Foot": -0.9}


def a_walk(num_frames=40, seed=0):
    """Return (1, T, 20, 3) of somebody who walks along x and swings the arms, in metres."""
    pose = np.zeros((20, 3))
    for joint, name in enumerate(JOINTS):
        pose[joint, 1] = next((height for part, height in HEIGHTS.items() if name.startswith(part)), 0)
        pose[joint, 2] = {"Left": -0.2, "ight": 0.2}.get(name[-4:], 0)
    path = np.repeat(pose[None], num_frames, 0)
    path += np.random.default_rng(seed).normal(0, 0.004, path.shape)
    time = np.arange(num_frames)
    path[:, :, 0] += 0.05 * time[:, None]
    path[:, HAND, 0] += 0.25 * np.sin(time / 3)
    return path[None].astype(np.float32)


def odd(positions, seen=None, topology=KINECT_20):
    seen = np.ones(positions.shape[:3], bool) if seen is None else seen
    one = SkeletonSequence("one", np.where(seen[..., None], positions, 0), seen.any(2), topology, seen, 30.0)
    return {each.kind: each for each in find_oddities(one)}


def test_what_people_do_is_not_odd():
    assert odd(a_walk()) == {}
    assert odd(a_walk() * 1000) == {}, "in millimetres"
    fast = a_walk()
    fast[0, 20:, HAND, 1] += 0.4  # an arm that goes up within a frame stays there
    assert odd(fast) == {}


def test_a_joint_that_jumps_is_told_with_its_frame():
    path = a_walk()
    path[0, 17, FOOT] += (0.3, 0.6, 0.2)
    found = odd(path)
    assert set(found) == {"jump"}
    assert (found["jump"].frame, found["jump"].text) == (17, "FootLeft in frame 18")


def test_frozen_frames_are_told_and_a_short_halt_is_not():
    path = a_walk(60)
    path[0, 20:40] = path[0, 20]
    assert odd(path)["frozen"].text == "20 frames from frame 21"
    short = a_walk(60)
    short[0, 20 : 20 + FROZEN_FRAMES - 1] = short[0, 20]
    assert odd(short) == {}


def test_sides_that_swap_are_told_and_a_turn_is_not():
    path = a_walk()
    swapped = path.copy()
    for left, right in KINECT_20.pairs:
        swapped[0, 25:, left], swapped[0, 25:, right] = path[0, 25:, right], path[0, 25:, left]
    found = odd(swapped)
    assert found["swapped"].text == "between frames 25 and 26"
    angle = np.linspace(0, np.pi, path.shape[1])
    turned = path - path[:, :, :1]
    x, z = turned[..., 0].copy(), turned[..., 2].copy()
    turned[..., 0] = np.cos(angle)[:, None] * x + np.sin(angle)[:, None] * z
    turned[..., 2] = np.cos(angle)[:, None] * z - np.sin(angle)[:, None] * x
    assert "swapped" not in odd(turned)


def test_bones_that_stretch_are_told():
    path = a_walk()
    path[0, :, FOOT, 1] -= np.abs(np.sin(np.arange(40) / 5)).astype(np.float32)
    assert odd(path)["bones"].text == "AnkleLeft to FootLeft"
    assert "bones" not in odd(path[:, : BONE_FRAMES - 1])
    assert "bones" not in odd(path[..., :2]), "in the plane bones look shorter as people turn"


def test_missing_joints_and_absent_people_are_not_odd():
    path, seen = np.repeat(a_walk(), 2, 0), np.ones((2, 40, 20), bool)
    seen[0, 5:30, HAND] = False
    seen[1, :39] = False
    assert odd(path, seen) == {}
    assert odd(path, np.zeros_like(seen)) == {}


def test_of_several_people_it_says_whose():
    path = np.concatenate([a_walk(), a_walk(seed=1) + np.array([0, 0, 1], np.float32)])
    path[1, 9, HAND] += 1
    assert odd(path)["jump"].text == "HandRight of person 2 in frame 10"


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_few_frames_are_enough(num_frames):
    assert odd(a_walk(num_frames)) == {}
