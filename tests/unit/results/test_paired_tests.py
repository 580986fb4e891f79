"""McNemar's test and differences over seeds against closed forms and SciPy."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_ind

from skelact.errors import DataError
from skelact.results.statistics import combine_p_values, difference_over_seeds, mcnemar


def outcomes(both, first_only, second_only, neither):
    first = [1] * both + [1] * first_only + [0] * second_only + [0] * neither
    second = [1] * both + [0] * first_only + [1] * second_only + [0] * neither
    return np.array(first, bool), np.array(second, bool)


@pytest.mark.parametrize(("b", "c"), [(1, 0), (5, 1), (10, 10), (120, 90), (2000, 2100)])
def test_p_is_the_exact_binomial_one(b, c):
    p = mcnemar(*outcomes(50, b, c, 30))
    assert p == pytest.approx(binomtest(b, b + c).pvalue, rel=1e-9)
    assert mcnemar(*outcomes(50, c, b, 30)) == p


def test_five_to_none_is_two_in_thirtytwo():
    assert mcnemar(*outcomes(0, 5, 0, 0)) == pytest.approx(2 / 32)


def test_methods_that_agree_do_not_differ():
    assert mcnemar(*outcomes(10, 0, 0, 5)) == 1.0
    with pytest.raises(DataError, match="same sequences"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))


def test_p_values_of_seeds_become_one():
    assert combine_p_values([0.03]) == 0.03
    assert combine_p_values([0.01, 0.02, 0.9]) == pytest.approx(0.04)
    assert combine_p_values([0.9, 0.8]) == 1.0


def test_the_difference_has_welchs_interval():
    first, second = [71.0, 73.0, 72.5], [69.0, 68.0, 71.5, 70.0]
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    found = difference_over_seeds(first, second)
    assert found.mean - found.half_width == pytest.approx(expected.low)
    assert found.mean + found.half_width == pytest.approx(expected.high)
    assert difference_over_seeds([1.0], second).half_width is None
    assert difference_over_seeds([1.0, 1.0], [2.0, 2.0]).half_width == 0.0
    assert math.isclose(found.mean, np.mean(first) - np.mean(second))
