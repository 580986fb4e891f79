"""A CSV manifest: labels, subjects and splits of recordings, in a table beside them.

The first line names the columns, in letters of any case; fields are separated by commas, or all by semicolons
or tabs. ``file`` is needed: a recording's path in its folder, or its name, with or without the ending, or
with that of its video; blanks around it and how accents are kept do not count. ``label`` is the class by
name; -1 is none. ``split`` makes the protocol ``given`` of ``train`` and ``test`` (empty: neither), and
``split_xsub`` the protocol ``xsub``; see :func:`~skelact.formats.protocol.side_names` for other sides. Any
other column, e.g. ``subject``, is an attribute: numbers, or names. An empty field is an unknown one.
What a manifest says of a recording goes before what the recording's file says.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from skelact.errors import DataError, suggest
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence
from skelact.formats.exclusions import MALFORMED, Exclusion, UnusableRecordingError, shown
from skelact.formats.number_text import separator_of
from skelact.formats.protocol import (
    GIVEN,
    SIDES,
    attribute_of,
    side_names,
    side_number,
    side_of,
    split_protocols,
    split_remarks,
)
from skelact.limits import check_limit

MANIFEST_FILE = "manifest.csv"
_LIKE_LABEL = ("class", "class_name", "action", "activity", "gesture", "category")
"""What other tables call the column ``label``; here these are attributes."""
NO_LABEL = "-1"
"""What stands for no class, as nothing does."""

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OF_FILES = re.compile(
    r"(.+)\.(?:avi|mp4|mov|mkv|webm|mpe?g|wmv|json|csv|txt|npy|pkl|bvh|c3d|skeleton)", re.IGNORECASE
)
_MAX_COLUMNS = 100
_SPLIT = "split"
_REMEDY = "correct the line or write the table again as UTF-8 CSV"


@dataclass(frozen=True)
class ManifestEntry:
    """A manifest's line."""

    line: int
    """Its number, from 1."""
    label: str | None
    """The class by name."""
    numbers: Mapping[str, int]
    """Attributes that are numbers, and sides of protocols."""
    names: Mapping[str, str]
    """Attributes that are names."""


@dataclass(frozen=True)
class Manifest:
    """A table of recordings."""

    file: str
    """How errors call it."""
    entries: Mapping[str, ManifestEntry]
    """By the path or name in the column ``file``."""
    sides: Mapping[str, tuple[str, ...]]
    """The protocols whose splits it gives, and the names of their sides' numbers."""
    remarks: tuple[str, ...] = ()
    """What looks meant otherwise than it is taken."""

    def match(self, paths: Sequence[str]) -> dict[str, ManifestEntry]:
        """Return the lines of the recordings with these paths; those that are not listed are left out.

        A line names a recording by the end of its path, with or without the file's ending; its own path may
        also begin further up than theirs.

        Raises:
            DataError: a line could mean several recordings, or two lines mean one.
        """
        by_tail: dict[str, list[str]] = {}
        for path in paths:
            for tail in _tails(path):
                for key in dict.fromkeys(_spellings(tail)):
                    by_tail.setdefault(key, []).append(path)
        whole: dict[str, str] = {}
        for keys in zip(*map(_spellings, paths), strict=True):  # whole paths go before what is left of others
            for key, path in zip(keys, paths, strict=True):
                whole.setdefault(key, path)
        found: dict[str, ManifestEntry] = {}
        for listed, entry in self.entries.items():
            meant = by_tail.get(listed, [])
            if not meant:
                meant = [whole[tail] for tail in _tails(listed) if tail in whole][:1]
            if not meant and (other := _OF_FILES.fullmatch(listed)):
                meant = by_tail.get(other[1], [])
            exact = [path for path in meant if listed in _spellings(path)]
            meant = exact[:1] if len(exact) == 1 else meant
            place = f"{self.file}: line {entry.line}: {listed[:100]!r}"
            if len(meant) > 1:
                raise DataError(f"{place} could be {meant[0]} or {meant[1]}; write the path")
            if meant and meant[0] in found:
                first = found[meant[0]].line
                raise DataError(f"{place} is {meant[0]}, which line {first} lists already; {_REMEDY}")
            if meant:
                found[meant[0]] = entry
        return found


def _tails(path: str) -> Iterator[str]:
    """Yield a path and what is left of it without its first folder, its first two, and so on."""
    while path:
        yield path
        path = path.partition("/")[2]


def _spellings(path: str) -> tuple[str, ...]:
    """Return how a manifest may write a path; its fields have one kind of accents, and no blanks around."""
    path = unicodedata.normalize("NFC", path)
    short = _without_ending(path)
    return path, short, path.strip(), short.strip()


def _without_ending(path: str) -> str:
    stem, dot, ending = path.rpartition(".")
    return stem if dot and stem and not stem.endswith("/") and "/" not in ending else path


def read_manifest(file: str, data: bytes) -> Manifest:
    """Read a manifest.

    Args:
        file: how errors call it.
        data: its bytes.

    Raises:
        DataError: not UTF-8 CSV, no column ``file``, a column's name or a side that is not known, a line with
            too few or too many fields, or a recording that is listed twice; the message names the line.
    """
    rows = _without_empty_columns(_rows(file, data))
    columns = [re.sub(r"[ .-]+", "_", name.lower()) for name in rows[0][1]] if rows else []
    if len(columns) > _MAX_COLUMNS:
        raise DataError(f"{file}: line 1: {len(columns):,} columns; expected up to {_MAX_COLUMNS}")
    if "file" not in columns or len(set(columns)) < len(columns):
        raise DataError(
            f"{file}: line 1: columns {', '.join(map(repr, columns))[:100] or 'none'}; expected names that "
            f"differ, file among them; {_REMEDY}"
        )
    for column in columns:
        if not _COLUMN.fullmatch(column):
            raise DataError(f"{file}: line 1: column {column[:40]!r}; expected letters, digits and _")
    splits: dict[str, str] = {
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
    sides = {column: _sides(file, rows[1:], columns.index(column), column) for column in splits}
    names_of = {column: side_names(filter(None, sides[column])) for column in splits}
    entries: dict[str, ManifestEntry] = {}
    for number, (line, row) in enumerate(rows[1:]):
        fields = {column: value for column, value in zip(columns, row, strict=True) if value}
        key = fields.get("file", "").replace("\\", "/").removeprefix("./")
        if not key or key in entries:
            state = f"{key[:100]!r} is listed a second time" if key else "no file"
            raise DataError(f"{file}: line {line}: {state}; {_REMEDY}")
        check_limit("name", max(map(len, row)), f"{file}: line {line}")
        in_splits = {
            attribute_of(protocol): side_number(names_of[column], side)
            for column, protocol in splits.items()
            if (side := sides[column][number])
        }
        entries[key] = ManifestEntry(
            line=line,
            label=None if fields.get("label") == NO_LABEL else fields.get("label"),
            numbers={
                column: int(fields[column]) for column in others if column in fields and is_number[column]
            }
            | in_splits,
            names={column: fields[column] for column in others if column in fields and not is_number[column]},
        )
    if not entries:
        raise DataError(f"{file}: no recording is listed; expected a line for each")
    sides_of = {protocol: names_of[column] for column, protocol in splits.items()}
    remarks = [
        f"{file}: column {column} is kept as an attribute; call it label to make it the class"
        for column in _LIKE_LABEL
        if column in columns and "label" not in columns
    ]
    for column, protocol in splits.items():
        names, used = names_of[column], sorted(set(filter(None, sides[column])))
        there = {side_number(names, side) for side in used}
        remarks += [
            f"{file}: {column} says {', '.join(used)[:60]}, nobody {side}: protocol {protocol} cannot be used"
            for number, side in enumerate(names[: len(SIDES)])
            if used and number not in there
        ][:1]
    return Manifest(file, entries, sides_of, tuple(remarks))


def is_manifest(name: str) -> bool:
    """Tell whether a path is a manifest's: its file is called so, in letters of any case."""
    return name.rpartition("/")[2].lower() == MANIFEST_FILE


def _rows(file: str, data: bytes) -> list[tuple[int, list[str]]]:
    """Return each line's number and fields, without spaces around them; empty lines are left out."""
    try:
        text = unicodedata.normalize("NFC", data.decode("utf-8-sig"))  # accents of one kind
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator_of(text))
        rows = [(reader.line_num, [value.strip() for value in row]) for row in reader]
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: byte {error.start} is not UTF-8; {_REMEDY}") from error
    except csv.Error as error:
        raise DataError(f"{file}: not CSV ({error}); {_REMEDY}") from error
    return [(line, row) for line, row in rows if any(row)]


def _without_empty_columns(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Return rows without the columns at their end that hold nothing, as spreadsheets add."""
    width = max((len(row) for _, row in rows), default=0)
    used = max((number + 1 for _, row in rows for number, value in enumerate(row) if value), default=width)
    return [(line, row[:used]) for line, row in rows]


def _is_count(value: str) -> bool:
    return not value or (value.isascii() and value.isdigit() and len(value) < 10)


def _sides(file: str, rows: Sequence[tuple[int, list[str]]], place: int, column: str) -> list[str]:
    """Return the side in each line of a split's column, empty for none."""
    sides = []
    for line, row in rows:
        value = row[place]
        side = side_of(value) if value else ""
        if side is None:
            known = suggest(value[:40], (*SIDES, "val"))
            raise DataError(f"{file}: line {line}: {column} is {value[:40]!r}{known}; {_REMEDY}")
        sides.append(side)
    return sides


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
    found = [file for file in files if is_manifest(file.name)]
    if len(found) > 1:
        raise DataError(f"{found[0].name} and {found[1].name}: expected one manifest; join them")
    table = read_manifest(found[0].name, found[0].read("metadata")) if found else None
    recordings = [file.name for file in files if file.suffix == data_set.suffix and file not in found]
    entries = {} if table is None else table.match(recordings)
    known = None if names is None else frozenset(names)
    used = replace(data_set, read=partial(_read, describe=describe, entries=entries, names=known))
    if table is None:
        return used
    if recordings and not entries:
        raise DataError(
            f"{table.file}: lists {next(iter(table.entries))!r}, and the recordings are called "
            f"{recordings[0]!r}; write their paths in the column file"
        )
    here = {entry.line for entry in entries.values()}
    return replace(
        used,
        side_files=frozenset({found[0].name}),
        excluded_files=(
            *(Exclusion(path, NOT_LISTED) for path in recordings if path not in entries),
            *(Exclusion(key, NOT_THERE) for key, entry in table.entries.items() if entry.line not in here),
        ),
        remarks=(
            *used.remarks,
            *table.remarks,
            *(remark for name, sides in table.sides.items() for remark in split_remarks(name, sides)),
        ),
        attribute_values={attribute_of(name): sides for name, sides in table.sides.items()},
        given_protocols=tuple(
            protocol for name, sides in table.sides.items() for protocol in split_protocols(name, sides)
        ),
    )


def _read(
    file: RawFile,
    *,
    describe: Describe,
    entries: Mapping[str, ManifestEntry],
    names: frozenset[str] | None,
) -> Iterator[Item]:
    """Yield a file's sequence; what the manifest says of it goes before what the file says."""
    described = describe(file)
    sequence, words, class_number = described.sequence, dict(described.names), described.class_number
    entry = entries.get(file.name)
    if entry is not None:
        numbers = {name: value for name, value in sequence.attributes.items() if name not in entry.names}
        words = {name: word for name, word in words.items() if name not in entry.numbers}
        words.update(entry.names)
        sequence = replace(sequence, attributes={**numbers, **entry.numbers})
        if entry.label is not None:
            sequence, words["label"], class_number = replace(sequence, label=None), entry.label, None
    if sequence.label is not None and names is None:
        detail = f"{sequence.label} is a class's number, but the classes have no names"
        remedy = "give their names with --class-names, or write the class's name"
        raise UnusableRecordingError(MALFORMED, file.name, "label", f"{detail}; {remedy}")
    if "label" in words and names is not None and words["label"] not in names:
        label = words["label"]
        detail = f"{shown(label)} is not one of --class-names{suggest(label[:40], names)}"
        raise UnusableRecordingError(MALFORMED, file.name, "label", detail)
    yield LabelledSequence(sequence, words, class_number=class_number, unit=described.unit)
    yield from described.notes
