"""A CSV manifest: labels, subjects and splits of recordings, in a table beside them.

The first line names the columns. ``file`` is needed: a recording's path in its folder, or its name.
``label`` is the class by name. ``split`` makes the protocol ``given`` of ``train`` and ``test`` (empty:
neither), and ``split_xsub`` the protocol ``xsub``. Any other column, e.g. ``subject``, is an attribute:
numbers, or names. An empty field is an unknown one.
What a manifest says of a recording goes before what the recording's file says.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from skelact.errors import DataError, suggest
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence
from skelact.formats.exclusions import MALFORMED, Exclusion, UnusableRecordingError
from skelact.formats.protocol import GIVEN, SIDES, attribute_of, given_protocol

MANIFEST_FILE = "manifest.csv"

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SPLIT = "split"
_REMEDY = "correct the line or write the table again as UTF-8 CSV"


@dataclass(frozen=True)
class ManifestEntry:
    """A manifest's line."""

    label: str | None
    """The class by name."""
    numbers: Mapping[str, int]
    """Attributes that are numbers, and sides of protocols."""
    names: Mapping[str, str]
    """Attributes that are names."""


@dataclass(frozen=True)
class Manifest:
    """A table of recordings."""

    entries: Mapping[str, ManifestEntry]
    """By the path or name in the column ``file``."""
    protocols: tuple[str, ...]
    """Names of the protocols whose splits it gives."""

    def find(self, file: str, stem: str) -> ManifestEntry | None:
        """Return the line of the recording with this path and this name, or None."""
        return self.entries.get(file) or self.entries.get(stem)


def read_manifest(file: str, data: bytes) -> Manifest:
    """Read a manifest.

    Args:
        file: how errors call it.
        data: its bytes.

    Raises:
        DataError: not UTF-8 CSV, no column ``file``, a column's name or a side that is not known, a line with
            too few or too many fields, or a recording that is listed twice; the message names the line.
    """
    rows = _rows(file, data)
    columns = rows[0][1] if rows else []
    if "file" not in columns or len(set(columns)) < len(columns):
        raise DataError(
            f"{file}: line 1: columns {', '.join(map(repr, columns))[:100] or 'none'}; expected names that "
            f"differ, file among them; {_REMEDY}"
        )
    for column in columns:
        if not _COLUMN.fullmatch(column):
            raise DataError(f"{file}: line 1: column {column[:40]!r}; expected small letters, digits and _")
    splits = {
        column: column.removeprefix("split_") if column != _SPLIT else GIVEN
        for column in columns
        if column == _SPLIT or column.startswith("split_")
    }
    if len(set(splits.values())) < len(splits) or "" in splits.values():
        raise DataError(f"{file}: line 1: two splits are called {GIVEN!r}, or one has no name; rename it")
    others = [column for column in columns if column not in ("file", "label", *splits)]
    for line, row in rows[1:]:
        if len(row) != len(columns):
            raise DataError(f"{file}: line {line}: {len(row)} fields; expected {len(columns)}; {_REMEDY}")
    is_number = {
        column: all(_is_count(row[columns.index(column)]) for _, row in rows[1:]) for column in others
    }
    entries: dict[str, ManifestEntry] = {}
    for line, row in rows[1:]:
        fields = {column: value for column, value in zip(columns, row, strict=True) if value}
        key = fields.get("file", "").replace("\\", "/").removeprefix("./")
        if not key or key in entries:
            state = f"{key[:100]!r} is listed a second time" if key else "no file"
            raise DataError(f"{file}: line {line}: {state}; {_REMEDY}")
        sides = {
            attribute_of(protocol): _side(file, line, column, fields[column])
            for column, protocol in splits.items()
            if column in fields
        }
        entries[key] = ManifestEntry(
            label=fields.get("label"),
            numbers={
                column: int(fields[column]) for column in others if column in fields and is_number[column]
            }
            | sides,
            names={column: fields[column] for column in others if column in fields and not is_number[column]},
        )
    if not entries:
        raise DataError(f"{file}: no recording is listed; expected a line for each")
    return Manifest(entries, tuple(splits.values()))


def _rows(file: str, data: bytes) -> list[tuple[int, list[str]]]:
    """Return each line's number and fields, without spaces around them; empty lines are left out."""
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, [value.strip() for value in row]) for row in reader]
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: byte {error.start} is not UTF-8; {_REMEDY}") from error
    except csv.Error as error:
        raise DataError(f"{file}: not CSV ({error}); {_REMEDY}") from error
    return [(line, row) for line, row in rows if any(row)]


def _is_count(value: str) -> bool:
    return not value or (value.isascii() and value.isdigit() and len(value) < 10)


def _side(file: str, line: int, column: str, value: str) -> int:
    if value not in SIDES:
        raise DataError(
            f"{file}: line {line}: {column} is {value[:40]!r}{suggest(value[:40], SIDES)}; {_REMEDY}"
        )
    return SIDES.index(value)


NOT_LISTED = "not in the manifest"
NOT_THERE = "in the manifest, but not there"

Describe = Callable[[RawFile], LabelledSequence]
"""Reads a file of one sequence, with the names that it tells itself. It goes to other processes."""


def with_manifest(
    data_set: DataSet, files: Sequence[RawFile], describe: Describe, names: tuple[str, ...] | None
) -> DataSet:
    """Return the data set as the manifest among ``files`` has it, or as it is where there is none.

    Args:
        data_set: before its folder is known.
        files: all files of the folder.
        describe: reads a recording.
        names: the only classes that labels may name; None: any.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
    """
    found = [file for file in files if file.name.rpartition("/")[2] == MANIFEST_FILE]
    if len(found) > 1:
        raise DataError(f"{found[0].name} and {found[1].name}: expected one manifest; join them")
    table = read_manifest(found[0].name, found[0].read()) if found else None
    used = replace(data_set, read=partial(_read, describe=describe, manifest=table, names=names))
    if table is None:
        return used
    recordings = [file for file in files if file.suffix == data_set.suffix]
    listed = {key for file in recordings for key in (file.name, file.stem)}
    return replace(
        used,
        side_files=frozenset({found[0].name}),
        excluded_files=(
            *(
                Exclusion(file.name, NOT_LISTED)
                for file in recordings
                if table.find(file.name, file.stem) is None
            ),
            *(Exclusion(entry, NOT_THERE) for entry in table.entries if entry not in listed),
        ),
        attribute_values={attribute_of(name): SIDES for name in table.protocols},
        given_protocols=tuple(given_protocol(name) for name in table.protocols),
    )


def _read(
    file: RawFile, *, describe: Describe, manifest: Manifest | None, names: tuple[str, ...] | None
) -> Iterator[Item]:
    """Yield a file's sequence; what the manifest says of it goes before what the file says."""
    described = describe(file)
    sequence, words = described.sequence, dict(described.names)
    entry = None if manifest is None else manifest.find(file.name, file.stem)
    if entry is not None:
        numbers = {name: value for name, value in sequence.attributes.items() if name not in entry.names}
        words = {name: word for name, word in words.items() if name not in entry.numbers}
        words.update(entry.names)
        sequence = replace(sequence, attributes={**numbers, **entry.numbers})
        if entry.label is not None:
            sequence, words["label"] = replace(sequence, label=None), entry.label
    if sequence.label is not None and names is None:
        detail = f"{sequence.label} is a class's number, but the classes have no names"
        remedy = "give their names with --class-names, or write the class's name"
        raise UnusableRecordingError(MALFORMED, file.name, "label", f"{detail}; {remedy}")
    if "label" in words and names is not None and words["label"] not in names:
        detail = f"{words['label']!r} is not one of --class-names{suggest(words['label'], names)}"
        raise UnusableRecordingError(MALFORMED, file.name, "label", detail)
    yield LabelledSequence(sequence, words)
    yield from described.notes
