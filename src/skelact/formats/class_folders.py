"""Recordings whose class is told by the sub-folder that they lie in."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from skelact.errors import DataError, suggest
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence, Reader, any_name
from skelact.formats.exclusions import MALFORMED, Exclusion, UnusableRecordingError, shown
from skelact.formats.manifest import MANIFEST_FILE, is_manifest, read_manifest
from skelact.formats.notes import Note
from skelact.formats.protocol import SIDES, side_of

ALIKE = "two classes of one name but for capital letters, blanks or how accents are kept"
ADVICE = f"put every class into a sub-folder of its own, or name the classes in a {MANIFEST_FILE}"
OTHER_CLASS = "files that tell another class than the folder that they lie in, which counts"
OWN_CLASS = "files that tell their class themselves, which counts before the folder that they lie in"
_SAMPLED = 8
"""Recordings that are asked whether the files tell classes themselves, and"""
_ITEMS = 64
"""sequences of each."""
_LISTED = 8
_NEARLY = 0.75


def with_class_folders(
    data_set: DataSet, raw: Path, files: Sequence[RawFile], recordings: Sequence[RawFile], teaching: bool
) -> DataSet:
    """Return a data set whose classes are the outermost folders, or as it is where these are none.

    They are where there are two or more, no manifest names a class, and the files tell none themselves. In
    teaching, where every file has to have a class, files tell it only if they tell several, and folders then
    replace what a file tells; otherwise a file's class stays. Where an archive holds one folder that holds
    all, they are those in it. Published data sets, whose files' names tell the class and may lie in any
    folders, have folders for classes in teaching alone.

    Args:
        data_set: after its survey.
        raw: where the files lie, for messages.
        files: all of them.
        recordings: the files that are read.
        teaching: whether folders that cannot be classes are an error, not a remark, or none.

    Raises:
        DataError: a manifest that cannot be used; with ``teaching`` a recording in no folder, two folders
            whose names look alike, or folders that are called as the sides of a split are.
    """
    is_own = data_set.is_member is any_name
    if not (is_own or teaching):
        return data_set
    manifests = [read_manifest(file.name, file.read("metadata")) for file in files if is_manifest(file.name)]
    if any(entry.label is not None for manifest in manifests for entry in manifest.entries.values()):
        return data_set
    considered = files if teaching else recordings
    around = _depth(considered)
    folders = {_folder(file.name, around) for file in considered if not file.name.endswith("/")} - {""}
    if len(folders) < 2:
        return data_set
    told = _told(data_set, recordings) if is_own else set()
    if told and not teaching:
        return data_set
    if len(told) > 1:
        if told <= folders:
            return data_set
        return _remarking(
            data_set,
            f"classes are those that the files tell, not the folders {_some(folders)}; a {MANIFEST_FILE} "
            "with a column label says otherwise",
        )
    depth = _depth(recordings)
    counts = Counter(_folder(file.name, depth) for file in recordings)
    if not teaching and 2 * list(counts.values()).count(1) > len(counts):  # a folder a recording, mostly
        return data_set
    problem = _problem(raw, recordings, depth, teaching)
    if problem and teaching:
        raise DataError(problem)
    if problem:
        return _remarking(data_set, f"sub-folders are not taken for classes: {problem}")
    remarks = [] if manifests else _recurring(recordings, depth)
    if not teaching:
        remarks = [
            f"classes are the folders {_some(folders)}; a {MANIFEST_FILE} with a column label says otherwise",
            *remarks,
        ]
    names = None if teaching else data_set.class_names
    read = partial(_read, read=data_set.read, depth=depth, names=names, is_own=is_own, replaces=teaching)
    settings = {**data_set.settings, "class_folders": True}
    return _remarking(replace(data_set, class_names=names, read=read, settings=settings), *remarks)


def plain_name(name: str) -> str:
    """Return a class's name without what nobody sees: capitals, blanks around it, how accents are kept."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _remarking(data_set: DataSet, *remarks: str) -> DataSet:
    return replace(data_set, remarks=(*data_set.remarks, *remarks))


def _some(names: Collection[str]) -> str:
    return ", ".join([*sorted(names)[:_LISTED], *["..."] * (len(names) > _LISTED)])


def _problem(raw: Path, recordings: Sequence[RawFile], depth: int, teaching: bool) -> str:
    """Return why folders cannot be classes, and what to do; nothing where they can."""
    seen: dict[str, str] = {}
    for file in recordings:
        folder = _folder(file.name, depth)
        if not folder:
            return f"{raw / file.name}: lies in no sub-folder, which would name its class; {ADVICE}"
        other = seen.setdefault(plain_name(folder), folder)
        if other != folder:
            return (
                f"{raw}: {other!r} and {folder!r}: {ALIKE}; rename one, or move its recordings into the other"
            )
    of_sides = [name for folder, name in seen.items() if any(map(_is_side, re.split(r"[\W_]+", folder)))]
    if not teaching and of_sides:  # as xsub_train
        return (
            f"{_some(of_sides)}: called as sides of a split are; if they are classes, say it in a "
            f"{MANIFEST_FILE} with a column label"
        )
    if len(seen) > 1 and all(map(_is_side, seen)):
        sides = " and ".join(sorted(seen.values()))
        return (
            f"{raw}: its folders are called {sides}, as sides of a split are, not classes; give one of them, "
            f"as {raw / min(seen.values())}, or rename them, or say it in a {MANIFEST_FILE}"
        )
    return ""


def _is_side(word: str) -> bool:
    return side_of(word) in {*SIDES, "val"}


def _told(data_set: DataSet, recordings: Sequence[RawFile]) -> set[str]:
    """Return the classes, by name or number, that some files from all over tell themselves."""
    found: set[str] = set()
    for file in recordings[:: -(-len(recordings) // _SAMPLED)]:
        try:
            for item in islice(data_set.read(file), _ITEMS):
                if isinstance(item, Exclusion | Note):
                    continue
                told = item if isinstance(item, LabelledSequence) else LabelledSequence(item)
                label = told.names.get("label", told.sequence.label)
                found |= set() if label is None else {str(label)}
        except UnusableRecordingError:
            continue
    return found


def _recurring(recordings: Sequence[RawFile], depth: int) -> list[str]:
    """Return a line where (nearly) every class holds the same folders."""
    inside: dict[str, set[str]] = {}
    for file in recordings:
        inside.setdefault(_folder(file.name, depth), set()).add(_folder(file.name, depth + 1))
    counts = Counter(name for names in inside.values() for name in names if name)
    often = [name for name, count in counts.items() if count >= max(2, _NEARLY * len(inside))]
    if len(often) < 2:
        return []
    hold = "every class holds" if all(counts[name] == len(inside) for name in often) else "most classes hold"
    return [
        f"{hold} the folders {_some(often)}: if these are the classes, or tell who was recorded, say it in a "
        f"{MANIFEST_FILE} with columns file, label, subject"
    ]


def _depth(files: Sequence[RawFile]) -> int:
    """Return how many folders lie around those of the classes: one where an archive has one for all."""
    tops = {_folder(file.name, 0) for file in files}
    deeper = all(_folder(file.name, 1) for file in files)
    return int(len(tops) == 1 and deeper and all(file.is_packed for file in files))


def _folder(name: str, depth: int) -> str:
    """Return the folder of a path that so many others lie around; empty where there is none."""
    folders = name.split("/")[:-1]
    return folders[depth] if len(folders) > depth else ""


def _read(
    file: RawFile, *, read: Reader, depth: int, names: tuple[str, ...] | None, is_own: bool, replaces: bool
) -> Iterator[Item]:
    folder = _folder(file.name, depth)
    if names is not None and folder not in names:
        detail = f"{shown(folder)} is not one of --class-names{suggest(folder[:40], names)}"
        raise UnusableRecordingError(MALFORMED, file.name, "folder", detail)
    differs = own = False
    for item in read(file):
        if isinstance(item, Exclusion | Note):
            yield item
            continue
        told = item if isinstance(item, LabelledSequence) else LabelledSequence(item)
        if not replaces and (told.sequence.label is not None or "label" in told.names):
            yield told
            own = True
            continue
        differs |= told.names.get("label", folder) != folder
        yield replace(
            told,
            sequence=replace(told.sequence, label=None),
            names={**told.names, "label": folder},
            class_number=None,
        )
    if differs and is_own:
        yield Note(file.name, OTHER_CLASS)
    if own:
        yield Note(file.name, OWN_CLASS)
