"""MediaPipe Pose: 33 landmarks a frame, as JSON or CSV, one file a video.

There is no one file format; read are the ways in which its results are commonly saved:

- JSON: a list of frames, or an object with it under ``frames``, ``data`` or ``results``. A frame is
  ``null``, a list of 33 landmarks, a list of such lists (several people), or an object with image landmarks
  (``landmarks``, ``pose_landmarks``) or world landmarks (``world_landmarks``, ``pose_world_landmarks``), also
  spelt in camel case. A landmark is ``{"x", "y", "z", "visibility"}`` or a list of these numbers.
- CSV: see :mod:`skelact.formats.mediapipe_csv`.

World landmarks are metres with the origin between the hips and are kept in 3-D. Image landmarks are shares of
the image, or pixels where most numbers are beyond 10, and are kept in 2-D, for their depths have no unit; the
image's size makes pixels of shares. Landmarks that no name tells are world ones where the hips lie at the
origin. y points down in both. All files of a store are of one kind: world landmarks where the first file has
them, unless told. A visibility below the threshold marks a landmark as missing. Several people are linked,
see :mod:`skelact.formats.people`.

Source: V. Bazarevsky et al., BlazePose, 2020.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.exclusions import MALFORMED, UnusableRecordingError
from skelact.formats.json_value import JsonValue, json_type, parse_json
from skelact.formats.manifest import is_manifest
from skelact.formats.mediapipe_csv import (
    FILE_JOINTS,
    FRAME_NUMBERS,
    KINDS,
    NUM_JOINTS,
    Kind,
    Poses,
    Table,
    columns_of,
    read_csv,
)
from skelact.formats.notes import Note
from skelact.formats.number_text import separator_of
from skelact.formats.own_recordings import read_content, reader_settings, survey_recordings
from skelact.formats.people import ImageSize, People, frame_steps, seen_joints, sequence_of
from skelact.formats.sample import Sample
from skelact.skeleton.tables import MEDIAPIPE_33

NO_DEPTHS = "depths of image landmarks, which have no unit, left out"
OTHER_LANDMARKS = "landmarks beyond the pose's 33 (hands, face), left out"
CSV, JSON = ".csv", ".json"

_HIPS = [FILE_JOINTS.index("left_hip"), FILE_JOINTS.index("right_hip")]
_AT_ORIGIN = 0.05  # metres between the hips' middle and the origin: not in a picture's corner, of all places
_SHARE = 10.0  # where most numbers are beyond it they are pixels
_FRAMES = ("frames", "data", "results", "poses")
_KEYS: Mapping[str, Kind] = {
    **dict.fromkeys(("worldlandmarks", "poseworldlandmarks"), KINDS[0]),
    **dict.fromkeys(("landmarks", "poselandmarks", "imagelandmarks"), KINDS[1]),
}


def read_video(
    file: str,
    name: str,
    data: bytes,
    *,
    kind: Kind | None = None,
    fps: float | None = None,
    min_confidence: float = 0.0,
    image_size: ImageSize | None = None,
) -> LabelledSequence:
    """Read one file, CSV if it is called so.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        data: the file's bytes.
        kind: ``world`` or ``image`` landmarks; None: what there is, world landmarks first.
        fps: frames a second, which the file does not tell.
        min_confidence: a landmark with a visibility below it, or of 0, is missing.
        image_size: of the video, for image landmarks.

    Raises:
        UnusableRecordingError: the content is not one of these forms, has no such landmarks, or nobody was
            found.
    """
    poses, every_frame, others = (read_csv if file.lower().endswith(CSV) else _read_json)(file, data)
    poses = _with_kinds(poses)
    kind = kind or next((one for one in KINDS if one in poses), KINDS[1])
    if kind not in poses and poses:
        detail = f"no {kind} landmarks; the file has {' and '.join(map(str, poses))} landmarks"
        raise UnusableRecordingError(MALFORMED, file, "", f"{detail}; choose them with --landmarks")
    found = poses.get(kind, [])
    numbers = np.array(sorted(every_frame), np.int64)
    steps, sampled = frame_steps(file, numbers, "", fps)
    table = np.array([pose for _, pose in found]).reshape(-1, NUM_JOINTS, 4)
    num_coordinates = 3 if kind == "world" else 2
    positions = table[..., :num_coordinates]
    seen = np.isfinite(positions).all(2) & seen_joints(np.nan_to_num(table[..., 3], nan=1), min_confidence)
    people = People(
        steps[np.searchsorted(numbers, np.array([number for number, _ in found], np.int64))],
        np.where(seen[..., None], positions, 0),
        seen,
    )
    is_in_pixels = kind == "image" and seen.any() and np.median(np.abs(positions[seen])) > _SHARE
    sequence, notes = sequence_of(
        people,
        file=file,
        name=name,
        topology=MEDIAPIPE_33,
        fps=fps,
        num_frames=int(steps[-1]) + 1,
        image_size=image_size,
        are_shares=not is_in_pixels,
    )
    if kind == "image" and np.nan_to_num(table[..., 2]).any():
        notes.append(Note(file, NO_DEPTHS))
    if others:
        notes.append(Note(file, OTHER_LANDMARKS, others))
    return LabelledSequence(sequence, notes=notes + sampled)


def _with_kinds(poses: Poses) -> Poses:
    """Return the poses with a kind each: those of no name are world ones if the hips lie at the origin."""
    untold = poses.pop(None, [])
    if untold:
        hips = np.array([pose[_HIPS, :3].mean(0) for _, pose in untold])
        hips = hips[np.isfinite(hips).all(1)]
        is_world = len(hips) > 0 and float(np.median(np.abs(hips).max(1))) < _AT_ORIGIN
        poses.setdefault(KINDS[0] if is_world else KINDS[1], []).extend(untold)
    return poses


def _read_json(file: str, data: bytes) -> tuple[Poses, set[int], int]:
    """Return the people of a file, the numbers of all its frames, and no landmarks beyond the pose's."""
    whole = parse_json(file, data)
    if isinstance(whole.value, dict):
        key = next((key for key in _FRAMES if isinstance(whole.value.get(key), list)), None)
        if key is None:
            whole.fail(f"no list under {', '.join(_FRAMES)}; expected the frames")
        whole = JsonValue(file, key, whole.value[key])
    poses: Poses = {}
    numbers: set[int] = set()
    for place, frame in enumerate(whole.items("a list of frames")):
        number = place
        listed: dict[Kind | None, object] = {None: frame.value}
        if isinstance(frame.value, dict):
            told = next(
                (frame.value[key] for key in FRAME_NUMBERS if frame.value.get(key) is not None), place
            )
            if type(told) is not int or not 0 <= told < 1 << 62:
                frame.fail(f"the frame's number is {told!r:.40}; expected one from 0")
            number = told
            listed = {
                kind: people
                for key, people in frame.value.items()
                if (kind := _KEYS.get(key.replace("_", "").lower())) is not None
            }
            if not listed:
                frame.fail("neither landmarks nor world_landmarks; expected at least one of them")
        numbers.add(number)
        for kind, people in listed.items():
            for pose in _poses(JsonValue(file, frame.path, people)):
                poses.setdefault(kind, []).append((number, pose))
    if not numbers:
        whole.fail("no frames; expected at least one")
    return poses, numbers, 0


def _poses(place: JsonValue) -> list[Table]:
    """Return the (33, 4) landmarks of everybody in a frame."""
    people = _unwrapped(place.value)
    if people is None or people == []:
        return []
    if not isinstance(people, list):
        place.fail(f"{json_type(people)}; expected {NUM_JOINTS} landmarks, or such a list a person")
    first = _unwrapped(people[0])
    is_one = isinstance(first, dict) or (
        isinstance(first, list) and not isinstance(_first(first), list | dict)
    )
    return [_pose(place, _unwrapped(person)) for person in ([people] if is_one else people) if person]


def _first(values: list[Any]) -> object:
    return values[0] if values else None


def _unwrapped(value: Any) -> Any:
    """Return the list in ``{"landmark": [...]}``, as Protocol Buffers write it, or the value itself."""
    return value["landmark"] if isinstance(value, dict) and "landmark" in value else value


def _pose(place: JsonValue, landmarks: object) -> Table:
    if not isinstance(landmarks, list) or len(landmarks) != NUM_JOINTS:
        place.fail(f"{json_type(landmarks)}; expected {NUM_JOINTS} landmarks")
    numbers: list[object] = []
    for joint, landmark in zip(FILE_JOINTS, landmarks, strict=True):
        if isinstance(landmark, dict):
            row = [landmark.get(key) for key in "xyz"] + [landmark.get("visibility")]
        elif isinstance(landmark, list) and 2 <= len(landmark) <= 5:
            row = [*landmark[:4], None, None][:4]
        elif landmark is None:
            row = [None] * 4
        else:
            place.fail(f"landmark {joint}: {json_type(landmark)}; expected x, y, z and visibility")
        numbers += row
    is_told = np.array([number is not None for number in numbers])
    table = np.full(len(numbers), np.nan)
    table[is_told] = place.finite([number for number in numbers if number is not None])
    return table.reshape(NUM_JOINTS, 4)


def mediapipe_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="mediapipe",
        summary="videos as MediaPipe's landmarks in .json or .csv, a file each",
        topology=MEDIAPIPE_33,
        suffix=JSON,
        example="jump-01.json",
        recognises=_recognises,
        part_of="csv",
        up="-y",
        settings={
            "fps": None,
            "class_names": None,
            "min_confidence": 0.0,
            "image_size": None,
            "landmarks": None,
        },
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    keys = {key.replace("_", "").lower() for found in sample.json_keys.values() for key in found}
    if keys & _KEYS.keys():
        return True
    first = sample.lines[:1]
    header = next(csv.reader(first, delimiter=separator_of("".join(first))), [])
    joints = {joint for joint, _ in columns_of([name.strip() for name in header]).values()}
    return joints >= set(range(NUM_JOINTS))


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the manifest among ``files``, if there is one, and find the ending and the kind of landmarks.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    read = partial(read_content, read_video)
    tables = [file for file in files if file.suffix == CSV and not is_manifest(file.name)]
    lists = [file for file in files if file.suffix == JSON]
    if tables and lists:  # a table may be of something else
        held = partial(read, kind=None, **reader_settings(data_set))
        tables = [file for file in tables if _can_be_read(file, held)]
        jsons = next((file for file in lists if _can_be_read(file, held)), None) if tables else None
        if jsons is not None:
            raise DataError(
                f"{tables[0].name} and {jsons.name} both hold landmarks, as a table and as JSON; prepare "
                "them apart, each kind in a folder of its own"
            )
    suffix, recordings = (CSV, tables) if tables else (JSON, lists)
    kind = _kind_setting(data_set.settings) or _kind_of(
        recordings, partial(read, kind=None, **reader_settings(data_set))
    )
    if kind == "world" and data_set.settings["image_size"] is not None:
        raise ConfigurationError(
            "--image-size means nothing to world landmarks, which are metres; leave it out, or read image "
            "landmarks by --landmarks image"
        )
    unit: Literal["m", "px"] = "m" if kind == "world" else "px"
    settings = {**data_set.settings, "landmarks": kind}
    used = replace(data_set, settings=settings, suffix=suffix, unit=unit)
    return survey_recordings(used, files, read=partial(read, kind=kind))


def _kind_setting(settings: Mapping[str, object]) -> Kind | None:
    told = settings["landmarks"]
    if told is not None and told not in KINDS:
        raise ConfigurationError(f"--landmarks is {told}{suggest(str(told), KINDS)}")
    return next((kind for kind in KINDS if kind == told), None)


def _can_be_read(file: RawFile, read: partial[LabelledSequence]) -> bool:
    try:
        read(file)
    except UnusableRecordingError:
        return False
    return True


def _kind_of(recordings: Sequence[RawFile], read: partial[LabelledSequence]) -> Kind:
    """Return the kind of landmarks of the first file that can be read."""
    for file in recordings:
        try:
            sequence = read(file).sequence
        except UnusableRecordingError:
            continue
        return KINDS[0] if sequence.positions.shape[3] == 3 else KINDS[1]
    return KINDS[1]
