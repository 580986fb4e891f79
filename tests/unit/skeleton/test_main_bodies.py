"""Which bodies come first: those seen most of the time, and of them those that move most."""

import numpy as np

from skelact.skeleton.main_bodies import crowd_in_order, main_bodies_first, measure_motion
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17

POSE = np.random.default_rng(0).uniform(0, 100, (17, 2))


def sequence(*bodies: tuple[int, float, float]) -> SkeletonSequence:
    """Bodies of (frames, reach of the left wrist, size); a body's name is its centre."""
    positions = np.zeros((len(bodies), 40, 17, 2), np.float32)
    present = np.zeros((len(bodies), 40), np.bool_)
    for number, (frames, reach, size) in enumerate(bodies):
        present[number, :frames] = True
        positions[number, :frames] = POSE * size
        positions[number, :frames, 9, 0] += reach * size * np.sin(np.arange(frames))
        positions[number, :frames] += number * 1000
    return SkeletonSequence("a", positions, present, COCO_17)


def order(given: SkeletonSequence) -> list[int]:
    return [int(body[0, 0, 0] // 1000) for body in main_bodies_first(given).positions]


def test_who_moves_most_of_those_who_are_there() -> None:
    assert order(sequence((40, 0, 1), (40, 20, 1), (38, 30, 1), (40, 0, 1))) == [2, 1, 0, 3]


def test_a_wild_body_that_is_seen_briefly_comes_last() -> None:
    assert order(sequence((5, 90, 1), (40, 0, 1), (40, 9, 1), (7, 0, 1))) == [2, 1, 3, 0]


def test_a_large_body_does_not_move_more() -> None:
    assert order(sequence((40, 5, 5), (40, 10, 0.2))) == [1, 0]


def test_in_order_already_nothing_is_copied() -> None:
    given = sequence((40, 9, 1), (40, 9, 1), (40, 3, 1))
    assert main_bodies_first(given) is given


def test_unseen_joints_do_not_move() -> None:
    given = sequence((40, 0, 1), (40, 5, 1))
    seen = np.ones((2, 40, 17), np.bool_)
    seen[0, ::2, 3] = False
    given.positions[0, ::2, 3] = 0
    marked = SkeletonSequence("a", given.positions, given.present, COCO_17, seen)
    ordered = main_bodies_first(marked)
    assert order(marked) == [1, 0]
    assert not ordered.joint_present[1, ::2, 3].any()
    assert ordered.joint_present[0].all()


def test_motion_is_the_spread_by_size() -> None:
    still = np.repeat(POSE[None], 8, 0).astype(np.float32)
    seen = np.ones((8, 17), np.bool_)
    assert measure_motion(still, seen) < 1e-6
    moved = still.copy()
    moved[::2, :, 0] += 10  # 5 to either side of the mean
    size = np.sqrt((np.ptp(POSE, 0) ** 2).sum())
    np.testing.assert_allclose(measure_motion(moved, seen), 5 / size, rtol=1e-5)
    np.testing.assert_allclose(measure_motion(moved * 7, seen), 5 / size, rtol=1e-5)
    assert measure_motion(still, ~seen) == 0
    assert measure_motion(np.zeros_like(still), seen) == 0


def test_two_bodies_keep_the_order_they_were_given() -> None:
    two, three = sequence((40, 0, 1), (40, 9, 1)), sequence((40, 0, 1), (40, 9, 1), (3, 0, 1))
    assert crowd_in_order(two) is two
    assert [int(body[0, 0, 0] // 1000) for body in crowd_in_order(three).positions] == [1, 0, 2]
