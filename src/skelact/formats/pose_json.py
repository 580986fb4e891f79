"""Pose-JSON: one sequence a file, for recordings of one's own. ``docs/own-data.md`` explains it by example.

::

    {
      "topology": "coco-17",             a known name, or joints and parents of one's own
      "fps": 30,                         frames a second; may be left out
      "unit": "m",                       m (the default), cm or mm; pixel or px for 2-D positions in an image
      "label": "wave",                   the class; may be left out
      "subject": 3,                      a number or a name; may be left out
      "bodies": [{
        "positions": [[[x, y, z], ...], ...],     [frame][joint][2 or 3 coordinates]
        "confidence": [[0.9, ...], ...]           [frame][joint]; may be left out
      }]
    }

``null`` stands for what was not seen: instead of a frame of a body, or of a joint of a frame. A joint whose
confidence is null, 0 or below a threshold was not seen either.

The raw data of the data set ``pose-json`` is a folder of such files, and a manifest where wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, suggest
from skelact.files import new_file
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence, Reader, any_name, not_surveyed
from skelact.formats.exclusions import NOTHING_SEEN, Exclusion, UnusableRecordingError, check_extent, shown
from skelact.formats.json_value import JsonValue, is_number, json_type, parse_json
from skelact.formats.notes import Note
from skelact.formats.own_recordings import NO_CONFIDENCES, survey_recordings
from skelact.formats.sample import Sample
from skelact.formats.settings import SLOWEST_RATE
from skelact.skeleton.sequence import SkeletonSequence, without_unseen_bodies
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology
from skelact.skeleton.topology_file import topology_of
from skelact.skeleton.view import METRES, NamedUnit, Unit

SUFFIX = ".json"
OTHER_UNIT = "positions in another unit"
LOOKS_FLAT = (
    "three numbers a joint, all within 0 and 1, read as metres in space; if they are x and y as shares of an "
    "image and a score, write the score under confidence"
)
OWN_SKELETON = "tells its own skeleton, so --topology means nothing to it"

_KEYS = {"topology", "fps", "unit", "label", "subject", "bodies"}
_BODY_KEYS = {"positions", "confidence"}


@dataclass(frozen=True)
class Pose:
    """What one file says."""

    sequence: SkeletonSequence
    """With the label and the subject where they are numbers."""
    names: Mapping[str, str]
    """The label and the subject where they are names."""
    unit: Unit | None
    """What the positions are measured in; None where they lie in the plane and the file does not say."""
    has_confidence: bool
    """Whether the file tells a confidence of any body's joints."""
    looks_flat: bool = False
    """Whether positions in 3-D and no told unit may be places in an image and a score."""


def read_pose_json(
    file: str, name: str, data: bytes, *, topology: Topology | None = None, min_confidence: float = 0.0
) -> Pose:
    """Read one file.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        data: the file's bytes.
        topology: the skeleton of a file that does not tell its own.
        min_confidence: a joint with a confidence below it, or of 0 or null, is missing.

    Raises:
        UnusableRecordingError: the content is no such JSON, or not one joint was seen.
    """
    table = parse_json(file, data).table(_KEYS)
    topology = read_topology(table["topology"], topology)
    unit = table["unit"]
    is_untold = unit.value is None
    if is_untold:
        unit = JsonValue(file, "unit", "m")
    if not isinstance(unit.value, str) or unit.value not in get_args(NamedUnit):
        unit.fail(f"{shown(unit.value)}; expected m, cm, mm, pixel or px")
    fps = table["fps"]
    if fps.value is not None and not (is_number(fps.value) and SLOWEST_RATE <= fps.value < 1e6):
        fps.fail(f"{shown(fps.value)}; expected frames a second, {SLOWEST_RATE:g} or more")
    bodies = table["bodies"].items("a list of bodies")
    if not bodies:
        table["bodies"].fail("0 bodies; expected at least one")
    bodies = [body for body in bodies if not _is_empty(body)] or bodies
    for body in bodies:
        frames = body.value.get("positions") if isinstance(body.value, dict) else None
        if isinstance(frames, list):
            check_extent(file, body.path, len(bodies), len(frames), topology.num_joints)
    read = [read_body(body, topology, min_confidence) for body in bodies]
    shapes = [positions.shape for positions, _ in read]
    for body, shape in zip(bodies, shapes, strict=True):
        if shape[0] != shapes[0][0]:
            body.fail(f"{shape[0]} frames, the first body has {shapes[0][0]}")
    in_each = [shape[2] for shape in shapes if shape[2]]  # a body without a joint has no coordinates
    for body, shape in zip(bodies, shapes, strict=True):
        if shape[2] and shape[2] != in_each[0]:
            body.fail(f"positions in {shape[2]}-D, a body before has {in_each[0]}-D")
    read = [body for body in read if body[0].shape[2]]
    if not read:
        raise UnusableRecordingError(NOTHING_SEEN, file, "", "expected at least one joint that is not null")
    in_plane = in_each[0] == 2
    if unit.value not in METRES and not in_plane:
        unit.fail(f"{shown(unit.value)} with 3-D positions; expected m, cm or mm")
    joint_present = np.stack([seen for _, seen in read])
    if not joint_present.any():
        raise UnusableRecordingError(NOTHING_SEEN, file, "", "expected at least one joint that is not null")
    with np.errstate(over="ignore"):
        stacked = np.stack([values for values, _ in read])
        positions = (stacked * METRES.get(unit.value, 1.0)).astype(np.float32)
    present: npt.NDArray[np.bool_] = np.any(joint_present, 2)
    facts = {key: _fact(table[key]) for key in ("label", "subject")}
    label, subject = facts["label"], facts["subject"]
    sequence = SkeletonSequence(
        name=name,
        positions=positions,
        present=present,
        joint_present=None if joint_present[present].all() else joint_present,
        topology=topology,
        fps=None if fps.value is None else float(fps.value),
        label=label if isinstance(label, int) else None,
        attributes={"subject": subject} if isinstance(subject, int) else {},
    )
    return Pose(
        without_unseen_bodies(sequence),
        {key: value for key, value in facts.items() if isinstance(value, str)},
        "px" if unit.value not in METRES else None if in_plane and is_untold else "m",
        any(body.value.get("confidence") is not None for body in bodies),
        is_untold and not in_plane and bool((np.abs(positions[joint_present] - 0.5) <= 0.5).all()),
    )


def body_of(positions: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Return what a file says of a body: (..., V, C) positions, NaN where unseen, and (..., V) confidences.

    Positions are rounded to a tenth of a thousandth of their unit.
    """
    rounded = np.round(positions.astype(np.float64), 4)
    unseen = np.isnan(positions).any(-1)

    def told(values: list[Any], lost: Any) -> Any:
        if isinstance(lost, bool):
            return None if lost else values
        return [told(*each) for each in zip(values, lost, strict=True)] if not np.all(lost) else None

    shares = np.round(np.where(unseen, 0, confidence).astype(np.float64), 3)
    return {"positions": told(rounded.tolist(), unseen.tolist()), "confidence": shares.tolist()}


def write_pose_json(
    path: str | Path, sequence: SkeletonSequence, confidence: npt.NDArray[np.float32], *, overwrite: bool
) -> None:
    """Write a recording whose skeleton has a known name and whose positions are metres.

    Args:
        path: the file.
        sequence: the recording.
        confidence: (M, T, V), how sure its joints are.
        overwrite: replace the file if it is there.

    Raises:
        DataError: it is there, or cannot be written.
    """
    bodies = [body_of(*each) for each in zip(sequence.with_nan(), confidence, strict=True)]
    content = {"topology": sequence.topology.name, "fps": sequence.fps, "unit": "m", "bodies": bodies}
    with new_file(path, overwrite) as file:
        file.write(json.dumps(content, separators=(",", ":")).encode())


def _is_empty(body: JsonValue) -> bool:
    return isinstance(body.value, dict) and body.value.get("positions") == []


def read_topology(place: JsonValue, default: Topology | None) -> Topology:
    """Return the skeleton that a value names or describes; null: ``default``.

    Raises:
        UnusableRecordingError: a name that is not known, or no skeleton.
    """
    if place.value is None and default is not None:
        return default
    if isinstance(place.value, str):
        if place.value not in TOPOLOGIES:
            place.fail(f"{place.value[:40]!r} is not known{suggest(place.value[:40], TOPOLOGIES)}")
        return TOPOLOGIES[place.value]
    if place.value is None:
        place.fail(f"missing; expected one of {', '.join(sorted(TOPOLOGIES))}, or joints and parents")
    try:
        return topology_of(place.value, place.path, default_name="own")
    except ConfigurationError as error:
        place.fail(str(error).removeprefix(f"{place.path}: "))


def read_body(
    place: JsonValue, topology: Topology, min_confidence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return a body's (T, V, C) positions in the file's unit, 0 where unseen, and (T, V) what was seen.

    C is 0 for a body of which no joint stands in the file.

    Raises:
        UnusableRecordingError: a frame of another number of joints, or numbers that cannot be used.
    """
    table = place.table(_BODY_KEYS)
    num_joints = topology.num_joints
    frames = table["positions"].items("a list of frames")
    if not frames:
        table["positions"].fail("no frames; expected at least one")
    seen = np.zeros((len(frames), num_joints), np.bool_)
    numbers: list[object] = []
    num_coordinates = 0
    for row, frame in zip(seen, frames, strict=True):
        if frame.value is None:
            continue
        if not isinstance(frame.value, list) or len(frame.value) != num_joints:
            frame.fail(f"{json_type(frame.value)}; expected {num_joints} joints of {topology.name}, or null")
        for index, joint in enumerate(frame.value):
            if joint is None:
                continue
            num_coordinates = num_coordinates or (len(joint) if isinstance(joint, list) else 0)
            if not isinstance(joint, list) or len(joint) != num_coordinates or num_coordinates not in (2, 3):
                found = f"joint {topology.joints[index]}: {json_type(joint)}"
                expected = num_coordinates if num_coordinates in (2, 3) else "2 or 3"
                frame.fail(f"{found}; expected {expected} coordinates, or null")
            numbers += joint
            row[index] = True
    positions = np.zeros((len(frames), num_joints, num_coordinates))
    if numbers:
        positions[seen] = table["positions"].finite(numbers).reshape(-1, num_coordinates)
    if table["confidence"].value is not None:
        confidence = _confidence(table["confidence"], seen.shape)
        seen &= (confidence > 0) & (confidence >= min_confidence)
        positions[~seen] = 0
    return positions, seen


def _confidence(place: JsonValue, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return (T, V) confidences, 0 for null."""
    frames = place.items("a list of frames")
    if len(frames) != shape[0]:
        place.fail(f"{len(frames)} frames, positions have {shape[0]}")
    numbers: list[object] = []
    for frame in frames:
        values = [None] * shape[1] if frame.value is None else frame.value
        if not isinstance(values, list) or len(values) != shape[1]:
            frame.fail(f"{json_type(values)}; expected {shape[1]} numbers, or null")
        numbers += [0 if value is None else value for value in values]
    return place.finite(numbers).reshape(shape)


def _fact(place: JsonValue) -> int | str | None:
    """Return a label or a subject: a number from 0, a name, or None, as the label -1 is."""
    value = place.value
    if value is None or (value == -1 and place.path == "label"):
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        place.fail(f"{shown(value)}; expected a number from 0, a name, or null")
    return value


def pose_json_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="pose-json",
        summary="recordings of your own: a pose-JSON file each, and manifest.csv where wanted",
        topology=None,
        fps=None,
        class_names=None,
        suffix=SUFFIX,
        example="jump-01.json",
        is_member=any_name,
        read=not_surveyed,
        unit="m",
        recognises=_recognises,
        settings={"topology": None, "class_names": None, "min_confidence": 0.0, "body_order": None},
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    return sample.has_json_keys(1, "bodies")


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the manifest among ``files``, if there is one; the first file that can be used tells the unit.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    used = survey_recordings(data_set, files, read=_described)
    settled = used.side_files | {entry.file for entry in used.excluded_files}
    faults: dict[str, Exclusion] = {}
    for file in files:
        if file.suffix != SUFFIX or file.name in settled:
            continue
        try:
            first = next(item for item in used.read(file) if isinstance(item, LabelledSequence))
        except UnusableRecordingError as error:
            faults[file.name] = Exclusion.of(error)
        else:
            measured = _Measured(file.name, first.sequence.positions.shape[3], first.unit)
            read = partial(_alike, of=measured, faults=faults, read=used.read)
            return replace(used, unit=first.unit, read=read)
    return replace(used, read=partial(_alike, of=None, faults=faults, read=used.read))


@dataclass(frozen=True)
class _Measured:
    """How the positions of a file are measured."""

    file: str
    num_coordinates: int
    unit: Unit | None


def _alike(
    file: RawFile, *, of: _Measured | None, faults: Mapping[str, Exclusion], read: Reader
) -> Iterator[Item]:
    """Yield what ``read`` gives of a file measured like the first; a file in ``faults`` is not read again."""
    if file.name in faults:
        fault = faults[file.name]
        raise UnusableRecordingError(fault.reason, fault.file, fault.place, fault.detail)
    for item in read(file):
        if (
            isinstance(item, LabelledSequence)
            and of is not None
            and item.sequence.positions.shape[3] == of.num_coordinates  # others are refused for that
            and item.unit != of.unit
        ):
            found = f"positions {_IN[item.unit]}, those of {of.file} are {_IN[of.unit]}"
            remedy = "write the unit into every file, or prepare them apart"
            raise UnusableRecordingError(OTHER_UNIT, file.name, "unit", f"{found}; {remedy}")
        yield item


_IN: Mapping[Unit | None, str] = {"m": "in m", "px": "in px", None: "in a unit that the file does not tell"}


def _described(file: RawFile, *, topology: Topology | None, min_confidence: float) -> LabelledSequence:
    pose = read_pose_json(file.name, file.stem, file.read(), topology=topology, min_confidence=min_confidence)
    is_vain = min_confidence > 0 and not pose.has_confidence
    notes = [Note(file.name, NO_CONFIDENCES)] if is_vain else []
    notes += [Note(file.name, LOOKS_FLAT)] if pose.looks_flat else []
    if topology is not None and pose.sequence.topology != topology:
        notes.append(Note(file.name, OWN_SKELETON))
    return LabelledSequence(pose.sequence, pose.names, notes, unit=pose.unit)
