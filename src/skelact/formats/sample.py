"""What tells a raw file's format: how it begins, the keys of its JSON, the arrays in its archive."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from skelact.formats.archives import DAMAGED, RawFile
from skelact.formats.number_text import float_of

HEAD = 1 << 16
"""Bytes of a file that are looked at."""

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]')
_JSON_BEGINNING = re.compile(r"\s*[\[{]")


@dataclass(frozen=True)
class Sample:
    """What of a file is looked at."""

    file: RawFile
    head: bytes
    """Its first :data:`HEAD` bytes, or all of it."""

    @classmethod
    def of(cls, file: RawFile) -> Sample:
        """Look at a file.

        Raises:
            UnusableRecordingError: it cannot be read.
        """
        return cls(file, file.head(HEAD))

    @cached_property
    def text(self) -> str:
        """The beginning as text, bytes that are no UTF-8 spelt out; empty for what is no text."""
        return "" if b"\0" in self.head else self.head.decode("utf-8-sig", "backslashreplace")

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the beginning, without the last where it may be cut off."""
        lines = self.text.splitlines()
        return lines[:-1] if len(self.head) == HEAD else lines

    @cached_property
    def json_keys(self) -> Mapping[int, frozenset[str]]:
        """The keys of JSON by depth: 1 for those of the outermost table, 2 for tables of an outermost list.

        Empty for what does not begin as JSON does. The file may be of any size: its beginning is enough.
        """
        if not _JSON_BEGINNING.match(self.text):
            return {}
        keys: dict[int, set[str]] = {}
        depth = 0
        for token in _JSON_TOKEN.finditer(self.text):
            if token[0] in "{[":
                depth += 1
                keys.setdefault(depth, set())
            elif token[0] in "}]":
                depth -= 1
            elif token[1]:
                keys.setdefault(depth, set()).add(token[0].removesuffix(token[1])[1:-1])
        return {depth: frozenset(found) for depth, found in keys.items()}

    def has_json_keys(self, depth: int, *names: str) -> bool:
        """Tell whether all ``names`` are keys at ``depth`` of JSON."""
        return self.json_keys.get(depth, frozenset()) >= set(names)

    @cached_property
    def arrays(self) -> frozenset[str]:
        """The names of the arrays of a ``.npz`` file; empty for any other."""
        if not self.head.startswith(b"PK\3\4") or self.file.suffix != ".npz":
            return frozenset()
        place = io.BytesIO(self.file.read()) if self.file.is_packed else self.file.container
        try:
            with zipfile.ZipFile(place) as archive:
                return frozenset(name.removesuffix(".npy") for name in archive.namelist())
        except (*DAMAGED, OSError):
            return frozenset()

    @property
    def is_pickle(self) -> bool:
        """Whether it begins as a pickle of a table or a list does."""
        return self.head.startswith((b"\x80", b"(d", b"(l", b"}", b"]"))


def number_fields(line: str, separator: str | None = None) -> int:
    """Return how many numbers a line holds, 0 where not all of its fields are numbers."""
    fields = line.split(separator)
    is_number = all(number == number for number in (float_of(field.strip().encode()) for field in fields))
    return len(fields) if is_number else 0
