"""In which classes do two methods differ? A paired test for each, and what many tests ask of it.

Each class has its exact McNemar test over the test sequences of this class. Tests of K classes at 0.05 may
find K / 20 differences where there are none, so the p values are adjusted for all classes together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.evaluation.class_results import ClassResult, check_same_sequences
from skelact.evaluation.mcnemar import mcnemar, over_seeds
from skelact.evaluation.tabulation import Entry


@dataclass(frozen=True)
class ClassDifference:
    """One class in the eyes of two methods."""

    name: str
    num_sequences: int
    """Test sequences of the class."""
    first: float
    """Accuracy of the first method in percent, mean over its seeds."""
    second: float
    """The same of the second."""
    difference: float
    """First minus second, in points."""
    by_seed: tuple[float, ...]
    """The same of each pair of seeds; there is no interval, as many classes would need one for them all."""
    p: float | None
    """Of McNemar's test, seed by seed, as if this class alone were looked at; None without scores."""
    adjusted_p: float | None
    """The same after Holm's correction for all classes."""


def class_differences(first: ClassResult, second: ClassResult) -> list[ClassDifference]:
    """Compare two methods in every class that has test sequences, in the order of the labels.

    Seeds are paired in ascending order, those without a partner count in the means alone; of several seeds' p
    values of a class twice the median counts. The tests need the class scores of all paired results, which
    say who is right about which sequence.

    Args:
        first: a method.
        second: another one, on the same test sequences.

    Raises:
        DataError: other test sequences.
    """
    check_same_sequences(first, second)
    pairs = list(zip(first.method.entries, second.method.entries, strict=False))
    places = first.occurring
    p_values: list[float] = []
    if all(entry.scores is not None for pair in pairs for entry in pair):
        by_seed = [_tests(*pair, places) for pair in pairs]
        p_values = [over_seeds(tests) for tests in zip(*by_seed, strict=True)]
    adjusted = holm(p_values)
    found = []
    for number, place in enumerate(places.tolist()):
        ours, others = first.accuracies[:, place], second.accuracies[:, place]
        found.append(
            ClassDifference(
                name=first.class_names[place],
                num_sequences=int(first.num_sequences[place]),
                first=float(ours.mean()),
                second=float(others.mean()),
                difference=float(ours.mean() - others.mean()),
                by_seed=tuple((ours[: len(pairs)] - others[: len(pairs)]).tolist()),
                p=p_values[number] if p_values else None,
                adjusted_p=float(adjusted[number]) if p_values else None,
            )
        )
    return found


def holm(p_values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Adjust p values of many tests, so that any false alarm below 0.05 has a chance of at most 5 %.

    Valid however the tests depend on each other. The i-th smallest of n is multiplied by n - i + 1; none
    gets below a smaller one's, none above 1.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Args:
        p_values: n p values.

    Returns:
        (n,) adjusted p values, in the same order.
    """
    values = np.asarray(p_values, np.float64)
    order = values.argsort()
    scaled = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def _tests(first: Entry, second: Entry, places: npt.NDArray[np.int64]) -> list[float]:
    """Return the p value of each class for one pair of seeds."""
    assert first.scores is not None
    assert second.scores is not None
    labels = first.scores.labels
    if first.scores.names != second.scores.names or (labels != second.scores.labels).any():
        raise DataError(f"{second.path}: other test sequences than in {first.path}; evaluate both alike")
    ours, others = first.right(), second.right()
    return [mcnemar(ours[labels == place], others[labels == place]).p for place in places.tolist()]
