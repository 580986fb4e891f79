"""The results of runs as a page shows them: tables, differences, confusions, what is said of a recording."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError, SkelactError, printable
from skelact.reports.page import packed
from skelact.results.classes import ClassResult, class_differences, class_result
from skelact.results.files import result_files
from skelact.results.rendering import MEASURES
from skelact.results.tables import Method, ResultEntry, compare, group, read_entries

LOG_ODDS = ("finetune", "semi", "transfer", "supervised", "linear", "linear-fast")
"""Evaluations whose scores are logarithms of probabilities, up to a constant of each sequence; in the
order of a page, which has others behind them."""
VOTES = ("knn",)
"""Evaluations whose scores are votes, none negative."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What a method said of every test sequence; of several seeds the first that kept its scores."""

    names: tuple[str, ...]
    """(N,) names of the test sequences."""
    labels: npt.NDArray[np.int64]
    """(N,) their classes."""
    said: npt.NDArray[np.int64]
    """(N,) the classes with the highest scores."""
    confidence: npt.NDArray[np.float64]
    """(N,) how sure it was, see :func:`confidence_of`."""
    is_share: bool
    """Whether that is a share in [0, 1]."""

    @property
    def key(self) -> str:
        """Equal for methods that were tested on the same sequences."""
        return hashlib.sha256("\n".join([*self.names, str(self.labels.tolist())]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class RunResults:
    """The result files of runs, those that differ in their seeds alone together."""

    methods: tuple[Method, ...]
    """By table, in the order of the runs."""
    classes: tuple[ClassResult | None, ...]
    """What each does class by class; None where its files do not say."""
    judged: tuple[Judged | None, ...]
    """What each said of every test sequence; None where no scores were kept."""
    problems: list[str] = field(default_factory=list)
    """What could not be used, a line each."""

    @classmethod
    def read(cls, runs: Sequence[Path]) -> RunResults:
        """Read the result files of run folders; what cannot be used is a problem, the rest is shown."""
        problems: list[str] = []
        entries: dict[tuple[Any, ...], ResultEntry] = {}
        for run in runs:
            try:
                paths = result_files(run)
            except SkelactError as error:
                problems.append(str(error))
                continue
            for path in paths:
                try:
                    found = read_entries([path])
                except SkelactError as error:
                    problems.append(str(error))
                    continue
                for entry in found:
                    key = (entry.table, entry.identity, entry.seeds)
                    if key in entries:
                        problems.append(f"{path}: says what {entries[key].path} says, and is left out")
                    entries.setdefault(key, entry)
        methods = sorted(group(list(entries.values())), key=lambda method: _place(method.table))
        classes = tuple(_class_result(method, problems) for method in methods)
        return cls(tuple(methods), classes, tuple(_judged(method) for method in methods), problems)

    def data(self) -> dict[str, Any]:
        """Return what the page is told: tables, and methods with what they said."""
        tables, differences = [], []
        numbered = list(enumerate(self.methods))
        for key, members in groupby(numbered, key=lambda each: each[1].table):
            own = list(members)
            tables.append(self._table(key, own))
            differences += self._differences(own)
        tests = {each.key: each for each in self.judged if each is not None}
        return {
            "tables": tables,
            "methods": [self._method(number) for number in range(len(self.methods))],
            "differences": differences,
            "tests": {
                key: {"names": list(each.names), "labels": each.labels.tolist()}
                for key, each in tests.items()
            },
        }

    def _table(self, key: tuple[str, str, str], own: Sequence[tuple[int, Method]]) -> dict[str, Any]:
        methods = [method for _, method in own]
        measures = [name for name in MEASURES if any(name in method.means for method in methods)]
        try:
            comparisons = compare(methods)
        except DataError as error:
            self.problems.append(str(error))
            comparisons = []
        rows = []
        for number, method in own:
            means = [method.means.get(name) for name in measures]
            cells = [None if mean is None else [mean.mean, mean.half_width] for mean in means]
            rows.append({"method": number, "seeds": method.num_seeds, "cells": cells})
        place = {id(method): number for number, method in own}
        return {
            "title": f"{key[0]} {key[1]}, {key[2]}",
            "measures": [MEASURES[name] for name in measures],
            "rows": rows,
            "comparisons": [
                {
                    "first": place[id(each.first)],
                    "second": place[id(each.second)],
                    "difference": each.difference.mean,
                    "half_width": each.difference.half_width,
                    "p": each.p,
                    "pairs": each.num_pairs,
                }
                for each in comparisons
            ],
        }

    def _differences(self, own: Sequence[tuple[int, Method]]) -> list[dict[str, Any]]:
        """Return the first method of a table against each other one, class by class."""
        found: list[dict[str, Any]] = []
        having = [number for number, _ in own if self.classes[number] is not None]
        for other in having[1:]:
            first, second = self.classes[having[0]], self.classes[other]
            assert first is not None
            assert second is not None
            if first.class_names != second.class_names:
                continue
            try:
                rows = class_differences(first, second)
            except DataError as error:
                self.problems.append(str(error))
                continue
            found.append(
                {
                    "first": having[0],
                    "second": other,
                    "rows": [
                        {
                            "name": row.name,
                            "num": row.num_sequences,
                            "first": row.first,
                            "second": row.second,
                            "difference": row.difference,
                            "p": row.adjusted_p,
                        }
                        for row in rows
                    ],
                }
            )
        return found

    def _method(self, number: int) -> dict[str, Any]:
        method, classes, judged = self.methods[number], self.classes[number], self.judged[number]
        runs = dict.fromkeys(printable(str(entry.path.parent.parent)) for entry in method.entries)
        found: dict[str, Any] = {
            "label": method.label,
            "table": f"{method.table[0]} {method.table[1]}, {method.table[2]}",
            "runs": list(runs),
            "seeds": method.num_seeds,
            "classes": None,
            "judged": None,
        }
        if classes is not None:
            found["classes"] = list(classes.class_names)
            found["confusion"] = classes.confusions.sum(0).tolist()
        if judged is not None:
            found["judged"] = {
                "test": judged.key,
                "said": packed(judged.said.astype(np.uint32)),
                "confidence": packed(judged.confidence.astype(np.float32)),
                "is_share": judged.is_share,
            }
        return found


def _place(table: tuple[str, str, str]) -> tuple[Any, ...]:
    """Return where a page has a table: by data, then what was trained from labels first."""
    kind, _, variant = table[2].partition(" ")
    rank = LOG_ODDS.index(kind) if kind in LOG_ODDS else len(LOG_ODDS)
    return (*table[:2], rank, kind, len(variant), variant)


def _class_result(method: Method, problems: list[str]) -> ClassResult | None:
    if "confusion" not in method.entries[0].metrics:
        return None
    try:
        return class_result(method)
    except DataError as error:
        problems.append(str(error))
        return None


def _judged(method: Method) -> Judged | None:
    for entry in method.entries:
        if entry.scores is not None and len(entry.scores.names):
            scores = entry.scores.scores[entry.variant]
            confidence, is_share = confidence_of(method.table[2], scores)
            return Judged(entry.scores.names, entry.scores.labels, scores.argmax(1), confidence, is_share)
    return None


def confidence_of(
    evaluation: str, scores: npt.NDArray[np.floating[Any]]
) -> tuple[npt.NDArray[np.float64], bool]:
    """Return how sure an evaluation is of the class that it names.

    Its probability where scores are log-odds, its share where they are votes; of other scores by how much the
    highest is ahead of the next, in their own unit.

    Args:
        evaluation: its name, a variant may follow.
        scores: (N, K) class scores; minus infinity rules a class out.

    Returns:
        (N,) numbers, and whether they are shares in [0, 1].
    """
    values = scores.astype(np.float64)
    kind = evaluation.split()[0]
    if kind in VOTES:
        votes = np.maximum(values, 0)  # classes without a vote are ruled out
        return votes.max(1) / np.maximum(votes.sum(1), np.finfo(np.float64).tiny), True
    if kind in LOG_ODDS:
        return 1 / np.exp(values - values.max(1, keepdims=True)).sum(1), True
    if values.shape[1] < 2:
        return np.zeros(len(values)), False
    two = np.sort(values, axis=1)[:, -2:]
    ahead = two[:, 1] - two[:, 0]
    return np.where(np.isfinite(ahead), ahead, np.finfo(np.float32).max.astype(np.float64)), False


def examples_of(judged: Judged, most: int) -> list[str]:
    """Return names of test sequences worth a look, the most telling first: at most ``most``.

    In turn: the most confidently wrong, the most confidently right, and of the pairs of classes that are
    mistaken for each other, the most frequent first, an example each.
    """
    order = np.argsort(-judged.confidence, kind="stable")
    wrong = judged.said != judged.labels
    lists: list[list[int]] = [order[wrong[order]].tolist(), order[~wrong[order]].tolist(), _of_pairs(judged)]
    found: dict[int, None] = {}
    for turn in range(max(map(len, lists), default=0)):
        found |= {each[turn]: None for each in lists if turn < len(each)}
        if len(found) >= most:
            break
    return [judged.names[place] for place in list(found)[:most]]


def _of_pairs(judged: Judged) -> list[int]:
    """Return wrong sequences: one of every pair of classes, frequent pairs first, then the next of each."""
    pairs: dict[tuple[int, int], list[int]] = {}
    order = np.argsort(-judged.confidence, kind="stable")
    for place in order[(judged.said != judged.labels)[order]].tolist():
        pairs.setdefault((int(judged.labels[place]), int(judged.said[place])), []).append(place)
    ranked = sorted(pairs.values(), key=len, reverse=True)
    longest = max(map(len, ranked), default=0)
    return [pair[turn] for turn in range(longest) for pair in ranked if turn < len(pair)]
