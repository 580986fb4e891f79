"""Recordings that cannot be used: the error that tells why, and the table of all that were left out."""

from __future__ import annotations

import csv
import io
import os
import reprlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from skelact.errors import DataError, printable
from skelact.files import read_file
from skelact.limits import beyond, limit


class UnusableRecordingError(DataError):
    """One recording that cannot be used. The message is ``<file>: <place>: <detail>``.

    A preparation catches it, sets the recording aside and goes on; read alone, a file raises it.
    """

    def __init__(self, reason: str, file: str, place: str, detail: str) -> None:
        super().__init__(": ".join(part for part in (file, place, detail) if part))
        self.reason = reason
        """A few words under which a preparation counts the recording, e.g. ``malformed file``."""
        self.file = file
        """The recording's file, as it is called in its folder or archive."""
        self.place = place
        """Where in the file, e.g. ``line 12``; empty where the file as a whole is meant."""
        self.detail = detail
        """What was found, what was expected and, where there is one, the remedy."""


MALFORMED = "malformed file"
TOO_LARGE = "larger than the limits"
NO_BODY = "no body in any frame"
NOTHING_SEEN = "no joint of any body was seen"
ALL_ZERO = "all joints zero"
BAD_POSITIONS = "positions that cannot be used"
REMEDY = "copy or export the file again"


def quote(word: bytes) -> str:
    """Return ``word`` for a message: printable, in quotes, and cut after 40 characters."""
    shown = word.decode(errors="replace")
    return repr(shown if len(shown) <= 40 else shown[:37] + "...")


def shown(value: object) -> str:
    """Return any value for a message: printable and short, however deep or large it is."""
    try:
        return printable(reprlib.repr(value))[:60]
    except ValueError:  # a number of more digits than Python writes
        return f"a very large {type(value).__name__}"


def error_text(error: BaseException) -> str:
    """Return an error of another library for a message: printable, in one line, and not too long."""
    return printable(" ".join(str(error).split()))[:200] or type(error).__name__


def malformed(file: str, line: int, detail: str) -> UnusableRecordingError:
    """Return the error of a file that breaks its format at ``line``, counted from 1."""
    return UnusableRecordingError(MALFORMED, file, f"line {line}", f"{detail}; {REMEDY}")


def check_extent(file: str, place: str, bodies: int, frames: int, joints: int) -> None:
    """Refuse a recording of more bodies, frames or joints than the limits, before memory is taken for it.

    Raises:
        UnusableRecordingError: it has more; the message says what raises the limit.
    """
    found = {"bodies": bodies, "frames": frames, "joints": joints, "places": bodies * frames * joints}
    for name, value in found.items():
        if value > limit(name):
            raise UnusableRecordingError(TOO_LARGE, file, place, f"has {beyond(name, value)}")


FILE_NAME = "excluded.csv"
"""Where the table stands inside the store."""
REPEATED = "a recording of this name came before"


@dataclass(frozen=True)
class Exclusion:
    """One file that was not used."""

    file: str
    """Its path inside the folder or archive of raw recordings."""
    reason: str
    """A few words, the same for all files left out for this reason."""
    place: str = ""
    """Where in the file, e.g. ``line 12``; empty for the whole file."""
    detail: str = ""
    """What was found and what was expected; empty where the reason says it all."""

    @classmethod
    def of(cls, error: UnusableRecordingError) -> Exclusion:
        """Return the entry that ``error`` makes."""
        return cls(error.file, error.reason, error.place, error.detail)

    def __str__(self) -> str:
        what = ": ".join(part for part in (self.file, self.place, self.detail) if part)
        return what if self.detail else f"{what}: {self.reason}"


def count_by_reason(exclusions: Iterable[Exclusion]) -> dict[str, int]:
    """Return how many files each reason left out, the most frequent reason first."""
    counts = Counter(exclusion.reason for exclusion in exclusions)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def to_csv(exclusions: Iterable[Exclusion]) -> str:
    """Return the exclusions as CSV with a header, ordered by file."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(field.name for field in fields(Exclusion))
    table.writerows(sorted(map(astuple, exclusions)))
    return text.getvalue()


def read_exclusions(store: str | Path) -> list[Exclusion]:
    """Return what was left out of the store in folder ``store``; nothing for a store without the table.

    Raises:
        DataError: the file cannot be read, or is not such a table.
    """
    path = Path(store) / FILE_NAME
    if not os.path.lexists(path):
        return []
    text = read_file(path, remedy="prepare the data set again")
    try:
        rows = csv.DictReader(io.StringIO(text.decode(), newline=""))
        if rows.fieldnames != [field.name for field in fields(Exclusion)]:
            raise ValueError("another first line")
        return [Exclusion(**row) for row in rows]
    except (TypeError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: not a table of excluded files; prepare the data set again") from error
