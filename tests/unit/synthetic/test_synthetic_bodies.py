"""The acted truth: bodies that stay whole, move like people, and touch what they should."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from skelact.skeleton.tables import NTU_25
from skelact.synthetic import ACTION_NAMES, recording_name, simulate
from skelact.synthetic.actions import BY_NUMBER, act_out
from skelact.synthetic.kinematics import bow, lean, reach, turn
from skelact.synthetic.performer import draw_performer

Array = npt.NDArray[np.float64]
ACTIONS = list(ACTION_NAMES)
TAKES = 4


def joint(name: str) -> int:
    return NTU_25.index(name)


HANDS = [joint("HandLeft"), joint("HandRight")]
KNEES_TO_FEET = [joint(f"{part}{side}") for part in ("Ankle", "Foot") for side in ("Left", "Right")]


@pytest.fixture(scope="module")
def takes() -> dict[int, list[Array]]:
    """For each action some takes by different people, (M, T, 25, 3) in the world's axes."""
    made = {}
    for action in ACTIONS:
        people = [(draw_performer(9, number), draw_performer(9, number + 10)) for number in range(TAKES)]
        rng = np.random.default_rng(action)
        num = BY_NUMBER[action].num_people
        made[action] = [act_out(BY_NUMBER[action], pair[:num], rng) for pair in people]
    return made


def closest(first: Array, second: Array) -> float:
    """Least distance over time of points (T, ..., 3), the nearest of the dots counting."""
    return float(np.linalg.norm(first - second, axis=-1).min())


def test_there_are_actions_of_one_and_of_two() -> None:
    assert len(ACTIONS) >= 20
    assert sum(BY_NUMBER[action].num_people == 2 for action in ACTIONS) >= 4
    assert all(1 <= action <= 60 for action in ACTIONS)


def test_bones_keep_their_lengths(takes: dict[int, list[Array]]) -> None:
    parents = list(NTU_25.parents)
    for side in ("Left", "Right"):  # the hand tip hangs from the hand; in the bone stream, from the thumb
        parents[joint(f"HandTip{side}")] = joint(f"Hand{side}")
    for action, bodies in takes.items():
        for body in bodies:
            lengths = np.linalg.norm(body - body[:, :, parents], axis=-1)
            assert np.ptp(lengths, axis=1).max() < 1e-9, ACTION_NAMES[action]


def test_left_and_right_bones_are_alike(takes: dict[int, list[Array]]) -> None:
    body = takes[1][0][0, 0]
    for upper, lower in (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Hip", "Knee"), ("Knee", "Ankle")):
        left, right = (
            np.linalg.norm(body[joint(upper + side)] - body[joint(lower + side)])
            for side in ("Left", "Right")
        )
        assert left == pytest.approx(right)


def test_people_move_at_human_speed_and_the_action_moves_them(takes: dict[int, list[Array]]) -> None:
    for action, bodies in takes.items():
        for body in bodies:
            assert 30 <= body.shape[1] <= 150
            speeds = np.linalg.norm(np.diff(body, axis=1), axis=-1) * 30.0
            assert speeds.max() < 9.0, ACTION_NAMES[action]
            assert speeds[0].max() > 0.7, ACTION_NAMES[action]


def test_nobody_sinks_into_the_floor_or_floats(takes: dict[int, list[Array]]) -> None:
    for action, bodies in takes.items():
        for body in bodies:
            assert body[..., 1].min() > -0.06, ACTION_NAMES[action]
            lowest = body[:, :, KNEES_TO_FEET, 1].min(2)
            assert lowest.max() < (0.25 if action == 26 else 0.09), ACTION_NAMES[action]


@pytest.mark.parametrize(
    ("action", "place", "metres"),
    [
        (1, "Head", 0.20),
        (28, "Head", 0.17),
        (38, "Head", 0.21),
        (44, "Head", 0.16),
        (45, "SpineMid", 0.24),
        (46, "SpineBase", 0.21),
        (47, "Neck", 0.14),
    ],
)
def test_a_hand_comes_to_the_place(
    takes: dict[int, list[Array]], action: int, place: str, metres: float
) -> None:
    for body in takes[action]:
        hands = body[0][:, HANDS]
        distances = np.linalg.norm(hands - body[0][:, [joint(place)]], axis=-1)
        assert distances.min() < metres
        assert distances[0].min() > metres  # and was not there before


def test_neck_and_head_differ_in_what_is_near(takes: dict[int, list[Array]]) -> None:
    for head, neck in zip(takes[44], takes[47], strict=True):
        near_neck = [closest(body[0][:, HANDS], body[0][:, [joint("Neck")]]) for body in (head, neck)]
        assert near_neck[0] > near_neck[1] + 0.05


def hands_apart(body: Array) -> Array:
    return np.asarray(np.linalg.norm(body[0][:, HANDS[0]] - body[0][:, HANDS[1]], axis=-1))


def test_clapping_rubbing_and_palms_touch_but_reading_does_not(takes: dict[int, list[Array]]) -> None:
    for action in (10, 34, 39):
        assert all(hands_apart(body).min() < 0.08 for body in takes[action])
    assert all(hands_apart(body).min() > 0.12 for body in takes[11])


def test_clapping_hands_meet_again_and_again(takes: dict[int, list[Array]]) -> None:
    for body in takes[10]:
        near = hands_apart(body) < 0.11
        assert (np.diff(near.astype(int)) == 1).sum() >= 2
    for body in takes[39]:
        near = hands_apart(body) < 0.11
        assert (np.diff(near.astype(int)) == 1).sum() == 1


def test_crossed_hands_end_on_the_other_side(takes: dict[int, list[Array]]) -> None:
    right_of = [joint("ShoulderLeft"), joint("ShoulderRight")]
    for body in takes[40]:
        across = body[0][:, right_of[1]] - body[0][:, right_of[0]]
        between = ((body[0][:, HANDS[1]] - body[0][:, HANDS[0]]) * across).sum(1)
        assert between[0] > 0 > between.min()


def between_people(first: str, second: str) -> Callable[[Array], float]:
    return lambda body: min(
        closest(body[0][:, joint(first + side)], body[1][:, joint(second)]) for side in ("Left", "Right")
    )


@pytest.mark.parametrize(
    ("action", "first", "second", "metres"),
    [
        (51, "Foot", "SpineBase", 0.50),
        (53, "Hand", "SpineShoulder", 0.22),
        (55, "Hand", "SpineMid", 0.20),
    ],
)
def test_the_other_person_is_touched(
    takes: dict[int, list[Array]], action: int, first: str, second: str, metres: float
) -> None:
    assert all(between_people(first, second)(body) < metres for body in takes[action])


def test_a_punch_lands_on_head_or_chest_and_a_pointing_finger_does_not(
    takes: dict[int, list[Array]],
) -> None:
    for body in takes[50]:
        assert min(between_people("Hand", place)(body) for place in ("Head", "SpineShoulder")) < 0.22
    for body in takes[54]:
        assert min(between_people("Hand", place)(body) for place in ("Head", "SpineShoulder")) > 0.22


def test_shaken_hands_meet(takes: dict[int, list[Array]]) -> None:
    for body in takes[58]:
        distance = np.linalg.norm(body[0][:, HANDS[1]] - body[1][:, HANDS[1]], axis=-1)
        assert distance.min() < 0.08
        assert (distance < 0.08).sum() > 8


def test_walking_changes_the_distance(takes: dict[int, list[Array]]) -> None:
    for action, sign in ((59, -1), (60, 1)):
        for body in takes[action]:
            base = body[:, :, joint("SpineBase")]
            gap = np.linalg.norm(base[0] - base[1], axis=-1)
            assert sign * (gap[-1] - gap[0]) > 0.6
            assert gap.min() > 0.3


def test_sitting_down_lowers_and_standing_up_raises(takes: dict[int, list[Array]]) -> None:
    for action, sign in ((8, -1), (9, 1)):
        for body in takes[action]:
            height = body[0, :, joint("SpineBase"), 1]
            assert sign * (height[-1] - height[0]) > 0.25


def test_people_differ_and_stay_themselves() -> None:
    people = [draw_performer(0, number) for number in range(1, 41)]
    heights = np.array([person.height for person in people])
    assert heights.min() >= 1.5
    assert heights.max() <= 1.95
    assert np.ptp(heights) > 0.2
    assert 1 <= sum(person.habits.left_handed for person in people) <= 12
    assert draw_performer(0, 7) == people[6]
    assert draw_performer(1, 7) != people[6]


def test_a_performer_has_the_same_bones_in_every_recording() -> None:
    def upper_arm(index: int) -> float:
        joints = simulate(recording_name(index, ACTIONS), 0).positions[0, 0]
        return float(np.linalg.norm(joints[joint("ElbowLeft")] - joints[joint("ShoulderLeft")]))

    names = [recording_name(index, ACTIONS) for index in range(300)]
    own = [index for index, name in enumerate(names) if name.performer == 4][:3]
    lengths = [upper_arm(index) for index in own]
    assert len(own) == 3
    np.testing.assert_allclose(lengths, lengths[0])


def test_rotations_turn_the_way_they_say() -> None:
    angle = np.array([0.3])
    ahead, up = np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0])
    assert (turn(angle)[0] @ ahead)[0] < 0  # to the left
    assert (bow(angle)[0] @ up)[2] < 0  # forward
    assert (lean(angle)[0] @ up)[0] > 0  # to the right
    for rotation in (turn, bow, lean):
        matrix = rotation(angle)[0]
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_a_limb_reaches_or_points() -> None:
    rng = np.random.default_rng(0)
    origin, pole = np.zeros((20, 3)), np.tile([0.0, -1.0, 0.2], (20, 1))
    ways = rng.normal(size=(20, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    for metres, met in ((0.4, True), (0.9, False)):
        middle, end = reach(origin, ways * metres, 0.3, 0.25, pole)
        np.testing.assert_allclose(np.linalg.norm(middle, axis=1), 0.3)
        np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), 0.25)
        assert np.allclose(end, ways * metres) is met
        np.testing.assert_allclose(end / np.linalg.norm(end, axis=1, keepdims=True), ways, atol=1e-9)
