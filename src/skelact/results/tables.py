"""From result files to a table: results that differ in their seeds alone are one method."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from skelact.errors import DataError, printable
from skelact.files import checked
from skelact.results.files import SequenceScores, read_with_scores
from skelact.results.identity import described, result_identity, result_seeds
from skelact.results.schema import Accuracies, AveragePrecisions
from skelact.results.statistics import (
    Correct,
    Difference,
    MeanInterval,
    combine_p_values,
    difference_over_seeds,
    mcnemar,
    mean_interval,
)

OVERLAP = "0.5"
"""Overlap at which tables give the mean average precisions of a detection."""


@dataclass(frozen=True)
class ResultEntry:
    """One row's share of one result file: how good one evaluation is, with one seed."""

    path: Path
    table: tuple[str, str, str]
    """Data set, protocol, evaluation."""
    data_hash: str
    identity: str
    """Equal in entries that are seeds of one method."""
    method: str
    settings: Mapping[str, str]
    """What may tell the method from others of its name, as dotted key and text."""
    seeds: tuple[Any, ...]
    """Of evaluation, subset and pre-training, and those of what it started from or adds up."""
    measures: Mapping[str, float]
    """Shares in [0, 1], the one that methods are compared by first: top1 and, in most files, mean_class (the
    mean of the classes' accuracies) and top5, and of several folds the spread of top1 over them; of a
    detection map_a and map_v, both at :data:`OVERLAP`."""
    scores: SequenceScores | None
    variant: str
    content: Mapping[str, Any]
    """All that the file holds."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The numbers of this variant."""
        found: Mapping[str, Any] = self.content["metrics"]
        return found[self.variant] if self.variant else found

    @property
    def main(self) -> float:
        """What methods are compared by, in percent."""
        return 100 * next(iter(self.measures.values()))

    def right(self) -> Correct:
        """Return (N,) whether the best class is the true one, the first of equals counting."""
        assert self.scores is not None
        return np.asarray(self.scores.scores[self.variant].argmax(1) == self.scores.labels)


@dataclass(frozen=True)
class Method:
    """Results that differ in their seeds alone."""

    table: tuple[str, str, str]
    label: str
    """Name of the method, with the settings that tell it from others of this name in the table."""
    entries: tuple[ResultEntry, ...]
    means: Mapping[str, MeanInterval] = field(init=False)
    """Those of the measures that every file has, in percent; the one that methods are compared by first."""

    def __post_init__(self) -> None:
        all_measures = [entry.measures for entry in self.entries]
        means = {
            name: mean_interval(draws(self.entries, name))
            for name in all_measures[0]
            if all(name in measures for measures in all_measures)
        }
        object.__setattr__(self, "means", means)

    @property
    def num_seeds(self) -> int:
        """How many draws the intervals stand on."""
        return next(iter(self.means.values())).num


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same test sequences."""

    first: Method
    second: Method
    difference: Difference
    """Of top-1, or of a detection's mAP_a, in points."""
    p: float | None
    """Of McNemar's test, seed by seed; None where scores are missing, as those of detections always are."""
    num_pairs: int
    """Seeds that were paired."""


def read_entries(paths: Sequence[Path]) -> list[ResultEntry]:
    """Read result files; one with several variants, as kNN's, gives an entry for each.

    Raises:
        DataError: a file that is no result, scores that are not a result's, or the same result twice.
    """
    entries = [entry for path in paths for entry in _entries_of(path)]
    seen: dict[tuple[Any, ...], ResultEntry] = {}
    for entry in entries:
        key = (entry.table, entry.identity, entry.seeds)
        if key in seen:
            raise DataError(
                f"{entry.path}: has the settings and seeds of {seen[key].path}; "
                "a result counts once, leave one out"
            )
        seen[key] = entry
    return entries


def group(entries: Sequence[ResultEntry]) -> list[Method]:
    """Put results together that differ in their seeds alone, table by table, in the order of the files."""
    groups: dict[tuple[Any, ...], list[ResultEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.table, entry.identity), []).append(entry)
    return [_method(members, list(groups.values())) for members in groups.values()]


def _method(members: list[ResultEntry], groups: Sequence[list[ResultEntry]]) -> Method:
    """Return a group as a method, with what tells it from the groups of the same name."""
    first = members[0]
    others = [
        other[0]
        for other in groups
        if other is not members and (other[0].table, other[0].method) == (first.table, first.method)
    ]
    own, seen = first.settings, {key for other in others for key in other.settings}
    parts = [
        f"{key.split('.')[-1]}={own.get(key, 'none')}"
        for key in sorted({*own, *seen})
        if any(other.settings.get(key) != own.get(key) for other in others)
    ]
    if any(other[0].table == first.table and other[0].data_hash != first.data_hash for other in groups):
        parts.append(f"data {first.data_hash[:8]}")
    if others and not parts:  # such as weights that were imported from different files
        parts.append(first.identity[:8])
    label = f"{first.method} ({', '.join(parts)})" if parts else first.method
    return Method(first.table, printable(label), tuple(sorted(members, key=_by_seeds)))


def draws(entries: Sequence[ResultEntry], measure: str) -> list[float]:
    """Return a measure of what was drawn independently, in percent, from results that differ in seeds alone.

    That is the mean over each encoder's results where several encoders have some: other seeds of an
    evaluation, or other labels, say little of what another encoder would reach. Of one encoder it is each
    result.
    """
    of_encoders: dict[Hashable, list[float]] = {}
    for entry in entries:
        of_encoders.setdefault(_drawn_with(entry), []).append(100 * entry.measures[measure])
    values = list(of_encoders.values())
    return values[0] if len(values) == 1 else [sum(each) / len(each) for each in values]


def _drawn_with(entry: ResultEntry) -> Hashable:
    """Return the seeds of the encoder behind a result: those of its training, or of its random weights."""
    if "members" in entry.content["config"]:
        return entry.seeds
    return entry.seeds[2:] if entry.content["trained"] else entry.seeds[:1]


def _by_seeds(entry: ResultEntry) -> list[tuple[bool, int, str]]:
    """Return what puts results into the order of their seeds: none, numbers, hashes of lists of labels."""
    return [
        (seed is not None, seed, "") if isinstance(seed, int) else (seed is not None, 0, str(seed))
        for seed in entry.seeds
    ]


def compare(methods: Sequence[Method]) -> list[Comparison]:
    """Compare every two methods of a table; McNemar's test pairs their seeds in ascending order.

    Methods on different versions of a data set are not compared.

    Raises:
        DataError: methods that were tested on different sequences.
    """
    found = []
    for first, second in combinations(methods, 2):
        if first.table != second.table or first.entries[0].data_hash != second.entries[0].data_hash:
            continue
        measure = next(iter(first.entries[0].measures))
        difference = difference_over_seeds(draws(first.entries, measure), draws(second.entries, measure))
        pairs = list(zip(first.entries, second.entries, strict=False))
        with_scores = [pair for pair in pairs if all(entry.scores is not None for entry in pair)]
        p = (
            combine_p_values([_test(*pair) for pair in with_scores])
            if len(with_scores) == len(pairs)
            else None
        )
        found.append(Comparison(first, second, difference, p, len(pairs)))
    return found


def check_same_test(first: ResultEntry, entry: ResultEntry) -> None:
    """Check that two results are of one test.

    Raises:
        DataError: another data set, protocol or version of the data; the message names the file.
    """
    for what, ours, other in (
        ("data set", first.table[0], entry.table[0]),
        ("protocol", first.table[1], entry.table[1]),
        ("data hash", first.data_hash, entry.data_hash),
    ):
        if ours != other:
            raise DataError(
                f"{entry.path}: {what} {other}, but {ours} in {first.path}; give results of the same test"
            )


def _test(first: ResultEntry, second: ResultEntry) -> float:
    assert first.scores is not None
    assert second.scores is not None
    if first.scores.names != second.scores.names:
        raise DataError(f"{second.path}: other test sequences than in {first.path}; evaluate both alike")
    return mcnemar(first.right(), second.right())


def _entries_of(path: Path) -> Iterator[ResultEntry]:
    content, scores = read_with_scores(path)
    metrics = content["metrics"]
    has_variants = content["evaluation"] != "detection" and "top1" not in metrics
    variants = metrics if has_variants else {"": metrics}
    identity, seeds = result_identity(content), tuple(result_seeds(content))
    method, settings = described(content)
    for variant, numbers in variants.items():
        kind = AveragePrecisions if content["evaluation"] == "detection" else Accuracies
        place = f"{path}: metrics{variant and f'.{variant}'}"
        checked(numbers, kind, place, "no accuracies; the file is damaged, evaluate again")
        measures = _measures_of(content["evaluation"], numbers)
        if scores is not None and variant not in scores.scores:
            raise DataError(f"{path}: the scores beside it have none for {variant!r}; evaluate again")
        evaluation = f"{content['evaluation']} {variant}".strip()
        yield ResultEntry(
            path=path,
            table=(printable(content["data_set"]), printable(content["protocol"]), printable(evaluation)),
            data_hash=content["data_hash"],
            identity=identity,
            method=printable(method),
            settings=settings,
            seeds=seeds,
            measures=measures,
            scores=scores,
            variant=variant,
            content=content,
        )


def _measures_of(evaluation: str, numbers: Mapping[str, Any]) -> dict[str, float]:
    if evaluation == "detection":
        return {name: float(numbers[name][OVERLAP]) for name in ("map_a", "map_v")}
    found = {"top1": float(numbers["top1"])}
    mean_class = mean_class_accuracy(numbers)
    if mean_class is not None:
        found["mean_class"] = mean_class
    if numbers.get("top5") is not None:
        found["top5"] = float(numbers["top5"])
    return {**found, "spread": float(numbers["spread"]["top1"])} if "spread" in numbers else found


def mean_class_accuracy(numbers: Mapping[str, Any]) -> float | None:
    """Return the mean of the classes' accuracies, a share in [0, 1]: a small class counts as much as a large.

    None where a result file holds no numbers by class.
    """
    if "mean_class_accuracy" in numbers:
        return float(numbers["mean_class_accuracy"])
    occurring = [share for share in numbers.get("per_class", ()) if share is not None]
    return sum(occurring) / len(occurring) if occurring else None
