"""The data set ``pose-json``: recordings of one's own, a pose-JSON file each, and a manifest where wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from skelact.errors import DataError, suggest
from skelact.preparation.account import Exclusion
from skelact.preparation.data_set import DataSet, any_name
from skelact.preparation.own_settings import (
    own_class_names,
    own_min_confidence,
    own_protocol,
    own_topology,
    recorded,
)
from skelact.preparation.reading import Item, Named
from skelact.skeleton.topology import Topology
from skelact.sources import manifest as tables
from skelact.sources.archives import RawFile
from skelact.sources.manifest import Manifest, read_manifest
from skelact.sources.own_splits import SIDES, attribute_of
from skelact.sources.pose_json import SUFFIX, read_pose_json
from skelact.sources.unusable import MALFORMED, UnusableRecordingError

NOT_LISTED = "not in the manifest"
NOT_THERE = "in the manifest, but not there"


def pose_json() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="pose-json",
        topology=None,
        fps=None,
        class_names=None,
        suffix=SUFFIX,
        example="jump-01.json",
        belongs=any_name,
        read=_read,
        settings={"topology": None, "class_names": None, "min_confidence": 0.0},
        survey=survey,
    )


def survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the manifest among ``files``, if there is one.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    settings = data_set.settings
    topology, names = own_topology(settings), own_class_names(settings)
    min_confidence = own_min_confidence(settings)
    found = [file for file in files if file.name.rpartition("/")[2] == tables.FILE_NAME]
    if len(found) > 1:
        raise DataError(f"{found[0].name} and {found[1].name}: expected one manifest; join them")
    table = read_manifest(found[0].name, found[0].read()) if found else None
    used = replace(
        data_set,
        class_names=names,
        read=partial(_read, manifest=table, topology=topology, names=names, min_confidence=min_confidence),
        settings=recorded(settings, topology, names),
    )
    if table is None:
        return used
    recordings = [file for file in files if file.suffix == SUFFIX]
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
    file: RawFile,
    *,
    manifest: Manifest | None = None,
    topology: Topology | None = None,
    names: tuple[str, ...] | None = None,
    min_confidence: float = 0.0,
) -> Iterator[Item]:
    """Yield a file's sequence; what the manifest says of it goes before what the file says."""
    pose = read_pose_json(file.name, file.stem, file.read(), topology=topology, min_confidence=min_confidence)
    sequence, words = pose.sequence, dict(pose.names)
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
