"""CSV tables of keypoints, long or wide, whose first line names the columns.

====  =====================================================================================================
long  a line for every joint of a body in a frame: ``frame, body, joint, x, y[, z][, confidence]``
wide  a line for every body in a frame: ``frame, body, nose_x, nose_y[, nose_z][, nose_confidence], ...``
====  =====================================================================================================

``frame`` is a whole number, or there is ``time`` in seconds in its place; ``body`` is a number or a name, and
may be left out where there is one. Fields are separated by commas, or all by semicolons or tabs: then numbers
may have decimal commas. An empty field or ``nan`` is what was not seen. Joints are told by their names
(:mod:`skelact.formats.named_joints`).

The raw data of the data set ``csv`` is a folder of such files, and a manifest where wanted.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt

from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.exclusions import MALFORMED, UnusableRecordingError, quote
from skelact.formats.manifest import is_manifest
from skelact.formats.named_joints import POINTS_LEFT_OUT, sequence_of_points, skeleton_of
from skelact.formats.notes import Note
from skelact.formats.number_text import decoded_table, float_of, separator_of
from skelact.formats.own_recordings import NO_CONFIDENCES, read_content, survey_recordings
from skelact.formats.people import ImageSize, frame_steps, in_pixels
from skelact.formats.sample import Sample
from skelact.formats.settings import meant_rate
from skelact.limits import check_limit
from skelact.skeleton.topology import Topology

SUFFIX = ".csv"
OTHER_COLUMNS = "columns that are not read, left out"
OTHER_RATE = "times that tell another rate than --fps, which counts"
_ALIKE = 0.02
"""By what share rates may differ that are one."""
_TOLD_TO = 1e-3  # seconds; rounding to milliseconds is usual
NO_IMAGE = "positions are in space, of which no image tells the size (--image-size)"

_SAME = {
    **dict.fromkeys(("frame", "frame_id", "frame_number", "frame_index", "fnum"), "frame"),
    **dict.fromkeys(("time", "timestamp", "seconds"), "time"),
    **dict.fromkeys(("body", "person", "person_id", "individual", "track", "track_id"), "body"),
    **dict.fromkeys(("joint", "joint_name", "keypoint", "landmark", "marker", "bodypart"), "joint"),
    **dict.fromkeys(("confidence", "conf", "score", "likelihood", "visibility", "c", "v"), "confidence"),
    **{axis: axis for axis in "xyz"},
}
"""Names of columns, and of what follows a joint's name in a wide table."""
_OF_JOINT = re.compile(r"(.+?)[_. :-]([A-Za-z]+)")
_UNSEEN = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})
_UNUSUAL = re.compile(r"[^0-9eE+\-.,naN ]")  # what is in no number, and not in nan either
_FEW, _SPARSE = 20_000, 200  # body-frames that there may be at least, and for every line


@dataclass(frozen=True)
class _Columns:
    """Where in a line everything stands."""

    frame: int
    is_time: bool
    body: int | None
    joint: int | None
    """Of a long table."""
    numbers: tuple[int, ...]
    """x, y, z and the confidence of the joint, or of one joint after the other."""
    joints: tuple[str, ...]
    """Of a wide table."""
    num_coordinates: int
    has_confidence: bool
    num_others: int
    """Columns that are none of these."""


def _columns(names: Sequence[str]) -> _Columns | None:
    """Return what the names of the columns say; None where they are not those of keypoints."""
    plain = [_SAME.get(name.strip().lower(), "") for name in names]
    place = {name: number for number, name in reversed(list(enumerate(plain))) if name}
    time = place.get("frame", place.get("time"))
    if time is None:
        return None
    is_time = "frame" not in place
    if "joint" in place and {"x", "y"} <= place.keys():
        kinds = [kind for kind in ("x", "y", "z", "confidence") if kind in place]
        numbers = tuple(place[kind] for kind in kinds)
        used = len(numbers) + 2 + ("body" in place)
        has_confidence = "confidence" in place
        shape = (len(kinds) - has_confidence, has_confidence, len(names) - used)
        return _Columns(time, is_time, place.get("body"), place["joint"], numbers, (), *shape)
    of_joints: dict[str, dict[str, int]] = {}
    for number, name in enumerate(names):
        match = _OF_JOINT.fullmatch(name.strip())
        kind = _SAME.get(match[2].lower(), "") if match else ""
        if match and kind in ("x", "y", "z", "confidence"):
            of_joints.setdefault(match[1], {}).setdefault(kind, number)
    joints = {joint: found for joint, found in of_joints.items() if {"x", "y"} <= found.keys()}
    if len(joints) < 2:
        return None
    first = next(iter(joints.values()))
    kinds = [kind for kind in ("x", "y", "z", "confidence") if kind in first]
    if any(set(found) != set(kinds) for found in joints.values()):
        return None
    numbers = tuple(found[kind] for found in joints.values() for kind in kinds)
    has_confidence = "confidence" in kinds
    num_others = len(names) - len(numbers) - 1 - ("body" in place)
    shape = (len(kinds) - has_confidence, has_confidence, num_others)
    return _Columns(time, is_time, place.get("body"), None, numbers, tuple(joints), *shape)


def read_csv(
    file: str,
    name: str,
    data: bytes,
    *,
    topology: Topology | None = None,
    fps: float | None = None,
    min_confidence: float = 0.0,
    image_size: ImageSize | None = None,
) -> LabelledSequence:
    """Read one file.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        data: the file's bytes.
        topology: the skeleton; None: that of the joints' names.
        fps: frames a second; None: as a column of seconds tells, or unknown.
        min_confidence: a joint with a confidence below it, or of 0, is missing.
        image_size: of the video, for 2-D positions that are shares of it.

    Raises:
        UnusableRecordingError: no such table, an unknown skeleton, or not one joint was seen.
        DataError: more bodies or frames than the limits.
    """
    lines, rows = _rows(file, data)
    columns = _columns(rows[0]) if rows else None
    if columns is None or len(rows) < 2:
        detail = "expected names (frame, body, joint, x, y or frame, nose_x, nose_y, ...) and lines below"
        raise UnusableRecordingError(MALFORMED, file, "line 1", detail)
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(rows[0]):
            raise _malformed(file, line, f"{len(row)} fields; expected {len(rows[0])}")
    lines, rows = lines[1:], rows[1:]
    times = _numbers(file, lines, rows, (columns.frame,), "a number of a frame or of seconds")[:, 0]
    if np.isnan(times).any():
        raise _malformed(file, lines[int(np.argmax(np.isnan(times)))], "no frame; expected one on every line")
    is_overruled, sampled = False, list[Note]()
    if columns.is_time:
        instants, which = np.unique(times, return_inverse=True)
        if len(instants) > 1:
            apart = np.diff(instants)
            # an instant that is missing is a frame in which nobody was seen
            numbers_of = np.append(0, np.cumsum(np.maximum(1, np.rint(apart / np.median(apart)))))
            if numbers_of[-1] > 1 << 53:
                raise _malformed(file, lines[0], "seconds too far apart to be those of one video")
            steps = frame_steps(file, numbers_of.astype(np.int64), "time")[0][which]
            seconds = float(instants[-1] - instants[0])
            told = meant_rate(float(steps.max()) / seconds, _TOLD_TO / seconds)
            is_overruled = fps is not None and told is not None and abs(told / fps - 1) > _ALIKE
            fps = told if fps is None else fps
        else:
            steps = which
    else:
        odd = (times != np.round(times)) | (np.abs(times) > 1 << 53)
        if odd.any():
            raise _malformed(file, lines[int(np.argmax(odd))], "expected a whole number under frame")
        steps, sampled = frame_steps(file, times.astype(np.int64), "frame", fps)
    bodies, body_names = _numbered(rows, columns.body)
    num_frames, num_bodies = int(steps.max()) + 1, len(body_names)
    check_limit("frames", num_frames, file)
    check_limit("bodies", num_bodies, file)
    if num_frames * num_bodies > _FEW + _SPARSE * len(rows):
        detail = f"{num_bodies} bodies in {num_frames} frames, most of them in few; leave out such bodies"
        raise UnusableRecordingError(MALFORMED, file, "", detail)
    points = columns.joints
    if columns.joint is None:
        skeleton = skeleton_of(file, points, topology)
        where: tuple[npt.NDArray[np.intp], ...] = (bodies, steps)
    else:
        joints, points = _numbered(rows, columns.joint)
        skeleton = skeleton_of(file, points, topology)
        where = (bodies, steps, joints)
    place = np.ravel_multi_index(where, (num_bodies, num_frames, len(points))[: len(where)])
    _, first = np.unique(place, return_index=True)
    if len(first) < len(place):
        twice = np.setdiff1d(np.arange(len(place)), first)[0]
        who = "a body" if columns.joint is None else f"{quote(points[joints[twice]].encode())} of a body"
        detail = f"{who} is there twice in one frame; leave one out, or tell people apart by a column body"
        raise _malformed(file, lines[int(twice)], detail)
    numbers = _numbers(file, lines, rows, columns.numbers, "a number, or nothing for what was not seen")
    width = columns.num_coordinates + columns.has_confidence
    table = np.full((num_bodies, num_frames, len(points), width), np.nan)
    table[where] = numbers.reshape(len(rows), -1, width) if columns.joint is None else numbers
    positions = table[..., : columns.num_coordinates]
    attributes: dict[str, int] = {}
    notes: list[Note] = []
    if columns.num_coordinates == 2:
        seen = ~np.isnan(positions).any(-1)
        positions, attributes, notes = in_pixels(positions, seen, file, image_size)
    elif image_size is not None:
        notes = [Note(file, NO_IMAGE)]
    sequence = sequence_of_points(
        file,
        name,
        positions,
        skeleton,
        fps=fps,
        confidence=table[..., -1] if columns.has_confidence else None,
        min_confidence=min_confidence,
    )
    left_out = len(points) - int(np.count_nonzero(skeleton.places >= 0))
    notes += [Note(file, skeleton.remark)] if skeleton.remark else []
    notes += [Note(file, OTHER_RATE)] if is_overruled else []
    notes += [Note(file, POINTS_LEFT_OUT, left_out)] if left_out else []
    notes += [Note(file, OTHER_COLUMNS, columns.num_others)] if columns.num_others else []
    notes += [Note(file, NO_CONFIDENCES)] if min_confidence > 0 and not columns.has_confidence else []
    return LabelledSequence(replace(sequence, attributes=attributes), notes=notes + sampled)


def _rows(file: str, data: bytes) -> tuple[list[int], list[list[str]]]:
    """Return the numbers of the lines that are not empty, and their fields."""
    try:
        text, separator = decoded_table(data)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
        found = [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError as error:
        detail = "bytes that are not UTF-8; save the file as UTF-8"
        raise UnusableRecordingError(MALFORMED, file, f"byte {error.start}", detail) from error
    except csv.Error as error:
        raise UnusableRecordingError(MALFORMED, file, "", f"not CSV ({error}); write it again") from error
    return [line for line, _ in found], [row for _, row in found]


def _numbers(
    file: str, lines: list[int], rows: list[list[str]], places: Sequence[int], expected: str
) -> npt.NDArray[np.float64]:
    """Return the numbers in some columns, (lines, columns), NaN for what was not seen."""
    words = [[row[place] for place in places] for row in rows]
    flat = list(chain.from_iterable(words))
    if not _UNUSUAL.search(",".join(flat)):
        try:
            numbers = np.fromiter((float(word or "nan") for word in flat), np.float64, len(flat))
            if not np.isinf(numbers).any():
                return numbers.reshape(len(rows), -1)
        except ValueError:
            pass
    numbers = np.empty((len(rows), len(places)))
    for line, row, into in zip(lines, words, numbers, strict=True):
        for number, word in enumerate(row):
            plain = word.strip()
            is_unseen = plain.lower() in _UNSEEN
            into[number] = np.nan if is_unseen else float_of(plain.encode("ascii", "replace"))
            if not is_unseen and not np.isfinite(into[number]):
                raise _malformed(file, line, f"found {quote(word.encode())}; expected {expected}")
    return numbers


def _numbered(rows: list[list[str]], place: int | None) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Return the number of every line's name in a column, in the order in which they come, and the names."""
    if place is None:
        return np.zeros(len(rows), np.intp), ("",)
    numbers: dict[str, int] = {}
    found = [numbers.setdefault(row[place].strip(), len(numbers)) for row in rows]
    return np.array(found, np.intp), tuple(numbers)


def _malformed(file: str, line: int, detail: str) -> UnusableRecordingError:
    return UnusableRecordingError(MALFORMED, file, f"line {line}", detail)


def csv_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="csv",
        summary="recordings of your own: a .csv table of keypoints each, and manifest.csv where wanted",
        suffix=SUFFIX,
        example="jump-01.csv",
        recognises=_recognises,
        settings={
            "topology": None,
            "fps": None,
            "class_names": None,
            "min_confidence": 0.0,
            "image_size": None,
            "body_order": None,
        },
        survey=partial(survey_recordings, read=partial(read_content, read_csv)),
    )


def _recognises(sample: Sample) -> bool:
    if is_manifest(sample.file.name) or not sample.lines:
        return False
    first = sample.lines[0]
    return _columns([name.strip('"') for name in first.split(separator_of(first))]) is not None
