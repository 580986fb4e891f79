"""What result files say class by class, and in which classes two methods differ.

Each class has its exact McNemar test over the test sequences of this class. Tests of K classes at 0.05 may
find K / 20 differences where there are none, so the p values are adjusted for all classes together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.formats.known import data_sets
from skelact.results.statistics import combine_p_values, mcnemar
from skelact.results.tables import Method, ResultEntry, check_same_test, group, read_entries

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassResult:
    """What one method does with each of K classes, with each of S seeds."""

    method: Method
    class_names: tuple[str, ...]
    """K names, in the order of the labels."""
    confusions: Counts
    """(S, K, K) test sequences by true class (row) and predicted class (column)."""

    @property
    def num_sequences(self) -> Counts:
        """(K,) test sequences of each class."""
        return np.asarray(self.confusions[0].sum(1))

    @property
    def occurring(self) -> Counts:
        """Labels of the classes that have test sequences, ascending."""
        return np.flatnonzero(self.num_sequences)

    @property
    def accuracies(self) -> Shares:
        """(S, K) share of each class's test sequences that are right, in percent; NaN for a class without."""
        right = np.diagonal(self.confusions, axis1=1, axis2=2)
        percent = np.full(right.shape, np.nan)
        np.divide(100.0 * right, self.num_sequences, out=percent, where=self.num_sequences > 0)
        return percent


def read_class_results(paths: Sequence[Path], variant: str | None = None) -> list[ClassResult]:
    """Read result files of the same test sequences; those that differ in their seeds alone are one method.

    Args:
        paths: result files.
        variant: which numbers are meant in files that have several, e.g. ``k=1`` in those of kNN.

    Returns:
        The methods, in the order of the files.

    Raises:
        DataError: a file that is no result or has no numbers by class, or files of different data, protocols,
            classes or test sequences.
        ConfigurationError: a variant that is missing, or that no file has.
    """
    entries = _of_variant(read_entries(paths), variant)
    for entry in entries:
        _check_alike(entries[0], entry)
    return [class_result(method) for method in group(entries)]


def _of_variant(entries: Sequence[ResultEntry], variant: str | None) -> list[ResultEntry]:
    """Keep one entry of each file."""
    if variant is not None and not any(entry.variant for entry in entries):
        raise ConfigurationError(
            f"variant {variant!r}: {entries[0].path} has one kind of numbers; leave the variant out"
        )
    kept = [entry for entry in entries if entry.variant in ("", variant)]
    for entry in entries:
        if entry.path not in {each.path for each in kept}:
            known = ", ".join(each.variant for each in entries if each.path == entry.path)
            wanted = "which one is meant?" if variant is None else f"but no {variant!r};"
            raise ConfigurationError(f"{entry.path}: has numbers for {known}, {wanted} give --variant")
    return kept


def _check_alike(first: ResultEntry, entry: ResultEntry) -> None:
    check_same_test(first, entry)
    if class_names_of(first) != class_names_of(entry):
        raise DataError(f"{entry.path}: other classes than in {first.path}; give results of the same test")


def class_names_of(entry: ResultEntry) -> tuple[str, ...]:
    """Return the names of the K classes that a result is about.

    Older files do not hold them; those of known data sets are looked up.

    Raises:
        DataError: they are not known, or not as many as the numbers.
    """
    num = len(_confusion(entry))
    names = entry.content.get("class_names")
    if names is None:
        known = data_sets().get(entry.table[0])
        names = () if known is None else known.class_names or ()
        if len(names) != num:
            raise DataError(f"{entry.path}: an older file, which does not name its classes; evaluate again")
    if len(names) != num:
        raise DataError(
            f"{entry.path}: names {len(names)} classes, has numbers for {num}; damaged, evaluate again"
        )
    return tuple(names)


def _confusion(entry: ResultEntry) -> Counts:
    if "confusion" not in entry.metrics:
        raise DataError(
            f"{entry.path}: holds no numbers by class (no 'confusion'); give a result that classifies"
        )
    try:
        found = np.asarray(entry.metrics["confusion"])
    except ValueError:  # rows of different lengths
        found = np.zeros(0)
    if found.ndim != 2 or len(found) != found.shape[1] or not np.issubdtype(found.dtype, np.integer):
        raise DataError(
            f"{entry.path}: 'confusion' is not a square table of whole numbers; damaged, evaluate again"
        )
    return found.astype(np.int64)


def class_result(method: Method) -> ClassResult:
    """Return what a method does with each class.

    Raises:
        DataError: a result without numbers by class or names of the classes, or seeds that were tested on
            different sequences.
    """
    result = ClassResult(
        method, class_names_of(method.entries[0]), np.stack([_confusion(entry) for entry in method.entries])
    )
    check_same_sequences(result, result)
    return result


def check_same_sequences(first: ClassResult, second: ClassResult) -> None:
    """Raise DataError where a seed has another number of test sequences of some class than the first."""
    for entry, confusion in zip(second.method.entries, second.confusions, strict=True):
        other = confusion.sum(1) != first.num_sequences
        if other.any():
            place = int(np.flatnonzero(other)[0])
            raise DataError(
                f"{entry.path}: {confusion[place].sum()} test sequences of {first.class_names[place]!r}, but "
                f"{first.num_sequences[place]} in {first.method.entries[0].path}; evaluate both alike"
            )


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
        p_values = [combine_p_values(tests) for tests in zip(*by_seed, strict=True)]
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


def _tests(first: ResultEntry, second: ResultEntry, places: npt.NDArray[np.int64]) -> list[float]:
    """Return the p value of each class for one pair of seeds."""
    assert first.scores is not None
    assert second.scores is not None
    labels = first.scores.labels
    if first.scores.names != second.scores.names or (labels != second.scores.labels).any():
        raise DataError(f"{second.path}: other test sequences than in {first.path}; evaluate both alike")
    ours, others = first.right(), second.right()
    return [mcnemar(ours[labels == place], others[labels == place]) for place in places.tolist()]
