"""Recordings of one's own with a manifest beside them: it says what the files do not, or says it better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import DataError, suggest
from skelact.preparation.account import Exclusion
from skelact.preparation.data_set import DataSet
from skelact.preparation.own_settings import own_protocol
from skelact.preparation.reading import Item, Named
from skelact.sources import manifest as tables
from skelact.sources.archives import RawFile
from skelact.sources.manifest import Manifest, read_manifest
from skelact.sources.own_splits import SIDES, attribute_of
from skelact.sources.unusable import MALFORMED, UnusableRecordingError

NOT_LISTED = "not in the manifest"
NOT_THERE = "in the manifest, but not there"

Describe = Callable[[RawFile], Named]
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
    found = [file for file in files if file.name.rpartition("/")[2] == tables.FILE_NAME]
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
        own_protocols=tuple(own_protocol(name) for name in table.protocols),
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
    yield Named(sequence, words)
