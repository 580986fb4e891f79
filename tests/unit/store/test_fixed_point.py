import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skelact.errors import ConfigurationError
from skelact.formats.exclusions import UnusableRecordingError
from skelact.store.fixed_point import (
    COARSEST_SCALE,
    FINEST_SCALE,
    LARGEST_NUMBER,
    check_position_type,
    from_fixed_point,
    largest_error,
    to_fixed_point,
)

FARTHEST = COARSEST_SCALE * LARGEST_NUMBER - 0.01
coordinates = st.one_of(
    st.floats(-3, 3, width=32),
    st.floats(-float(np.float32(FARTHEST)), float(np.float32(FARTHEST)), width=32),
    st.sampled_from([0.0, -0.0, 1e-40, 1e-12, 2.0, 1.99993896484375]),  # the last is 32,767 times 2^-14
)
sequences = arrays(
    np.float32, st.tuples(st.integers(1, 4), st.integers(1, 3), st.just(3)), elements=coordinates
)


@given(sequences)
def test_no_coordinate_moves_further_than_the_bound(positions: np.ndarray) -> None:
    numbers, scale = to_fixed_point(positions, "s")
    back = from_fixed_point(numbers, scale)
    assert (numbers.dtype, scale.dtype, back.dtype) == ("<i2", "<f4", np.float32)
    assert np.abs(back.astype(np.float64) - positions).max() <= largest_error(scale)
    assert not back[positions == 0].any()
    assert np.abs(numbers.astype(int)).max() <= LARGEST_NUMBER


@given(sequences)
def test_what_was_rounded_once_stays(positions: np.ndarray) -> None:
    numbers, scale = to_fixed_point(positions, "s")
    again, same_scale = to_fixed_point(from_fixed_point(numbers, scale), "s")
    np.testing.assert_array_equal(again, numbers)
    assert same_scale == scale


@given(sequences.filter(lambda positions: np.abs(positions).max() > 1e-4))
def test_all_numbers_are_used(positions: np.ndarray) -> None:
    assert np.abs(to_fixed_point(positions, "s")[0]).max() == LARGEST_NUMBER


def test_within_three_metres_the_error_is_below_a_twentieth_of_a_millimetre() -> None:
    _, scale = to_fixed_point(np.full((1, 1, 3), 3, np.float32), "s")
    assert 0.5 * 3 / LARGEST_NUMBER < largest_error(scale) < 0.00005


def test_a_sequence_that_never_leaves_the_origin() -> None:
    numbers, scale = to_fixed_point(np.zeros((2, 3, 3), np.float32), "s")
    assert not numbers.any()
    assert scale == FINEST_SCALE


@pytest.mark.parametrize(
    ("num_coordinates", "farthest", "message"),
    [
        (3, 32.7, None),
        (
            3,
            1800.0,
            r"s7: a coordinate of 1800 m would make 16-bit positions steps of 0\.055; expected .* 0\.001",
        ),
        (2, 3840.0, None),
        (
            2,
            1e5,
            r"100000 pixels would .* 3\.1; expected at most 0\.25: .* use --positions float32",
        ),
        (3, float(np.finfo(np.float32).max), "expected at most"),
    ],
)
def test_steps_that_are_too_coarse_are_refused(
    num_coordinates: int, farthest: float, message: str | None
) -> None:
    positions = np.zeros((2, 3, num_coordinates), np.float32)
    positions[1, 1, 0] = -farthest
    if message is None:
        assert to_fixed_point(positions, "s7")[0][1, 1, 0] == -LARGEST_NUMBER
        return
    with pytest.raises(UnusableRecordingError, match=message) as raised:
        to_fixed_point(positions, "s7")
    assert raised.value.reason == "too far from the origin for 16-bit positions"


def test_an_unknown_type() -> None:
    with pytest.raises(ConfigurationError, match=r"--positions 'int8': not known \(did you mean 'int16'\?\)"):
        check_position_type("int8")
