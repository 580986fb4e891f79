"""What several seeds say together, and whether two methods differ: intervals and paired tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, stdtrit

from skelact.errors import DataError


@dataclass(frozen=True)
class MeanInterval:
    """The mean of a few results, and the 95 % interval of what the mean of many would be."""

    mean: float
    """Mean of the results."""
    half_width: float | None
    """The interval reaches from mean - half_width to mean + half_width; None for a single result."""
    num: int
    """Number of results."""

    def __str__(self) -> str:
        """Return e.g. ``71.3 ± 1.2 (95 %, 3 seeds)``, with the results' own unit."""
        if self.half_width is None:
            return f"{self.mean:.1f} (1 seed)"
        return f"{self.mean:.1f} ± {self.half_width:.1f} (95 %, {self.num} seeds)"


def mean_interval(values: Sequence[float]) -> MeanInterval:
    """Return the mean of one result a seed with its 95 % interval by Student's t distribution.

    The half-width is ``t(0.975, n - 1) s / sqrt(n)`` with the unbiased standard deviation s: it takes the
    results for independent draws from a normal distribution.

    Args:
        values: n results, in any unit.

    Raises:
        DataError: no result, or one that is not finite.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or len(numbers) == 0:
        raise DataError("a mean over seeds needs a list of at least one result")
    if not np.isfinite(numbers).all():
        place = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DataError(f"result {place} of {len(numbers)} is {numbers[place]}; leave failed runs out")
    num = len(numbers)
    half_width = None
    if num > 1:
        half_width = float(stdtrit(num - 1, 0.975)) * float(numbers.std(ddof=1)) / math.sqrt(num)
    return MeanInterval(float(numbers.mean()), half_width, num)


Correct = npt.NDArray[np.bool_]


def mcnemar(first: Correct, second: Correct) -> float:
    """Return the two-sided p value of McNemar's test: is it chance which of two methods is right?

    Of the sequences that one method alone gets right, half would be either's.

    Source: McNemar, Psychometrika 12, 1947; exact form by the binomial distribution with probability 1/2.

    Args:
        first: (N,) whether the first method is right about each sequence.
        second: (N,) the same for the second method, sequence by sequence.

    Raises:
        DataError: other numbers of sequences.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise DataError(f"a paired test needs the same sequences, got {first.shape} and {second.shape}")
    first_only, second_only = int((first & ~second).sum()), int((second & ~first).sum())
    num = first_only + second_only
    return min(1.0, 2 * float(bdtr(min(first_only, second_only), num, 0.5))) if num else 1.0


def combine_p_values(p_values: Sequence[float]) -> float:
    """Return one p value for several seeds' tests over the same sequences: twice their median, at most 1.

    Valid however the tests depend on each other (Rüschendorf, Adv. Appl. Prob. 14, 1982); one seed's p value
    is left as it is. Adding the seeds' counts up would take the same sequences for new ones.
    """
    if len(p_values) == 1:
        return p_values[0]
    return min(1.0, 2 * float(np.median(p_values)))


@dataclass(frozen=True)
class Difference:
    """The difference of two methods' means over seeds."""

    mean: float
    """First minus second."""
    half_width: float | None
    """Of the 95 % interval by Welch's t; None where one of them has a single seed."""


def difference_over_seeds(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Return the difference of two means, with the interval that does not presume equal spread."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    mean = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return Difference(mean, None)
    parts = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    variance = float(sum(parts))
    if variance == 0:
        return Difference(mean, 0.0)
    freedom = variance**2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    return Difference(mean, float(stdtrit(freedom, 0.975)) * math.sqrt(variance))
