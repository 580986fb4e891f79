"""The journal of a preparation: which raw files are done, so that a killed one can go on where it stopped.

One JSON line a file, after a header line that says what the preparation is of. A line is written only when
the arrays it speaks of are on the disk; a line that a kill cut short is no line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from skelact.errors import DataError
from skelact.formats.exclusions import Exclusion

try:
    import fcntl
except ImportError:  # no such locks on this system: nothing tells two preparations of one store apart
    fcntl = None  # type: ignore[assignment]

FILE_NAME = "journal.jsonl"

_to_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True)
class Row:
    """One sequence of a store: all of it but the arrays."""

    name: str
    num_rows: int
    """Present body-frames."""
    num_bodies: int
    num_kept: int
    """Frames in which a body is present."""
    num_frames: int
    joints_missing: bool
    """Whether a joint of a present body is missing."""
    fps: float | None
    label: int | None
    attributes: Mapping[str, int]
    names: Mapping[str, str]
    """Class and attributes that are known by name."""
    topology: Mapping[str, Any] | None = None
    """The first sequence's skeleton, where the store did not know its skeleton before."""
    num_coordinates: int | None = None
    """Likewise, its number of coordinates."""


@dataclass(frozen=True)
class Entry:
    """One raw file that is done."""

    rows: list[Row] = field(default_factory=list)
    exclusions: list[Exclusion] = field(default_factory=list)

    def to_json(self) -> bytes:
        """Return the journal's line."""
        table = {
            "rows": [vars(row) for row in self.rows],
            "excluded": [vars(one) for one in self.exclusions],
        }
        return _to_json(table).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Entry:
        """Return the entry of a journal's line.

        Raises:
            KeyError, TypeError, ValueError: not such a line.
        """
        table = json.loads(line)
        return cls([Row(**row) for row in table["rows"]], [Exclusion(**one) for one in table["excluded"]])


class Journal:
    """The journal in ``folder``, made if it is not there, and locked: one preparation of a store at a time.

    Raises:
        DataError: another process is preparing this store.
    """

    def __init__(self, folder: Path) -> None:
        self._file: BinaryIO = (folder / FILE_NAME).open("a+b")
        self._pending: list[bytes] = []
        if fcntl is None:
            return
        try:  # such a lock ends with its process, however it ends, and its workers do not inherit it
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            message = f"{folder}: another process is preparing this store; wait for it or choose another name"
            raise DataError(message) from error

    def read(self) -> Iterator[tuple[dict[str, Any] | Entry, int]]:
        """Yield the header, then the entries, and where each line ends; a broken line ends it all."""
        self._file.seek(0)
        end = 0
        for number, line in enumerate(self._file):
            end += len(line)
            try:
                if not line.endswith(b"\n"):
                    return
                yield (Entry.from_json(line) if number else dict(json.loads(line))), end
            except (KeyError, TypeError, ValueError):
                return

    def start(self, header: Mapping[str, str]) -> None:
        """Forget everything and write the header."""
        self.cut(0)
        self._pending = [json.dumps(header).encode() + b"\n"]
        self.write()

    def cut(self, end: int) -> None:
        """Forget everything from byte ``end`` on."""
        self._file.truncate(end)

    def add(self, entry: Entry) -> None:
        """Take note of a file that is done, for the next :meth:`write`."""
        self._pending.append(entry.to_json())

    @property
    def num_pending(self) -> int:
        """Entries not yet written."""
        return len(self._pending)

    def write(self) -> None:
        """Bring the pending entries to the disk."""
        self._file.write(b"".join(self._pending))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._pending = []

    def close(self) -> None:
        """Close the file, which ends the lock."""
        self._file.close()
