import numpy as np
import pytest

from skelact.preparation.centring import centre
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25


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


def test_a_first_body_that_is_never_there_has_no_origin() -> None:
    with pytest.raises(ValueError, match="never present"):
        centre(sequence([[False, False], [True, True]]))
