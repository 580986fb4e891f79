"""Which data sets and formats there are, and which of them raw files are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.formats.archives import RawFile
from skelact.formats.bandai_namco import bandai_namco_data_set
from skelact.formats.bvh import bvh_data_set
from skelact.formats.c3d_files import c3d_data_set
from skelact.formats.coco_keypoints import coco_keypoints_data_set
from skelact.formats.data_set import DataSet
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.foreign import FOREIGN
from skelact.formats.keypoint_csv import csv_data_set
from skelact.formats.kinect_text import kinect_text_data_set
from skelact.formats.kinetics_skeleton import kinetics_skeleton_data_set
from skelact.formats.mediapipe import mediapipe_data_set
from skelact.formats.msr_action3d import msr_action3d_data_set
from skelact.formats.npy_arrays import npy_data_set
from skelact.formats.ntu import ntu_data_set, synthetic_data_set
from skelact.formats.nw_ucla import nw_ucla_data_set
from skelact.formats.openpose import openpose_data_set
from skelact.formats.padded_npz import padded_npz_data_set
from skelact.formats.pku_mmd import pku_data_set
from skelact.formats.pose_files import pose_data_set
from skelact.formats.pose_json import pose_json_data_set
from skelact.formats.pyskl_data_set import pyskl_data_set
from skelact.formats.sample import Sample
from skelact.formats.sbu import sbu_data_set

AUTO = "auto"
"""In place of a data set's name: find out which it is."""
_MAX_SAMPLES = 64
_ARRAYS = (
    "write an array (frames, joints, coordinates) a recording as pose-JSON, "
    '{"topology": "ntu-25", "fps": 30, "bodies": [{"positions": array.tolist()}]}'
)
_EXPECTED = {
    ".csv": "tables are read with columns frame (or time), joint, x, y (and z), or frame, NAME_x, NAME_y, "
    "... with the joints' names",
    ".json": "what estimators write is read, and pose-JSON: "
    '{"topology": "coco-17", "fps": 30, "bodies": [{"positions": [[[x, y], ...], ...]}]}',
    ".npy": "arrays (sequences, coordinates, frames, joints, bodies) are read; " + _ARRAYS,
    ".npz": "archives with x_train and y_train are read; " + _ARRAYS,
}
"""What to say of files that are of no known format, by their ending."""


@cache
def data_sets() -> dict[str, DataSet]:
    """Return the known data sets by name."""
    known = (
        ntu_data_set(60),
        ntu_data_set(120),
        msr_action3d_data_set(),
        nw_ucla_data_set(),
        sbu_data_set(),
        pku_data_set(1),
        pku_data_set(2),
        bandai_namco_data_set(),
        synthetic_data_set(),
        bvh_data_set(),
        padded_npz_data_set(),
        pyskl_data_set(),
        pose_json_data_set(),
        csv_data_set(),
        npy_data_set(),
        c3d_data_set(),
        pose_data_set(),
        kinect_text_data_set(),
        openpose_data_set(),
        kinetics_skeleton_data_set(),
        coco_keypoints_data_set(),
        mediapipe_data_set(),
    )
    return {data_set.name: data_set for data_set in known}


def find_data_set(name: str) -> DataSet:
    """Return the data set ``name``.

    Raises:
        ConfigurationError: it is unknown; the message names the closest.
    """
    known = data_sets()
    if name not in known:
        raise ConfigurationError(f"no data set {name!r}{suggest(name, (*known, AUTO))}")
    return known[name]


def with_settings(data_set: DataSet, settings: Mapping[str, object]) -> DataSet:
    """Return ``data_set`` with the user's ``settings`` in place of its defaults.

    Raises:
        ConfigurationError: it knows no setting of this name.
    """
    for name in settings.keys() - data_set.settings.keys():
        knowing = sorted(other.name for other in data_sets().values() if name in other.settings)
        option = f"--{name.replace('_', '-')}"
        others = f", only to {', '.join(knowing)}" if knowing else ""
        raise ConfigurationError(f"{option} means nothing to {data_set.name}{others}; leave it out")
    return replace(data_set, settings={**data_set.settings, **settings})


def formats_of(file: RawFile) -> list[DataSet]:
    """Return the data sets that a file may be of: by its content, and its name where names are theirs.

    Where the content is known and the name is of none, all with this content are returned.

    Raises:
        UnusableRecordingError: the file cannot be read.
    """
    sample = Sample.of(file)
    found = [known for known in data_sets().values() if known.recognises and known.recognises(sample)]
    return [known for known in found if _belongs(known, file)] or found


def hint(file: RawFile, data_set: str = "") -> str:
    """Return what to say of a file that the data set of this name could not read.

    That is what it is, and the command for it. Empty where it is of this very data set, cannot be read, or is
    not known.
    """
    try:
        found = [known.name for known in formats_of(file)]
        foreign = [known for known in FOREIGN if known.recognises(Sample.of(file))]
    except UnusableRecordingError:
        return ""
    if found and data_set not in found:
        return f"this is {_or(found)} data: {_command(found[0])}"
    return f"this is {foreign[0].what}: {foreign[0].remedy}" if foreign and not found else ""


def hint_for_all(files: Sequence[RawFile], data_set: str = "") -> str:
    """Return what :func:`hint` says of the first of some files that it says anything of."""
    return next((text for file in _some(files) if (text := hint(file, data_set))), "")


def find_out(raw: Path, files: Sequence[RawFile]) -> tuple[DataSet, str]:
    """Return the data set that raw files are of, and a line that says how that was found.

    A number of files from all over are looked at. Of two data sets in one format, the special one is taken
    where all names are its own.

    Raises:
        DataError: none is known, or they are of several; the message names the commands.
    """
    members: dict[str, list[RawFile]] = {}
    common: set[str] | None = None
    for file in _some(files):
        try:
            names = {known.name for known in formats_of(file)}
        except UnusableRecordingError:
            continue
        for name in names:
            members.setdefault(name, []).append(file)
        if names:
            common = names if common is None else common & names
    if common is None:
        example = next((file for file in files if file.suffix in _EXPECTED), files[0])
        others = "skelact data prepare --help lists what is read"
        remedy = hint_for_all(files) or _EXPECTED.get(example.suffix) or others
        raise DataError(f"{raw}: no known format, e.g. {example.name}; {remedy}")
    if not common:
        examples = {name: found[0].name for name, found in members.items()}
        found = "; ".join(f"{name} as {example}" for name, example in sorted(examples.items()))
        raise DataError(f"{raw}: files of several formats ({found}); name one: {_command(min(examples))}")
    data_sets_found = [known for known in data_sets().values() if known.name in common]
    special = [known for known in data_sets_found if known.part_of in common]
    of_all = [
        known
        for known in special
        if all(_belongs(known, file) for file in files if file.suffix == known.suffix)
    ]
    general = [known for known in data_sets_found if known not in special]
    chosen = of_all or general
    if len(chosen) != 1:
        raise DataError(f"{raw}: this is {_or(sorted(common))} data; say which: {_command(chosen[0].name)}")
    others = f", which {chosen[0].part_of} would read, too" if chosen[0] in special else ""
    return chosen[0], f"found {chosen[0].name} data, as {members[chosen[0].name][0].name}{others}"


def _some(files: Sequence[RawFile]) -> Iterable[RawFile]:
    """Return a few files of every ending, from all over, some of each."""
    by_suffix: dict[str, list[RawFile]] = {}
    for file in files:
        by_suffix.setdefault(file.suffix, []).append(file)
    share = max(_MAX_SAMPLES // len(by_suffix), 4) if by_suffix else 0
    return [file for group in by_suffix.values() for file in group[:: -(-len(group) // share)]]


def _belongs(data_set: DataSet, file: RawFile) -> bool:
    """Tell whether a file's name is one of the data set's."""
    try:
        return data_set.is_member(data_set.recording_name(file))
    except UnusableRecordingError:
        return False


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)


def _command(name: str) -> str:
    return f"skelact data prepare {name} RAW STORE"
