"""Another frame rate: positions between frames, by time."""

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.resampling import resampled
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20


def moving(num_frames: int, fps: float | None, **more: np.ndarray) -> SkeletonSequence:
    """Return a body all of whose joints move along x by 1 a second."""
    positions = np.zeros((1, num_frames, 20, 3), np.float32)
    positions[..., 0] = (np.arange(num_frames) / (fps or 1))[None, :, None]
    present = more.pop("present", np.ones((1, num_frames), np.bool_))
    return SkeletonSequence("s", positions, present, KINECT_20, fps=fps, label=3, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("fps", "to"), [(30.0, 15.0), (15.0, 30.0), (30.0, 20.0), (29.97, 30.0)])
def test_a_place_at_a_time_stays(fps: float, to: float) -> None:
    sequence = moving(61, fps)
    found = resampled(sequence, to)
    seconds = np.arange(found.num_frames) / to
    np.testing.assert_allclose(found.positions[0, :, 7, 0], seconds, atol=1e-5)
    assert (found.fps, found.label) == (to, 3)
    assert 60 / fps - 1 / to < seconds[-1] <= 60 / fps + 1e-6
    assert resampled(found, to) is found


def test_nothing_is_made_up_between_frames_that_do_not_show_a_joint() -> None:
    seen = np.ones((1, 4, 20), np.bool_)
    seen[0, 1, 5] = False
    found = resampled(moving(4, 10.0, joint_present=seen), 30.0)
    assert found.joint_present is not None
    assert found.joint_present[0, :, 5].tolist() == [
        True,
        True,
        False,
        False,
        False,
        True,
        True,
        True,
        True,
        True,
    ]
    assert found.joint_present[0, :, 6].all()
    np.testing.assert_allclose(found.positions[0, [0, 1, 5, 6], 5, 0], [0, 0, 0.2, 0.2], atol=1e-6)
    np.testing.assert_allclose(found.positions[0, :, 6, 0], np.arange(10) / 30, atol=1e-6)


def test_an_absent_body_stays_absent() -> None:
    present = np.array([[True, False, False, True]])
    found = resampled(moving(4, 10.0, present=present), 20.0)
    assert found.present.tolist() == [[True, False, False, False, False, True, True]]


def test_refusals() -> None:
    with pytest.raises(DataError, match="s: does not say its frame rate"):
        resampled(moving(4, None), 30.0)
    with pytest.raises(ConfigurationError, match="--resample is 0"):
        resampled(moving(4, 10.0), 0)
    with pytest.raises(DataError, match="frames"):
        resampled(moving(4000, 0.001), 900_000.0)
