from dataclasses import replace

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.skeleton.projection import FOCAL_LENGTH, LASTING, PICTURE, STRETCHES, project, with_errors
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.view import ADULT, body_size

MIDDLE = np.array(PICTURE) / 2


class Draws:
    """Gives what is told instead of what is drawn: around, down, far, roll."""

    def __init__(self, around=0.5, down=0.25, far=0.0, roll=0.5):
        self.numbers = np.array([around, down, far, roll])  # by default straight before the body, level

    def random(self, number):
        assert number == len(self.numbers)
        return self.numbers


def person(frames=3, at=(0.0, 0.0, 0.0)):
    """Somebody who faces -z, with the left at -x, as before a Kinect."""
    places = np.zeros((25, 3))
    heights = {
        "Head": 1.7,
        "SpineShoulder": 1.45,
        "SpineBase": 1.0,
        "Knee": 0.5,
        "Ankle": 0.1,
        "Shoulder": 1.4,
    }
    for number, joint in enumerate(NTU_25.joints):
        side = -1 if joint.endswith("Left") else 1 if joint.endswith("Right") else 0
        height = next((value for name, value in heights.items() if joint.startswith(name)), 1.0)
        places[number] = 0.2 * side, height, 0.01 * (len(joint.removesuffix("Left").removesuffix("Right")))
    positions = np.repeat((places + at)[None, None], frames, 1).astype(np.float32)
    return SkeletonSequence("one", positions, np.ones((1, frames), np.bool_), NTU_25)


def pixels(sequence, joint):
    return sequence.positions[0, 0, NTU_25.index(joint)]


def test_a_person_before_the_camera_is_upright_and_not_mirrored():
    shown = project(person(), "y", 90, Draws())
    assert shown.positions.shape == (1, 3, 25, 2)
    assert pixels(shown, "HandLeft")[0] > MIDDLE[0] > pixels(shown, "HandRight")[0]
    assert pixels(shown, "Head")[1] < MIDDLE[1] < pixels(shown, "AnkleLeft")[1]
    assert shown.joint_present is None
    assert shown.present.all()


def test_what_is_twice_as_far_is_half_as_large():
    sequence = person()
    near, far = (project(sequence, "y", 0, Draws(far=far)) for far in (0.0, 2 / 3))  # 2 m and 4 m
    head = NTU_25.index("Head")
    depth = sequence.positions[0, 0, head, 2] - sequence.positions[0].mean((0, 1))[2]
    scale = ADULT / body_size(sequence.positions[0], np.ones((3, 25), np.bool_))
    up = sequence.positions[0, 0, head, 1] - sequence.positions[0].mean((0, 1))[1]
    for shown, distance in ((near, 2.0), (far, 4.0)):
        expected = MIDDLE[1] - FOCAL_LENGTH * up * scale / (distance + depth * scale)
        assert pixels(shown, "Head")[1] == pytest.approx(expected, abs=0.01)


def test_a_camera_aside_sees_the_person_from_aside():
    left, front, right = (project(person(), "y", 90, Draws(around=each)) for each in (0.0, 0.5, 1.0))

    def width(shown):
        return float(np.ptp(shown.positions[0, 0, :, 0]))

    assert width(left) < 0.8 * width(front)
    assert width(right) < 0.8 * width(front)
    # from straight behind left and right are exchanged
    behind = project(person(), "y", 180, Draws(around=1.0))
    assert pixels(behind, "HandLeft")[0] < MIDDLE[0] < pixels(behind, "HandRight")[0]


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_place_facing_unit_and_axes_of_the_recording_do_not_matter(scale):
    sequence = person()
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # a quarter about the vertical
    moved = scale * (sequence.positions @ turn.T + np.array([3.0, -1.0, 7.0]))
    to_z = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # y up becomes z up
    draws = Draws(0.7, 0.9, 0.4, 0.1)
    expected = project(sequence, "y", 60, draws).positions
    for positions, up in ((moved, "y"), (moved @ to_z.T, "z")):
        other = replace(sequence, positions=positions.astype(np.float32))
        np.testing.assert_allclose(project(other, up, 60, draws).positions, expected, atol=0.05)


def test_what_is_behind_the_camera_or_was_not_seen_is_missing():
    first, second = person(), person(at=(0.0, 0.0, -9.0))
    positions = np.concatenate([first.positions, second.positions])
    seen = np.ones(positions.shape[:3], np.bool_)
    seen[0, 1, NTU_25.index("Head")] = False
    positions[~seen] = 0
    pair = replace(first, positions=positions, present=np.ones((2, 3), np.bool_), joint_present=seen)
    shown = project(pair, "y", 0, Draws())  # 2 m from the middle of both, which is 4.5 m before the first
    assert shown.present[0].all()
    assert not shown.present[1].any()
    assert not shown.positions[1].any()
    assert not shown.joint_present[0, 1, NTU_25.index("Head")]
    assert shown.joint_present[0].sum() == 3 * 25 - 1


def test_a_sequence_that_tells_no_front_is_refused():
    sequence = person()
    nobody = replace(sequence, present=np.zeros((1, 3), np.bool_), positions=0 * sequence.positions)
    with pytest.raises(DataError, match="one: not one joint is seen"):
        project(nobody, "y", 90, Draws())
    seen = np.zeros((1, 3, 25), np.bool_)
    seen[..., NTU_25.index("Head")] = True
    head = replace(sequence, joint_present=seen)
    with pytest.raises(DataError, match="one: no frame shows which way its first body faces"):
        project(head, "y", 90, Draws())


def test_errors_of_key_points_are_as_large_and_last_as_long_as_they_say():
    shown = project(person(frames=2000), "y", 90, Draws())
    deviation, share = np.random.default_rng(5).random(2) * (0.2, 0.5)
    wrong = with_errors(shown, 0.2, 0.5, np.random.default_rng(5))
    size = float(body_size(shown.positions[0], np.ones((2000, 25), np.bool_)))
    assert wrong.joint_present is not None
    found = wrong.joint_present[0]
    errors = (wrong.positions - shown.positions)[0, :, NTU_25.index("HipLeft")] / size
    assert errors.std() == pytest.approx(deviation, rel=0.1)
    assert np.corrcoef(errors[1:, 0], errors[:-1, 0])[0, 1] == pytest.approx(LASTING, abs=0.08)
    hand = found[:, NTU_25.index("HandLeft")]
    assert 1 - hand.mean() == pytest.approx(share, abs=0.1)
    assert not wrong.positions[0][~found].any()
    starts = np.flatnonzero(np.diff(hand.astype(int)))
    assert np.diff(starts).min() >= STRETCHES[0]
    always = ("HipLeft", "HipRight", "ShoulderLeft", "ShoulderRight", "SpineMid")
    assert found[:, [NTU_25.index(joint) for joint in always]].all()


def test_what_is_missing_already_stays_missing_and_no_errors_are_none():
    shown = project(person(frames=50), "y", 90, Draws())
    np.testing.assert_array_equal(
        with_errors(shown, 0.0, 0.0, np.random.default_rng(1)).positions, shown.positions
    )
    present = shown.present.copy()
    present[0, :10] = False
    gone = replace(shown, positions=np.where(present[..., None, None], shown.positions, 0), present=present)
    wrong = with_errors(gone, 0.1, 0.2, np.random.default_rng(1))
    np.testing.assert_array_equal(wrong.present, present)
    assert not wrong.positions[0, :10].any()


@pytest.mark.parametrize(("down", "sign"), [(0.0, -1), (1.0, 1)])
def test_the_camera_looks_from_ten_degrees_up_to_thirty_down(down, sign):
    """Seen from above shoulders are nearer than ankles, and so wider; seen from below ankles are."""
    shown = project(person(), "y", 90, Draws(down=down))
    shoulders, ankles = (
        abs(pixels(shown, f"{joint}Left")[0] - pixels(shown, f"{joint}Right")[0])
        for joint in ("Shoulder", "Ankle")
    )
    assert np.sign(shoulders - ankles) == sign
