"""Notes: what readers left out of recordings that are used or took for granted, counted; stores keep them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from skelact.errors import DataError

FILE_NAME = "notes.csv"
"""Where the table stands inside the store; a store without notes has none."""


@dataclass(frozen=True, order=True)
class Note:
    """What a user should know of one recording that is used."""

    file: str
    """Its path inside the folder or archive of raw recordings."""
    what: str
    """A few words, the same for all recordings it is true of: what was left out or taken for granted."""
    count: int = 0
    """How many of these there are in the file; 0 for what is true of all of it."""


def summary(notes: Iterable[Note]) -> list[str]:
    """Return a line for everything noted: ``WHAT: 3, in 2 files``; what most files have comes first."""
    files: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for note in notes:
        files.setdefault(note.what, set()).add(note.file)
        counts[note.what] = counts.get(note.what, 0) + note.count
    lines = []
    for what in sorted(files, key=lambda what: (-len(files[what]), what)):
        in_files = f"in {len(files[what]):,} {'file' if len(files[what]) == 1 else 'files'}"
        lines.append(f"{what}: {f'{counts[what]:,}, ' if counts[what] else ''}{in_files}")
    return lines


def to_csv(notes: Iterable[Note]) -> str:
    """Return the notes as CSV with a header, ordered by file."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(field.name for field in fields(Note))
    table.writerows((note.file, note.what, note.count) for note in sorted(notes))
    return text.getvalue()


def read_notes(store: str | Path) -> list[Note]:
    """Return the notes of the store in folder ``store``; none for a store without the table.

    Raises:
        DataError: the file is not such a table.
    """
    path = Path(store) / FILE_NAME
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Note(row["file"], row["what"], int(row["count"])) for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: not a table of notes; prepare the data set again") from error
