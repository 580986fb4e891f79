"""The people in files of COCO key points: the forms in which estimators write them.

Read are, each person with ``keypoints`` (17 joints: x, y, score one after the other, or lists of each):

- a list of people with ``image_id``, ``frame`` or ``frame_id``: COCO results, AlphaPose (``idx`` is who);
- a list of frames, each a list of people (Ultralytics' ``to_json`` of every frame, with ``track_id``), or an
  object with such a list under ``instances``, ``people``, ``predictions`` or ``annotations``;
- an object of frames: MMPose (``instance_info``); or ``images`` and ``annotations``, as COCO's own;
- frames with ``keypoints`` and ``scores`` of all people, as rtmlib's arrays are saved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.formats.json_value import JsonValue, is_number, json_type
from skelact.formats.people import ImageSize
from skelact.skeleton.joint_names import common_names
from skelact.skeleton.tables import COCO_17

_FRAMES = ("instance_info", "frames", "results", "data")
_PEOPLE = ("instances", "people", "persons", "predictions", "annotations", "detections", "results")
_NUMBERS = ("frame", "frame_id", "frame_index", "frame_idx", "image_id")
_SCORES = ("keypoint_scores", "keypoints_scores", "scores", "visible")
_IDENTITIES = ("track_id", "idx", "tracking_id")
_NUMBERED = ("category_id", "score")
_LAST_NUMBER = re.compile(r"(?P<name>.*?)(?P<number>\d{1,18})(?P<rest>\D*)", re.ASCII | re.DOTALL)


@dataclass
class FoundPeople:
    """The people in a file, one after the other."""

    numbers: list[int] = field(default_factory=list)
    """The frame of every person."""
    places: list[JsonValue] = field(default_factory=list)
    joints: list[npt.NDArray[np.float64]] = field(default_factory=list)
    """Of every person (V, 3): x, y, score."""
    identities: list[int] = field(default_factory=list)
    """Who every person is, -1 where that is not told."""
    frames: set[int] = field(default_factory=set)
    """All frames, those without anybody included."""
    image_size: ImageSize | None = None
    """Where the file tells it."""


def find_people(whole: JsonValue, is_coco: bool) -> FoundPeople:
    """Return the people in a file.

    Args:
        whole: its content.
        is_coco: whether names of joints, where there are any, must be COCO's.

    Raises:
        UnusableRecordingError: it has none of the forms; the message names the place.
    """
    found, table = FoundPeople(), whole.value
    if isinstance(table, dict) and isinstance(table.get("images"), list) and "annotations" in table:
        found.image_size = _gather_annotations(whole, found, is_coco)
    else:
        _gather(whole, found)
    if not found.frames:
        whole.fail("no frames; expected at least one")
    return found


def _gather(whole: JsonValue, found: FoundPeople) -> None:
    """Put all frames and people of a list into ``found``."""
    table = whole.value
    if isinstance(table, dict):
        key = next((key for key in _FRAMES if isinstance(table.get(key), list)), None)
        if key is None:
            whole.fail(
                f"no list under {', '.join(_FRAMES)}; expected the frames, or a list of people or frames"
            )
        whole = JsonValue(whole.file, key, table[key])
    frames = _Numbers(whole.file)
    whole_frames: set[int] = set()
    for number, item in enumerate(whole.items("a list of people or frames")):
        if item.value is None or isinstance(item.value, list):
            found.frames.add(number)
            for person in item.items("a list of people") if item.value else ():
                _add(person, number, found)
            continue
        if not isinstance(item.value, dict):
            item.fail(f"{json_type(item.value)}; expected a person, or a frame's people")
        key = next((key for key in _PEOPLE if isinstance(item.value.get(key), list)), None)
        told = next((item.value[key] for key in _NUMBERS if item.value.get(key) is not None), None)
        is_frame = (
            key is not None or _is_nested(item.value.get("keypoints"), 3) or item.value.get("keypoints") == []
        )
        if told is None and not is_frame:
            item.fail(f"neither {' nor '.join(_NUMBERS)} tells the frame; expected one of them")
        frame = number if told is None else frames.of(item, told)
        if is_frame and frame in whole_frames:
            item.fail(f"frame {frame} is there before, too; expected one file a video")
        whole_frames.update([frame] if is_frame else [])
        found.frames.add(frame)
        if key is not None:
            for person in JsonValue(whole.file, f"{item.path}.{key}", item.value[key]).items(
                "a list of people"
            ):
                _add(person, frame, found)
        elif is_frame:
            for person in _all_people(item):
                _add(person, frame, found)
        else:
            _add(item, frame, found)


def _gather_annotations(whole: JsonValue, found: FoundPeople, is_coco: bool) -> ImageSize | None:
    """Gather the people of a file of images and annotations."""
    numbers, frames = _Numbers(whole.file), {}
    sizes: list[tuple[object, object]] = []
    for image in JsonValue(whole.file, "images", whole.value["images"]).items("a list of images"):
        facts = image.value
        if not isinstance(facts, dict) or type(facts.get("id")) not in (int, str):
            image.fail(f"{json_type(facts)}; expected an object with an id")
        told = next(
            (facts[key] for key in ("frame_id", "file_name", "id") if facts.get(key) is not None), None
        )
        frames[facts["id"]] = numbers.of(image, told)
        if frames[facts["id"]] in found.frames:
            image.fail(f"{told!r:.40} is the frame of an image before, too; expected one file a video")
        found.frames.add(frames[facts["id"]])
        sizes.append((facts.get("width"), facts.get("height")))
    categories = whole.value.get("categories")
    for category in categories if isinstance(categories, list) and is_coco else ():
        if isinstance(category, dict) and isinstance(category.get("keypoints"), list):
            _check_names(JsonValue(whole.file, "categories", category["keypoints"]))
    for person in JsonValue(whole.file, "annotations", whole.value["annotations"]).items("a list of people"):
        facts = person.value
        image_id = facts.get("image_id") if isinstance(facts, dict) else None
        if type(image_id) not in (int, str) or image_id not in frames:
            person.fail("image_id is none of the images'; expected one of them")
        if facts.get("keypoints"):
            _add(person, frames[image_id], found)
    width, height = sizes[0] if sizes and all(size == sizes[0] for size in sizes) else (None, None)
    if type(width) is not int or type(height) is not int or not 0 < width < 1 << 20 > height > 0:
        return None
    return width, height


def _check_names(place: JsonValue) -> None:
    """Refuse names of key points that are not COCO's, in COCO's order."""
    names = [str(name) for name in place.value]
    places = common_names(names)
    if len(names) == COCO_17.num_joints and any(
        places.get(joint) != number for number, joint in enumerate(COCO_17.joints)
    ):
        wrong = next(names[n] for n, joint in enumerate(COCO_17.joints) if places.get(joint) != n)
        place.fail(f"{wrong!r:.40} is not COCO's joint of this number; give the skeleton by --topology")


class _Numbers:
    """Frames' numbers by what a file calls its images: numbers, or names that end in one."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._name: tuple[str, str] | None = None

    def of(self, place: JsonValue, told: object) -> int:
        """Return the number of the frame that ``told`` means.

        Raises:
            UnusableRecordingError: it has none, or another name than those before.
        """
        if type(told) is int and 0 <= told < 1 << 62:
            return told
        stem = told.rpartition(".")[0] or told if isinstance(told, str) else ""
        match = _LAST_NUMBER.fullmatch(stem)
        if match is None:
            place.fail(f"{told!r:.40} is no frame's number, nor a name that ends in one")
        name = (match["name"], match["rest"])
        if self._name not in (None, name):
            place.fail(f"{told!r:.40} is of another video than the images before; expected one file a video")
        self._name = name
        return int(match["number"])


def _is_nested(value: object, depth: int) -> bool:
    """Tell whether a value is a list of lists, ``depth`` deep."""
    while depth and isinstance(value, list) and value:
        value, depth = value[0], depth - 1
    return depth == 0


def _all_people(frame: JsonValue) -> Iterator[JsonValue]:
    """Yield the people of a frame whose key points and scores are lists of everybody's."""
    people = frame.value["keypoints"]
    others = {
        key: frame.value[key] for key in (*_SCORES, *_IDENTITIES) if isinstance(frame.value.get(key), list)
    }
    for number, keypoints in enumerate(people):
        facts = {"keypoints": keypoints}
        for key, values in others.items():
            if len(values) != len(people):
                frame.fail(f"{len(values)} {key} for {len(people)} people")
            facts[key] = values[number]
        yield JsonValue(frame.file, f"{frame.path}.keypoints[{number}]", facts)


def _add(person: JsonValue, frame: int, found: FoundPeople) -> None:
    if not isinstance(person.value, dict):
        person.fail(f"{json_type(person.value)}; expected an object with keypoints")
    for key in _NUMBERED:
        if key in person.value and not is_number(person.value[key]):
            person.fail(f"{key}: {json_type(person.value[key])}; expected a number")
    found.joints.append(_joints(person))
    found.places.append(person)
    found.numbers.append(frame)
    found.identities.append(_identity(person))


def _joints(person: JsonValue) -> npt.NDArray[np.float64]:
    """Return (V, 3): x, y and score of a person's joints; a score of 1 where there is none."""
    facts: Mapping[str, Any] = person.value
    place = JsonValue(person.file, f"{person.path}.keypoints", facts.get("keypoints"))
    key = next((key for key in _SCORES if facts.get(key) is not None), "")
    scores = facts.get(key)
    if key == "visible" and not isinstance(scores, list):  # of the person, not of joints
        scores = None
    if scores is not None and not isinstance(scores, list):
        person.fail(f"{key}: {json_type(scores)}; expected a list of numbers")
    if isinstance(place.value, dict):  # Ultralytics: a list of each
        scores = place.value.get("visible") if isinstance(place.value.get("visible"), list) else scores
        each = [
            JsonValue(place.file, f"{place.path}.{key}", place.value.get(key)).numbers("numbers")
            for key in "xy"
        ]
        if len(each[0]) != len(each[1]):
            place.fail(f"{len(each[0])} x and {len(each[1])} y; expected one of each for every joint")
        positions = np.stack(each, 1)
    else:
        listed = place.value
        if not isinstance(listed, list):
            place.fail(f"{json_type(listed)}; expected a list of numbers or of joints")
        if listed and isinstance(listed[0], list):
            width = len(listed[0])
            for number, joint in enumerate(listed):
                if not isinstance(joint, list) or len(joint) != width or width not in (2, 3):
                    wanted = "expected x, y and perhaps a score, the same of all"
                    place.fail(f"joint {number}: {json_type(joint)}; {wanted}")
            numbers = place.finite(list(chain.from_iterable(place.value)))
        else:
            numbers, width = place.numbers("numbers"), 3
        if len(numbers) % width or not len(numbers):
            place.fail(f"{len(numbers)} numbers; expected x, y and score of every joint")
        table = numbers.reshape(-1, width)
        if width == 3 and scores is None:
            return table
        if width == 3 and isinstance(place.value[0], list):
            place.fail(
                "3 numbers a joint beside scores are 3-D positions, which are not read; write pose-JSON"
            )
        positions = table[:, :2]
    if scores is None:
        return np.concatenate([positions, np.ones((len(positions), 1))], 1)
    confidences = JsonValue(person.file, f"{person.path}'s scores", scores).numbers("numbers")
    if len(confidences) != len(positions):
        person.fail(f"{len(confidences)} scores for {len(positions)} joints")
    return np.concatenate([positions, confidences[:, None]], 1)


def _identity(person: JsonValue) -> int:
    """Return who a person is, or -1 where that is not told."""
    key = next((key for key in _IDENTITIES if person.value.get(key) is not None), None)
    if key is None:
        return -1
    told = person.value[key]
    number = told[0] if isinstance(told, list) and len(told) == 1 else told
    if not is_number(number):
        person.fail(f"{key}: {json_type(told)}; expected a number")
    return int(number) if 0 <= number < 1 << 31 and number == int(number) else -1
