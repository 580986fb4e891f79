import math

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.results.statistics import mean_interval


def test_three_seeds_by_hand() -> None:
    interval = mean_interval([70.0, 72.0, 74.0])
    assert interval.mean == 72.0
    assert interval.half_width == pytest.approx(4.302653 * 2 / math.sqrt(3), rel=1e-6)  # t table, 2 degrees
    assert str(interval) == "72.0 ± 5.0 (95 %, 3 seeds)"


def test_one_seed_has_no_interval() -> None:
    interval = mean_interval([71.25])
    assert (interval.mean, interval.half_width, str(interval)) == (71.25, None, "71.2 (1 seed)")


def test_the_interval_holds_the_true_mean_in_19_of_20_cases() -> None:
    draws = np.random.default_rng(0).normal(5.0, 2.0, (2000, 4))
    intervals = [mean_interval(row.tolist()) for row in draws]
    held = [abs(each.mean - 5.0) <= (each.half_width or 0.0) for each in intervals]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_results_are_finite_numbers(values: list[float]) -> None:
    with pytest.raises(DataError):
        mean_interval(values)
