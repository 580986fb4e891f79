"""Recordings whose class is told by the sub-folder that they lie in."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence, Reader
from skelact.formats.exclusions import Exclusion
from skelact.formats.manifest import MANIFEST_FILE, is_manifest, read_manifest
from skelact.formats.notes import Note
from skelact.formats.protocol import SIDES, side_of

ALIKE = "two classes of one name but for capital letters, blanks or how accents are kept"
ADVICE = f"put every class into a sub-folder of its own, or name the classes in a {MANIFEST_FILE}"


def have_class_folders(files: Sequence[RawFile]) -> bool:
    """Tell whether raw files are sorted by class: in two folders or more, without a manifest of labels.

    Raises:
        DataError: a manifest that cannot be used.
    """
    for file in files:
        if is_manifest(file.name):
            manifest = read_manifest(file.name, file.read("metadata"))
            if any(entry.label is not None for entry in manifest.entries.values()):
                return False
    depth = _depth(files)
    recordings = [file for file in files if not file.name.endswith("/")]  # that is a folder with a fault
    return len({_folder(file.name, depth) for file in recordings} - {""}) > 1


def with_class_folders(data_set: DataSet, raw: Path, recordings: Sequence[RawFile]) -> DataSet:
    """Return a data set whose classes are the outermost folders, whatever else tells of classes.

    Where an archive holds one folder that holds all, they are those in it.

    Args:
        data_set: after its survey.
        raw: where the files lie, for errors.
        recordings: the files that are read.

    Raises:
        DataError: a recording in no folder, two folders whose names look alike, or folders that are called as
            the sides of a split are.
    """
    seen: dict[str, str] = {}
    depth = _depth(recordings)
    for file in recordings:
        folder = _folder(file.name, depth)
        if not folder:
            raise DataError(f"{raw / file.name}: lies in no sub-folder, which would name its class; {ADVICE}")
        other = seen.setdefault(plain_name(folder), folder)
        if other != folder:
            raise DataError(
                f"{raw}: {other!r} and {folder!r}: {ALIKE}; rename one, or move its recordings into the other"
            )
    if len(seen) > 1 and {side_of(folder) for folder in seen} <= {*SIDES, "val"}:
        sides = " and ".join(sorted(seen.values()))
        raise DataError(
            f"{raw}: its folders are called {sides}, as sides of a split are, not classes; teach the classes "
            f"in one of them, as {raw / min(seen.values())}, or rename them"
        )
    return replace(data_set, class_names=None, read=partial(_read, read=data_set.read, depth=depth))


def plain_name(name: str) -> str:
    """Return a class's name without what nobody sees: capitals, blanks around it, how accents are kept."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _depth(files: Sequence[RawFile]) -> int:
    """Return how many folders lie around those of the classes: one where an archive has one for all."""
    tops = {_folder(file.name, 0) for file in files}
    deeper = all(_folder(file.name, 1) for file in files)
    return int(len(tops) == 1 and deeper and all(file.is_packed for file in files))


def _folder(name: str, depth: int) -> str:
    """Return the folder of a path that so many others lie around; empty where there is none."""
    folders = name.split("/")[:-1]
    return folders[depth] if len(folders) > depth else ""


def _read(file: RawFile, *, read: Reader, depth: int) -> Iterator[Item]:
    label = {"label": _folder(file.name, depth)}
    for item in read(file):
        if isinstance(item, Exclusion | Note):
            yield item
            continue
        told = item if isinstance(item, LabelledSequence) else LabelledSequence(item)
        yield replace(
            told,
            sequence=replace(told.sequence, label=None),
            names={**told.names, **label},
            class_number=None,
        )
