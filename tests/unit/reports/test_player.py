"""What the player's page is given: positions as they are, gaps, the floor, where to look from."""

import base64
import math

import numpy as np
import pytest

from skelact.density.positions import density_change, joint_density, prime_joints
from skelact.errors import DataError
from skelact.reports import player
from skelact.reports.player import ABSENT, MISSING, Played, player_data, player_page
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17, NTU_25

HIPS = [NTU_25.index("HipLeft"), NTU_25.index("HipRight")]
HEIGHTS = {"Head": 0.8, "Neck": 0.6, "Shoulder": 0.5, "Elbow": 0.3, "Knee": -0.4, "Ankle": -0.8, "Foot": -0.9}


def unpacked(text, kind, *shape):
    return np.frombuffer(base64.b64decode(text), kind).reshape(shape)


def positions_of(data):
    """Return (M, T, V, C) positions as the page reads them, NaN where nothing was seen."""
    table, shape = (
        data["positions"],
        (data["bodies"], data["frames"], len(data["joints"]), data["coordinates"]),
    )
    numbers = unpacked(table["data"], "<i2", *shape).astype(float)
    numbers[numbers == MISSING] = np.nan
    return np.array(table["origin"]) + numbers * table["step"]


def standing(num_frames=20, facing=-1.0, seed=0):
    """Return a person 1.7 m tall, feet at height -0.9, who faces along z with this sign."""
    random = np.random.default_rng(seed)
    pose = np.zeros((25, 3))
    for joint, name in enumerate(NTU_25.joints):
        pose[joint, 1] = next((height for part, height in HEIGHTS.items() if name.startswith(part)), 0)
    pose[HIPS, 0] = [0.1 * facing, -0.1 * facing]  # left, right
    path = pose + np.cumsum(random.normal(0, 0.003, (num_frames, 25, 3)), 0)
    return path.astype(np.float32)


def sequence(positions, present=None, joint_present=None, topology=NTU_25, fps=30.0):
    present = np.ones(positions.shape[:2], bool) if present is None else present
    return SkeletonSequence("one", positions, present, topology, joint_present, fps)


def test_positions_are_as_exact_as_the_page_says(small_store):
    for index in range(len(small_store)):
        one = small_store.sequence(index)
        data = player_data(Played(one, unit="m"))
        found = positions_of(data)
        assert (np.isnan(found).all((2, 3)) == ~one.present).all()
        step = data["positions"]["step"]
        assert np.abs(found - one.positions)[one.present].max() <= step / 2 * 1.001
        assert step < np.ptp(one.positions[one.present], (0, 1)).max() / 60_000
        assert f"{step / 2:.2g} m" in data["precision"]


def test_missing_joints_are_marked_and_have_no_number():
    joints, seen = standing()[None], np.ones((1, 20, 25), bool)
    seen[0, 5:8, 3] = False
    joints[~seen] = 0
    data = player_data(Played(sequence(joints, joint_present=seen)))
    assert (np.isnan(positions_of(data)[..., 0]) == ~seen).all()
    layer = data["layers"][0]
    numbers = unpacked(layer["data"], "<u2", 1, 20, 25)
    assert (numbers[0, 5:8, 3] == ABSENT).all()


def test_the_map_is_the_density_change_over_an_eighth_of_a_second_and_marks_its_prime_joints():
    joints = standing()[None]
    data = player_data(Played(sequence(joints, fps=16.0)))
    expected = density_change(joint_density(joints.astype(float)), step=2)
    layer = data["layers"][0]
    found = unpacked(layer["data"], "<u2", 1, 20, 25) / 65534 * layer["largest"]
    np.testing.assert_allclose(found, expected, atol=layer["largest"] / 65534)
    bits = np.unpackbits(unpacked(data["prime"], "u1", -1), bitorder="little")[: expected.size]
    assert (bits.reshape(expected.shape) == prime_joints(joints, step=2)).all()


@pytest.mark.parametrize("up", ["y", "-y", "z", "-z", "x", "-x"])
def test_whichever_axis_is_up_people_stand_and_left_stays_left(up):
    """The axes of the screen are a rotation, so a left hand is not drawn as a right one."""
    data = player_data(Played(sequence(standing()[None]), up=up))
    matrix = np.zeros((3, 3))
    for row, (axis, sign) in enumerate(data["axes"]):
        matrix[row, axis] = sign
    assert round(np.linalg.det(matrix)) == 1
    upwards = np.zeros(3)
    upwards["xyz".index(up[-1])] = -1 if up[0] == "-" else 1
    assert (matrix @ upwards == [0, 1, 0]).all()


def test_up_is_found_where_nobody_tells_it():
    lying = standing()[None][..., [0, 2, 1]] * np.array([1, -1, 1], np.float32)  # z up
    assert player_data(Played(sequence(lying)))["axes"][1] == [2, 1]
    flat = player_data(Played(sequence(np.ones((1, 4, 17, 2), np.float32), topology=COCO_17)))
    assert flat["axes"][1] == [1, -1], "pictures have y downwards"
    assert flat["floor"] is None


@pytest.mark.parametrize(("facing", "front"), [(-1.0, math.pi), (1.0, 0.0)])
def test_one_person_is_seen_from_the_front_with_the_floor_at_the_feet(facing, front):
    data = player_data(Played(sequence(standing(facing=facing)[None]), up="y"))
    assert abs(math.remainder(data["front"] - front, math.tau)) < 0.3
    assert abs(data["floor"] + 0.9) < 0.05


def test_two_people_are_seen_across_the_line_between_them():
    two = np.stack([standing(), standing(seed=1) + np.array([1.5, 0, 0], np.float32)])
    front = player_data(Played(sequence(two), up="y"))["front"]
    assert abs(math.cos(front)) > 0.9, "they stand side by side along x"


def test_the_map_begins_with_who_moves():
    still, moving = np.repeat(standing(1), 20, 0), standing()
    assert player_data(Played(sequence(np.stack([still, moving])), up="y"))["person"] == 1
    late = np.ones((2, 20), bool)
    late[0, :19] = False
    assert player_data(Played(sequence(np.stack([still, still]), present=late), up="y"))["person"] == 1


def test_a_recording_in_which_nobody_is_seen_says_so():
    empty = sequence(np.zeros((1, 5, 25, 3), np.float32), present=np.zeros((1, 5), bool))
    data = player_data(Played(empty))
    assert data["empty"] is True
    assert "Nobody is seen" in data["emptyText"]
    assert "Nobody is seen" in player_page(Played(empty))


def test_too_much_for_a_page_is_refused_with_the_stretch_that_fits(monkeypatch):
    monkeypatch.setattr(player, "MOST_PLACES", 250)
    with pytest.raises(DataError, match=r"view a stretch of it: --frames 0:10$"):
        player_data(Played(sequence(standing()[None])))
    with pytest.raises(DataError, match="has no frame"):
        player_data(Played(sequence(np.zeros((1, 0, 25, 3), np.float32))))


def test_three_hundred_frames_of_two_people_are_small_and_all_alike_is_no_fault():
    many = np.stack([standing(300), standing(300, seed=1)])
    assert len(player_page(Played(sequence(many)))) < 1_000_000
    still = sequence(np.ones((1, 6, 25, 3), np.float32))
    data = player_data(Played(still))
    assert data["size"] > 0
    assert not any(unpacked(data["prime"], "u1", -1)), "nothing is prime where nothing moves"
