"""Kinetics-skeleton: OpenPose's people in a video, a JSON file a video, as released with ST-GCN.

::

    {"data": [{"frame_index": 1,
               "skeleton": [{"pose": [x, y, ... each joint], "score": [confidence, ...]}, ...]}, ...],
     "label": "waving", "label_index": 0}

The joints are OpenPose's 18. Positions are shares of the image, from its upper left corner; the videos of the
release were made 340 x 256 pixels at 30 frames a second. A score of 0 stands for a joint that was not found.
People are linked from frame to frame, see :mod:`skelact.formats.people`.

The release has ``kinetics_train_label.json`` and ``kinetics_val_label.json`` beside the folders with videos::

    {"<video>": {"has_skeleton": true, "label": "waving", "label_index": 0}, ...}

They make the protocol ``given``; with a ``test`` list beside that of ``val``, ``given_val`` tests on that.

Source: S. Yan et al., Spatial temporal graph convolutional networks, AAAI 2018.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.class_numbers import ClassNumbers
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.json_value import JsonValue, json_type, parse_json
from skelact.formats.own_recordings import read_content, survey_recordings
from skelact.formats.people import ImageSize, People, frame_steps, seen_joints, sequence_of
from skelact.formats.protocol import (
    GIVEN,
    attribute_of,
    side_names,
    side_number,
    split_protocols,
    split_remarks,
)
from skelact.formats.sample import Sample
from skelact.skeleton.tables import OPENPOSE_18
from skelact.skeleton.topology import Topology

SUFFIX = ".json"
FPS = 30.0
IMAGE_SIZE = "340x256"
"""Width and height of the release's videos in pixels."""

_LABELS = re.compile(r"(?:.*_)?(?P<side>train|val|test)_label")
_VIDEO_ENDING = re.compile(r"\.(?:json|mp4|avi|mkv|webm)$", re.IGNORECASE)


def read_video(
    file: str,
    name: str,
    data: bytes,
    *,
    topology: Topology = OPENPOSE_18,
    fps: float | None = FPS,
    min_confidence: float = 0.0,
    image_size: ImageSize | None = None,
) -> LabelledSequence:
    """Read one file.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        data: the file's bytes.
        topology: what the joints are.
        fps: frames a second.
        min_confidence: a joint with a score below it, or of 0, is missing.
        image_size: of the video; positions that are no shares of it are pixels already.

    Raises:
        UnusableRecordingError: the content is no such JSON, or nobody was found.
    """
    whole = parse_json(file, data)
    if not isinstance(whole.value, dict):
        whole.fail(f"{json_type(whole.value)}; expected an object with data, label and label_index")
    numbers, told = list[int](), set[int]()
    found, poses, scores = [], [], []
    for frame in JsonValue(file, "data", whole.value.get("data")).items("a list of frames"):
        if not isinstance(frame.value, dict):
            frame.fail(f"{json_type(frame.value)}; expected an object with frame_index and skeleton")
        number = frame.value.get("frame_index")
        if type(number) is not int or not 0 <= number < 1 << 31:
            frame.fail(f"frame_index is {number!r:.40}; expected a number from 0")
        if number in told:
            frame.fail(f"frame_index {number} is there before, too; expected one file a video")
        told.add(number)
        people = JsonValue(file, f"{frame.path}.skeleton", frame.value.get("skeleton"))
        for person in people.items("a list of people"):
            if not isinstance(person.value, dict):
                person.fail(f"{json_type(person.value)}; expected an object with pose and score")
            pose, score = (
                JsonValue(file, f"{person.path}.{key}", person.value.get(key)).numbers("numbers")
                for key in ("pose", "score")
            )
            if (len(pose), len(score)) != (2 * topology.num_joints, topology.num_joints):
                person.fail(
                    f"{len(pose)} numbers in pose and {len(score)} in score; expected "
                    f"{2 * topology.num_joints} and {topology.num_joints}, for the joints of {topology.name}"
                )
            found.append(len(numbers))
            poses.append(pose)
            scores.append(score)
        numbers.append(number)
    if not numbers:
        JsonValue(file, "data", None).fail("no frames; expected at least one")
    steps, sampled = frame_steps(file, np.array(numbers, np.int64), "data", fps)
    positions = np.array(poses).reshape(-1, topology.num_joints, 2)
    confidences = np.array(scores).reshape(-1, topology.num_joints)
    people_found = People(
        steps[np.array(found, np.int64)], positions, seen_joints(confidences, min_confidence)
    )
    sequence, notes = sequence_of(
        people_found,
        file=file,
        name=name,
        topology=topology,
        fps=fps,
        num_frames=int(steps.max()) + 1,
        image_size=image_size,
    )
    names, number = _class_of(whole)
    sequence = replace(sequence, label=None if names else number)
    return LabelledSequence(sequence, names, notes + sampled, class_number=number if names else None)


def _class_of(table: JsonValue) -> tuple[dict[str, str], int | None]:
    """Return the class of an object with label and label_index, by name and by number."""
    label, index = (table.value.get(key) for key in ("label", "label_index"))
    number = index if type(index) is int and 0 <= index < 1 << 31 else None
    return {"label": label.strip()} if isinstance(label, str) and label.strip() else {}, number


def kinetics_skeleton_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="kinetics-skeleton",
        summary="videos in the .json of Kinetics-skeleton, with manifest.csv or *_label.json where wanted",
        suffix=SUFFIX,
        example="---QUuC4vJs.json",
        recognises=_recognises,
        up="-y",
        unit="px",
        settings={
            "topology": OPENPOSE_18.name,
            "fps": FPS,
            "class_names": None,
            "min_confidence": 0.0,
            "image_size": IMAGE_SIZE,
        },
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    return sample.has_json_keys(1, "data") and sample.has_json_keys(3, "frame_index", "skeleton")


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the manifest and the files with labels among ``files``, if there are any.

    Raises:
        DataError: more than one manifest, or one that cannot be used; a file with labels that is none; names
            and numbers of classes that do not fit.
        ConfigurationError: a setting that cannot be used.
    """
    sides: dict[str, LabelledSide] = {}
    tables, numbers = [], ClassNumbers()
    for file in files:
        match = _LABELS.fullmatch(file.stem) if file.suffix == SUFFIX else None
        if match is not None:
            tables.append(file.name)
            side = match["side"]
            for listed, (words, number) in read_labels(file.name, file.read()).items():
                video = _VIDEO_ENDING.sub("", listed)
                if words and number is not None:
                    numbers.check(f"{file.name}: {video[:40]}", words["label"], number)
                if sides.setdefault(video, (side, words, number))[0] != side:
                    which = f"is in {sides[video][0]} and {side}"
                    raise DataError(f"{file.name}: {video} {which}; it can be in one of them")
    others = [file for file in files if file.name not in tables]
    absent = len(sides.keys() - {_video(file) for file in others})
    if absent:
        one = f"{absent:,} of {len(sides):,} videos that {', '.join(tables)} list"
        data_set = replace(data_set, remarks=(*data_set.remarks, f"{one} have no file here"))
    names = side_names(side for side, _, _ in sides.values())
    used = survey_recordings(data_set, others, read=partial(_read, sides, names))
    if sides and attribute_of(GIVEN) not in used.attribute_values:
        used = replace(
            used,
            remarks=(*used.remarks, *split_remarks(GIVEN, names)),
            attribute_values={**used.attribute_values, attribute_of(GIVEN): names},
            given_protocols=(*used.given_protocols, *split_protocols(GIVEN, names)),
        )
    return replace(used, side_files=used.side_files | set(tables))


def _video(file: RawFile) -> str:
    """Return the video that a file is of; there may be a file of one in another folder, too."""
    return replace(file, called="").stem


LabelledSide = tuple[str, Mapping[str, str], int | None]
"""A video's side of the split, and its class, by name and by number."""


def read_labels(file: str, data: bytes) -> dict[str, tuple[dict[str, str], int | None]]:
    """Read a file with the labels of one side's videos; return each one's class, by name and by number.

    Raises:
        UnusableRecordingError: the content is no such JSON.
    """
    whole = parse_json(file, data)
    if not isinstance(whole.value, dict):
        whole.fail(f"{json_type(whole.value)}; expected an object with a label for every video")
    labels = {}
    for video, facts in whole.value.items():
        place = JsonValue(file, video[:40], facts)
        if not isinstance(facts, dict):
            place.fail(f"{json_type(facts)}; expected an object with label and label_index")
        labels[video] = _class_of(place)
    return labels


def _read(
    sides: Mapping[str, LabelledSide], names_of: Sequence[str], file: RawFile, **settings: Any
) -> LabelledSequence:
    found = read_content(read_video, file, **settings)
    video = _video(file)
    if video not in sides:
        return found
    side, words, number = sides[video]
    sequence = found.sequence
    attributes = {**sequence.attributes, attribute_of(GIVEN): side_number(names_of, side)}
    if not words and number is not None:  # the class has a number alone, whatever the video says
        sequence = replace(sequence, attributes=attributes, label=number)
        names = {name: word for name, word in found.names.items() if name != "label"}
        return replace(found, sequence=sequence, names=names, class_number=None)
    label = None if words else sequence.label
    return replace(
        found,
        sequence=replace(sequence, attributes=attributes, label=label),
        names={**found.names, **words},
        class_number=None if words else found.class_number,
    )
