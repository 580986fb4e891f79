"""Accuracy by the number of labelled sequences, from trainings with few and with all labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from skelact.errors import DataError
from skelact.evaluation.statistics import MeanInterval, mean_interval
from skelact.evaluation.tabulation import Entry, group

EVALUATIONS = ("semi", "supervised", "finetune")
"""Kinds of results that stand on one curve; finetune and supervised without a subset had all labels."""


@dataclass(frozen=True)
class CurvePoint:
    """One method with one number of labels."""

    num_labelled: int
    """Training sequences that had labels."""
    share: float
    """Their share of the training side, in (0, 1]."""
    top1: MeanInterval
    """Over the seeds, in percent."""


@dataclass(frozen=True)
class LearningCurve:
    """One method with several numbers of labels."""

    label: str
    """Name of the method, with the settings that tell it from the others of this name."""
    points: tuple[CurvePoint, ...]
    """By ascending number of labels."""


def learning_curves(entries: Sequence[Entry]) -> list[LearningCurve]:
    """Put results together that differ in labels and seeds alone.

    Args:
        entries: of trainings on one data set and protocol.

    Returns:
        The curves, in the order of the results.

    Raises:
        DataError: a result of another kind, or of other data or another protocol than the first; results of
            different kinds or seeds for one point; a single number of labels in all.
    """
    for entry in entries:
        _check_fits(entries[0], entry)
    alike = [
        replace(
            entry,
            table=(*entry.table[:2], "any share of labels"),
            settings={key: value for key, value in entry.settings.items() if key != "subset.share"},
        )
        for entry in entries
    ]
    curves = [LearningCurve(method.label, _points(method.entries)) for method in group(alike)]
    numbers = {point.num_labelled for curve in curves for point in curve.points}
    if len(numbers) < 2:
        raise DataError(
            f"{entries[0].path}: all {len(entries)} results have {numbers.pop()} labelled sequences; a curve "
            "needs two numbers, e.g. of 'skelact evaluate semi' with another --share"
        )
    return curves


def _check_fits(first: Entry, entry: Entry) -> None:
    kind = entry.table[2]
    if kind not in EVALUATIONS:
        raise DataError(
            f"{entry.path}: a result of {kind!r}; learning curves are drawn of {', '.join(EVALUATIONS)}"
        )
    for what, ours, other in (
        ("data set", first.table[0], entry.table[0]),
        ("protocol", first.table[1], entry.table[1]),
        ("data hash", first.data_hash, entry.data_hash),
    ):
        if ours != other:
            raise DataError(
                f"{entry.path}: {what} {other}, but {ours} in {first.path}; a curve is of one test"
            )


def _points(entries: Sequence[Entry]) -> tuple[CurvePoint, ...]:
    by_number: dict[int, list[Entry]] = {}
    for entry in entries:
        by_number.setdefault(_num_labelled(entry), []).append(entry)
    points = []
    for number, members in sorted(by_number.items()):
        first = members[0]
        for entry in members[1:]:
            if entry.content["evaluation"] != first.content["evaluation"] or _share(entry) != _share(first):
                raise DataError(
                    f"{entry.path}: like {first.path} a result with {number} labelled sequences, but of "
                    "another kind; leave one of them out"
                )
        top1 = mean_interval([entry.main for entry in members])
        points.append(CurvePoint(number, _share(first), top1))
    return tuple(points)


def _num_labelled(entry: Entry) -> int:
    return int(entry.content["num_train"])


def _share(entry: Entry) -> float:
    subset = entry.content.get("subset")
    return 1.0 if subset is None else float(subset["share"])
