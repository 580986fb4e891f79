from dataclasses import replace

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.view import centre


def sequence(present: list[list[bool]]) -> SkeletonSequence:
    flags = np.array(present)
    positions = np.random.default_rng(0).normal(size=(*flags.shape, 25, 3)).astype(np.float32)
    return SkeletonSequence(
        "name", positions * flags[..., None, None].astype(np.float32), flags, NTU_25, label=3
    )


def test_origin_is_the_first_bodys_centre_in_its_first_frame() -> None:
    before = sequence([[False, True, True], [True, True, False]])
    after = centre(before)
    np.testing.assert_array_equal(after.positions[0, 1, NTU_25.centre], 0)
    shift = before.positions[0, 1, NTU_25.centre]
    for body, frame in np.argwhere(before.present):
        np.testing.assert_allclose(
            after.positions[body, frame] + shift, before.positions[body, frame], atol=1e-6
        )
    assert not after.positions[~before.present].any()  # absent stays absent
    assert after.label == 3


def missing(before: SkeletonSequence, *places: tuple[int, int, int]) -> SkeletonSequence:
    """Take joints away: (body, frame, joint)."""
    seen = np.repeat(before.present[..., None], 25, 2)
    for place in places:
        seen[place] = False
    return replace(before, positions=before.positions * seen[..., None], joint_present=seen)


def test_a_missing_centre_joint_is_no_origin() -> None:
    before = missing(sequence([[True, True, True], [True, False, True]]), (0, 0, NTU_25.centre), (1, 2, 4))
    after = centre(before)
    shift = before.positions[0, 1, NTU_25.centre]
    np.testing.assert_array_equal(after.positions[0, 1, NTU_25.centre], 0)
    assert before.joint_present is not None
    assert after.joint_present is before.joint_present
    expected = np.where(before.joint_present[..., None], before.positions - shift, 0)
    np.testing.assert_array_equal(after.positions, expected)
    assert not after.positions[0, 0, NTU_25.centre].any()  # a missing joint stays zero
    assert not after.positions[1, 2, 4].any()


def test_a_centre_joint_that_is_never_seen() -> None:
    before = missing(sequence([[False, True, True]]), (0, 1, NTU_25.centre), (0, 2, NTU_25.centre))
    after = centre(before)
    others = np.arange(25) != NTU_25.centre
    np.testing.assert_allclose(after.positions[0, 1, others].mean(0), 0, atol=1e-6)
    moved = before.positions[0, 2, others] - after.positions[0, 2, others]
    np.testing.assert_allclose(
        moved, np.broadcast_to(before.positions[0, 1, others].mean(0), moved.shape), atol=1e-6
    )
    assert not after.positions[0, :, NTU_25.centre].any()


def test_a_body_without_a_seen_joint_gives_no_origin() -> None:
    before = sequence([[False, False], [True, True]])
    np.testing.assert_array_equal(centre(before).positions[1, 0, NTU_25.centre], 0)
    nothing = replace(before, joint_present=np.zeros((2, 2, 25), np.bool_))
    with pytest.raises(DataError, match="name: no joint of any body is seen"):
        centre(nothing)
