"""What several seeds say together: their mean, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

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
