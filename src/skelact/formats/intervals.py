"""The labelled intervals of untrimmed recordings: the truth that detection is scored against."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from skelact.errors import DataError
from skelact.files import read_file

FILE_NAME = "intervals.csv"
"""Where they stand inside the store."""
START, END = "start", "end"
"""Attributes of a trimmed sequence: its labelled interval in the recording, as in :class:`ActionInterval`."""


@dataclass(frozen=True, order=True)
class ActionInterval:
    """One action in an untrimmed recording."""

    recording: str
    """Name of the recording, which is a sequence of the store."""
    action: int
    """Class index from 0, as labels are."""
    start: int
    """Its first frame, from 0."""
    end: int
    """The frame after its last."""


def to_csv(intervals: Iterable[ActionInterval]) -> str:
    """Return the intervals as CSV with a header, by recording and start."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(field.name for field in fields(ActionInterval))
    table.writerows(
        map(astuple, sorted(intervals, key=lambda one: (one.recording, one.start, one.end, one.action)))
    )
    return text.getvalue()


def read_intervals(store: str | Path) -> list[ActionInterval]:
    """Return the intervals of the untrimmed store in folder ``store``.

    Raises:
        DataError: the store has none, or its file cannot be read.
    """
    path = Path(store) / FILE_NAME
    if not os.path.lexists(path):
        raise DataError(f"{store}: no {FILE_NAME}; prepare the recordings with --untrimmed")
    text = read_file(path, remedy="prepare the data again")
    try:
        return [
            ActionInterval(row["recording"], *(_whole_number(row[key]) for key in ("action", START, END)))
            for row in csv.DictReader(io.StringIO(text.decode(), newline=""))
        ]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: not a table of intervals ({error!r}); prepare the data again") from error


def _whole_number(text: str) -> int:
    if len(text) > 18:  # more than any array holds
        raise ValueError(f"the number {text[:18]}...")
    return int(text)
