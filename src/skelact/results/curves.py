"""Accuracy by the number of labelled sequences, from trainings with few and with all labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from skelact.errors import DataError
from skelact.files import checked
from skelact.pretraining.identity import LEFT_OUT, digest, encoder_identity
from skelact.results.schema import Sizes
from skelact.results.statistics import MeanInterval, mean_interval
from skelact.results.tables import ResultEntry, check_same_test, draws, group

EVALUATIONS = ("semi", "supervised", "finetune")
"""Kinds of results that stand on one curve; finetune and supervised without a subset had all labels."""
SHARE = "subset.share"
EPOCHS = "evaluation.training.epochs"


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
    """Name of the method, with the settings that tell it from the others of this name, and the epochs where
    they go with the number of labels."""
    points: tuple[CurvePoint, ...]
    """By ascending number of labels."""


def learning_curves(entries: Sequence[ResultEntry]) -> list[LearningCurve]:
    """Put results together that differ in labels, seeds, and the epochs that go with the labels alone.

    Fewer labels are often trained on for more epochs; one number of labels with several numbers of epochs
    makes several methods.

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
    alike = [_without(entry, SHARE) for entry in entries]
    if _epochs_go_with_labels(alike):
        alike = [_without(entry, EPOCHS) for entry in alike]
    curves = [
        LearningCurve(method.label + _span_of_epochs(method.entries), _points(method.entries))
        for method in group(alike)
    ]
    numbers = {point.num_labelled for curve in curves for point in curve.points}
    if len(numbers) < 2:
        raise DataError(
            f"{entries[0].path}: all {len(entries)} results have {numbers.pop()} labelled sequences; a curve "
            "needs two numbers, e.g. of 'skelact evaluate semi' with another --share"
        )
    return curves


def _check_fits(first: ResultEntry, entry: ResultEntry) -> None:
    kind = entry.table[2]
    if kind not in EVALUATIONS:
        raise DataError(
            f"{entry.path}: a result of {kind!r}; learning curves are drawn of {', '.join(EVALUATIONS)}"
        )
    check_same_test(first, entry)


def _without(entry: ResultEntry, setting: str) -> ResultEntry:
    settings = {key: value for key, value in entry.settings.items() if key != setting}
    encoder = encoder_identity(entry.content["model"], entry.content["trained"])
    left_out = entry.content.get(LEFT_OUT, {}).get("sha256")
    alike = digest({"encoder": encoder, "data": entry.data_hash, "left out": left_out, "settings": settings})
    table = (*entry.table[:2], "any share of labels")
    return replace(entry, table=table, identity=alike, settings=settings)


def _epochs_go_with_labels(entries: Sequence[ResultEntry]) -> bool:
    found: dict[tuple[Any, ...], str | None] = {}
    for entry in entries:
        others = tuple(_without(entry, EPOCHS).settings.items())
        epochs = entry.settings.get(EPOCHS)
        if found.setdefault((entry.method, others, _num_labelled(entry)), epochs) != epochs:
            return False
    return True


def _span_of_epochs(entries: Sequence[ResultEntry]) -> str:
    """Return the epochs as a part of the label; nothing where they are equal or tell methods apart."""
    configs = [entry.content["config"].get("training", {}) for entry in entries]
    epochs = sorted({config["epochs"] for config in configs if "epochs" in config})
    return f", {epochs[0]} to {epochs[-1]} epochs" if len(epochs) > 1 else ""


def _points(entries: Sequence[ResultEntry]) -> tuple[CurvePoint, ...]:
    by_number: dict[int, list[ResultEntry]] = {}
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
        top1 = mean_interval(draws(members, "top1"))
        points.append(CurvePoint(number, _share(first), top1))
    return tuple(points)


def _num_labelled(entry: ResultEntry) -> int:
    return checked(entry.content, Sizes, str(entry.path), "the file is damaged, evaluate again").num_train


def _share(entry: ResultEntry) -> float:
    subset = entry.content.get("subset")
    return 1.0 if subset is None else float(subset["share"])
