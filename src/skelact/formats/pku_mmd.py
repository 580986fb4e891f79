"""PKU-MMD I and II as data sets: recordings, their labels and their split files, found in any tree.

A file whose nearest telling folder (or archive) has ``label`` in its name holds labels; any other file with
a recording's name holds a recording. Every labelled interval is one sequence; untrimmed, every recording is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from skelact.errors import ConfigurationError, DataError
from skelact.formats import pku_mmd_files
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item
from skelact.formats.exclusions import REPEATED, Exclusion, UnusableRecordingError
from skelact.formats.intervals import END, FILE_NAME, START, ActionInterval, to_csv
from skelact.formats.pku_mmd_files import Interval
from skelact.formats.protocol import Protocol
from skelact.formats.sample import Sample, number_fields
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25

NO_LABELS = "no usable label file"
NO_RECORDING = "labels without a recording"
OUTSIDE = "an interval outside the recording"

RECORDING = "recording"
_PROTOCOLS = ("xsub", "xview")
_SPLIT_FILES = {
    1: {"xsub": "cross_subject.txt", "xview": "cross_view.txt"},
    2: {"xsub": "cross_subject_v2.txt", "xview": "cross_view_v2.txt"},
}


def pku_data_set(phase: int) -> DataSet:
    """Return the data set of ``phase``, 1 or 2; its ``survey`` finds labels and split files."""
    return DataSet(
        name=f"pku{phase}",
        summary=f"PKU-MMD {'I' * phase}: skeleton, label and split files",
        topology=NTU_25,
        fps=pku_mmd_files.FPS,
        class_names=CLASS_NAMES,
        suffix=pku_mmd_files.SUFFIX,
        example="skeleton/0001-L.txt" if phase == 1 else "skeleton/A01N01-L.txt",
        is_member=partial(_is_member, phase),
        read=partial(_read_trimmed, {}, {}, None),
        up="y",
        unit="m",
        recognises=_recognises,
        settings={"max_frames": None, "untrimmed": False},
        survey=partial(_survey, phase),
    )


def _recognises(sample: Sample) -> bool:
    lines = sample.lines[:2]
    return bool(lines) and all(number_fields(line) == pku_mmd_files.NUM_FIELDS for line in lines)


def _is_member(phase: int, name: str) -> bool:
    return pku_mmd_files.split_of(name) is None and pku_mmd_files.phase_of(name) == phase


@dataclass(frozen=True)
class _Tree:
    """The files of one phase, by the recordings' names or the protocols'."""

    recordings: dict[str, RawFile]
    labels: dict[str, RawFile]
    splits: dict[str, RawFile]
    excluded: list[Exclusion]


def _survey(phase: int, data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read labels and split files.

    Raises:
        ConfigurationError: a number of frames below 1, or one for untrimmed recordings.
        DataError: there is no label file at all.
    """
    max_frames, untrimmed = data_set.settings["max_frames"], bool(data_set.settings["untrimmed"])
    if max_frames is not None and (not isinstance(max_frames, int) or max_frames < 1):
        raise ConfigurationError(f"--max-frames is {max_frames}; expected 1 or more")
    if max_frames is not None and untrimmed:
        raise ConfigurationError("--max-frames cuts trimmed sequences; leave it out with --untrimmed")
    tree = _sort_files(phase, files)
    if tree.recordings and not tree.labels:
        raise DataError(
            f"{len(tree.recordings)} recordings of {data_set.name} but no label file; expected files like "
            f"label/{next(iter(tree.recordings))}.txt beside the skeletons, so give the folder above both"
        )
    intervals, excluded = _read_labels(tree)
    numbers = {name: number for number, name in enumerate(sorted(tree.recordings))}
    protocols, remarks, bad_splits = _read_splits(phase, tree.splits, numbers)
    side_files = {file.name for file in (*tree.labels.values(), *tree.splits.values())}
    read = (
        partial(_read_untrimmed, intervals, numbers)
        if untrimmed
        else partial(_read_trimmed, intervals, numbers, max_frames)
    )
    return replace(
        data_set,
        read=read,
        side_files=frozenset(side_files),
        excluded_files=(*tree.excluded, *excluded, *bad_splits),
        remarks=tuple(remarks),
        attribute_values={RECORDING: tuple(numbers), "camera": pku_mmd_files.VIEWS},
        given_protocols=tuple(protocols),
        attachments=partial(_attach_intervals, intervals) if untrimmed else None,
    )


def _sort_files(phase: int, files: Sequence[RawFile]) -> _Tree:
    tree = _Tree({}, {}, {}, [])
    for file in files:
        split = pku_mmd_files.split_of(file.stem)
        if file.suffix != pku_mmd_files.SUFFIX or not (
            split[0] == phase if split is not None else _is_recording(phase, file.stem)
        ):
            continue
        if split is not None:
            group, key = tree.splits, split[1]
        elif _holds_labels(file.name):
            group, key = tree.labels, file.stem
        else:
            group, key = tree.recordings, file.stem
        if key not in group:
            group[key] = file
        elif group is not tree.recordings:  # of recordings, `select` says so
            tree.excluded.append(Exclusion(file.name, REPEATED, "", f"used: {group[key].name}"))
    return tree


def _is_recording(phase: int, name: str) -> bool:
    try:
        return _is_member(phase, name)
    except UnusableRecordingError:
        return False


def _holds_labels(name: str) -> bool:
    for part in reversed(PurePosixPath(name.lower()).parts[:-1]):
        if "label" in part or "skeleton" in part:
            return "label" in part
    return False


def _read_labels(tree: _Tree) -> tuple[dict[str, tuple[Interval, ...]], list[Exclusion]]:
    intervals, excluded = {}, []
    for name, file in tree.labels.items():
        if name not in tree.recordings:
            excluded.append(Exclusion(file.name, NO_RECORDING, "", f"expected skeleton/{name}.txt"))
            continue
        try:
            intervals[name] = pku_mmd_files.parse_labels(file.name, file.read())
        except UnusableRecordingError as error:
            excluded.append(Exclusion.of(error))
    return intervals, excluded


def _read_splits(
    phase: int, files: Mapping[str, RawFile], numbers: Mapping[str, int]
) -> tuple[list[Protocol], list[str], list[Exclusion]]:
    protocols, remarks, excluded = [], [], []
    for protocol in _PROTOCOLS:
        if protocol not in files:
            file_name = _SPLIT_FILES[phase][protocol]
            remarks.append(f"no {file_name} among the files, so the store has no {protocol}")
            continue
        try:
            train = pku_mmd_files.parse_split(files[protocol].name, files[protocol].read())
        except UnusableRecordingError as error:
            excluded.append(Exclusion.of(error))
            remarks.append(f"{error}; the store has no {protocol}")
            continue
        found = [numbers[name] for name in dict.fromkeys(train) if name in numbers]
        if len(found) < len(set(train)):
            num_gone = len(set(train)) - len(found)
            remarks.append(f"{protocol}: {num_gone} of {len(set(train))} training recordings are not there")
        protocols.append(Protocol(protocol, RECORDING, tuple(found)))
    return protocols, remarks, excluded


def _read_trimmed(
    intervals: Mapping[str, tuple[Interval, ...]],
    numbers: Mapping[str, int],
    max_frames: int | None,
    file: RawFile,
) -> list[Item]:
    """Read one recording and cut out its labelled intervals, named ``<recording>.<line of the label file>``.

    Frames of an interval that lie behind the recording's end are not there; an interval that lies behind it
    altogether is refused.
    """
    name = file.stem
    if name not in intervals:
        return [_no_labels(file)]
    positions = pku_mmd_files.parse_positions(file.name, file.read())
    num_frames = positions.shape[1]
    items: list[Item] = []
    for interval in intervals[name]:
        if interval.start >= num_frames:
            place = f"{name}.{interval.line:03}"
            detail = f"frames {interval.start} to {interval.end}; the recording has {num_frames}"
            items.append(Exclusion(file.name, OUTSIDE, place, detail))
            continue
        clip = positions[:, interval.start : interval.end][:, :max_frames]
        present = (clip != 0).any((2, 3))
        bodies = present.any(1) if present.any() else slice(1)
        items.append(
            SkeletonSequence(
                name=f"{name}.{interval.line:03}",
                positions=clip[bodies],
                present=present[bodies],
                topology=NTU_25,
                fps=pku_mmd_files.FPS,
                label=interval.action - 1,
                attributes={**_origin(name, numbers), START: interval.start, END: interval.end},
            )
        )
    return items


def _read_untrimmed(
    intervals: Mapping[str, tuple[Interval, ...]], numbers: Mapping[str, int], file: RawFile
) -> list[Item]:
    """Read one recording whole; it has no label of its own."""
    name = file.stem
    if name not in intervals:
        return [_no_labels(file)]
    positions = pku_mmd_files.parse_positions(file.name, file.read())
    present = (positions != 0).any((2, 3))
    bodies = present.any(1) if present.any() else slice(1)
    return [
        SkeletonSequence(
            name=name,
            positions=positions[bodies],
            present=present[bodies],
            topology=NTU_25,
            fps=pku_mmd_files.FPS,
            attributes=_origin(name, numbers),
        )
    ]


def _no_labels(file: RawFile) -> Exclusion:
    return Exclusion(file.name, NO_LABELS, "", f"expected label/{file.stem}.txt with its actions")


def _origin(name: str, numbers: Mapping[str, int]) -> dict[str, int]:
    return {RECORDING: numbers[name], "camera": pku_mmd_files.VIEWS.index(name[-1])}


def _attach_intervals(
    intervals: Mapping[str, tuple[Interval, ...]], data_set: DataSet, names: Sequence[str]
) -> dict[str, str]:
    rows = (
        ActionInterval(name, interval.action - 1, interval.start, interval.end)
        for name in names
        for interval in intervals[name]
    )
    return {FILE_NAME: to_csv(rows)}


CLASS_NAMES = (
    "bow",
    "brush hair",
    "brush teeth",
    "check time",
    "cheer up",
    "clapping",
    "cross hands in front",
    "drink water",
    "drop",
    "eat meal",
    "falling down",
    "giving object",
    "hand waving",
    "shaking hands",
    "hopping",
    "hugging",
    "jump up",
    "kicking",
    "kicking something",
    "phone call",
    "pat on back",
    "pick up",
    "play with phone or tablet",
    "point finger",
    "point to something",
    "punch or slap",
    "pushing",
    "put on a hat or cap",
    "put something into pocket",
    "reading",
    "rub two hands",
    "salute",
    "sit down",
    "stand up",
    "take off a hat or cap",
    "take off glasses",
    "take off jacket",
    "take something out of pocket",
    "taking a selfie",
    "tear up paper",
    "throw",
    "back pain",
    "chest pain",
    "headache",
    "neck pain",
    "type on a keyboard",
    "fan self",
    "put on jacket",
    "put on glasses",
    "wipe face",
    "writing",
)
"""Actions 1 to 51, by the names that NTU RGB+D has for the same actions; two people do
12, 14, 16, 18, 21, 24, 26 and 27."""
