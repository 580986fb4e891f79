"""OpenPose: a JSON file for every frame of a video, with the people found in it.

::

    {"version": 1.3, "people": [{"person_id": [-1],
                                 "pose_keypoints_2d": [x, y, confidence, ... each joint], ...}, ...]}

The joints are those of BODY_25 or of the COCO model with 18; (0, 0, 0) stands for a joint that was not found.
A file is called ``<video>_000000000012_keypoints.json``; the files of a folder whose names differ in nothing
but the number are one recording. People are linked from frame to frame, see :mod:`skelact.formats.people`,
unless OpenPose tracked them (``person_id`` from 0). Hands, faces and 3-D key points are not read.

Positions are pixels, y down. With ``keypoint_scale`` they may be shares of the image; its size then makes
pixels of them.

Source: Z. Cao et al., OpenPose, TPAMI 2021.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.exclusions import MALFORMED, Exclusion, UnusableRecordingError
from skelact.formats.json_value import JsonValue, json_type, parse_json
from skelact.formats.linking import Numbers
from skelact.formats.notes import Note
from skelact.formats.own_recordings import survey_recordings
from skelact.formats.people import ImageSize, People, frame_steps, seen_joints, sequence_of
from skelact.formats.sample import Sample
from skelact.skeleton.tables import OPENPOSE_18, OPENPOSE_25
from skelact.skeleton.topology import Topology

SUFFIX = ".json"
TOPOLOGIES = {topology.num_joints: topology for topology in (OPENPOSE_25, OPENPOSE_18)}
"""By the number of joints, the skeletons of OpenPose's models."""
NOT_A_FRAME = "not called ..._keypoints.json, as OpenPose's files are"
HANDS_AND_FACES = "hands, faces and 3-D key points that are not read"

_FRAME = re.compile(r"(?P<name>.*?)[_-]?(?P<number>\d*)_keypoints", re.ASCII | re.DOTALL)
_NOT_READ = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d")
_BODY = "pose_keypoints_2d"


@dataclass(frozen=True)
class FrameFiles(RawFile):
    """The files of one recording, under their name without the number; read as a file, it is the first."""

    frames: tuple[tuple[int, RawFile], ...] = ()
    """A number and a file for every frame, ascending."""


def frame_files(files: Sequence[RawFile]) -> list[FrameFiles]:
    """Return the recordings that the files called ``..._keypoints.json`` are frames of.

    Where a name is nothing but a number, the recording is called after the folder.
    """
    found: dict[str, list[tuple[int, RawFile]]] = {}
    for file in files:
        match = _FRAME.fullmatch(file.stem) if file.suffix == SUFFIX else None
        if match is not None:
            folder = file.name.rpartition("/")[0]
            name = match["name"] or folder.rpartition("/")[2] or "recording"
            recording = f"{folder}/{name}{SUFFIX}" if folder else f"{name}{SUFFIX}"
            found.setdefault(recording, []).append((int(match["number"][-18:] or 0), file))
    for frames in found.values():
        frames.sort(key=lambda frame: frame[0])
    return [
        FrameFiles(name, first.container, first.member, first.span, frames=tuple(frames))
        for name, frames in found.items()
        for first in [frames[0][1]]
    ]


def read_people(file: str, data: bytes) -> tuple[list[JsonValue], int]:
    """Read one frame.

    Args:
        file: how errors call the file.
        data: its bytes.

    Returns:
        The people in it, each an object, and how many lists of key points beside the body's they have.

    Raises:
        UnusableRecordingError: the content is no such JSON.
    """
    whole = parse_json(file, data)
    if not isinstance(whole.value, dict):
        whole.fail(f"{json_type(whole.value)}; expected an object with people")
    people = JsonValue(file, "people", whole.value.get("people")).items("a list of people")
    num_others = 0
    for person in people:
        if not isinstance(person.value, dict):
            person.fail(f"{json_type(person.value)}; expected an object with {_BODY}")
        num_others += sum(bool(person.value.get(key)) for key in _NOT_READ)
    return people, num_others


def read_recording(
    recording: FrameFiles,
    *,
    topology: Topology | None = None,
    fps: float | None = None,
    min_confidence: float = 0.0,
    image_size: ImageSize | None = None,
) -> LabelledSequence:
    """Read the frames of one recording.

    Args:
        recording: its files.
        topology: what the joints are; None: BODY_25 or COCO-18 by their number.
        fps: frames a second, which the files do not tell.
        min_confidence: a joint with a confidence below it, or of 0, is missing.
        image_size: of the video, for positions that are shares of it.

    Raises:
        UnusableRecordingError: a file cannot be read or is no such JSON, two have one number, or nobody was
            found; the message names the file.
    """
    frames, numbers, identities, num_others = [], [], [], 0
    for number, (_, file) in enumerate(recording.frames):
        people, others = read_people(file.name, file.read())
        num_others += others
        for person in people:
            body = person.value.get(_BODY)
            if not body:
                continue  # hands or a face alone
            place = JsonValue(file.name, f"{person.path}.{_BODY}", body)
            values = place.numbers("numbers")
            topology = topology or _topology(place, len(values))
            if len(values) != 3 * topology.num_joints:
                expected = f"3 for each of {topology.num_joints} joints of {topology.name}"
                place.fail(f"{len(values)} numbers; expected {expected}")
            frames.append(number)
            numbers.append(values)
            identities.append(_identity(person))
    steps, sampled = _steps(recording, fps)
    if topology is None:  # nobody in any frame
        topology = OPENPOSE_25
    table = np.array(numbers).reshape(-1, topology.num_joints, 3)
    is_tracked = bool(identities) and min(identities) >= 0
    people_found = People(
        steps[np.array(frames, np.int64)],
        table[..., :2],
        seen_joints(table[..., 2], min_confidence),
        np.array(identities) if is_tracked else None,
    )
    sequence, notes = sequence_of(
        people_found,
        file=recording.name,
        name=recording.stem,
        topology=topology,
        fps=fps,
        num_frames=int(steps.max()) + 1,
        image_size=image_size,
    )
    if num_others:
        notes.append(Note(recording.name, HANDS_AND_FACES, num_others))
    return LabelledSequence(sequence, notes=notes + sampled)


def _topology(place: JsonValue, num_values: int) -> Topology:
    if num_values % 3 or num_values // 3 not in TOPOLOGIES:
        known = " or ".join(str(3 * number) for number in TOPOLOGIES)
        place.fail(f"{num_values} numbers; expected {known}, or the skeleton by --topology")
    return TOPOLOGIES[num_values // 3]


def _identity(person: JsonValue) -> int:
    """Return who a person is, or -1 where OpenPose did not track."""
    found = person.value.get("person_id")
    number = found[0] if isinstance(found, list) and len(found) == 1 else -1
    return number if type(number) is int and 0 <= number < 1 << 31 else -1


def _steps(recording: FrameFiles, fps: float | None) -> tuple[Numbers, list[Note]]:
    numbers = np.array([number for number, _ in recording.frames], np.int64)
    twice = np.flatnonzero(np.diff(numbers) == 0)
    if len(twice):
        first, second = (recording.frames[int(twice[0]) + more][1].name for more in (0, 1))
        detail = f"frame {numbers[twice[0]]} is there twice, as {first} too; expected one file a frame"
        raise UnusableRecordingError(MALFORMED, second, "", detail)
    return frame_steps(recording.name, numbers, "", fps)


def openpose_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="openpose",
        summary="videos in OpenPose's .json, a file a frame, and manifest.csv where wanted",
        suffix=SUFFIX,
        example="jump-01_000000000000_keypoints.json",
        recognises=_recognises,
        up="-y",
        unit="px",
        settings={
            "topology": None,
            "fps": None,
            "class_names": None,
            "min_confidence": 0.0,
            "image_size": None,
        },
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    return sample.has_json_keys(1, "people")


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Find the recordings and read the manifest among ``files``, if there is one.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    recordings = tuple(sorted(frame_files(files), key=lambda recording: (recording.stem, recording.name)))
    frames = frozenset(file.name for recording in recordings for _, file in recording.frames)
    others = [file for file in files if file.name not in frames]
    beside = [file for file in others if file.suffix != SUFFIX]
    used = survey_recordings(data_set, [*recordings, *beside], read=_read)
    return replace(
        used,
        recordings=recordings,
        joined_files=frames,
        excluded_files=(*used.excluded_files, *_not_frames(others)),
    )


def _not_frames(files: Iterable[RawFile]) -> Iterable[Exclusion]:
    return (Exclusion(file.name, NOT_A_FRAME) for file in files if file.suffix == SUFFIX)


def _read(file: RawFile, **settings: Any) -> LabelledSequence:
    assert isinstance(file, FrameFiles)
    return read_recording(file, **settings)
