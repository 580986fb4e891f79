"""MediaPipe's landmarks as CSV: a line a frame, or a line a landmark.

- With a line a frame there is a column for each number: ``left_wrist_x``, ``x15`` or ``15_x`` and so on.
- With a line a landmark there are columns ``frame``, ``landmark`` (its name or number), ``x``, ``y`` and,
  where told, ``z`` and ``visibility``; of several types (``type``) those of the ``pose`` are read.

A column ``frame`` (or ``frame_index`` and the like) numbers frames; otherwise lines of a frame each do, those
of empty fields too, and lines of a landmark each are of one frame, of one person. An empty field is what was
not found. Landmarks beyond the pose's 33 (hands, face) and other columns are not read. Fields are separated
as in :mod:`skelact.formats.keypoint_csv`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import MALFORMED, UnusableRecordingError
from skelact.formats.number_text import decoded_table, fits_float32, float_of

Kind = Literal["world", "image"]
KINDS: tuple[Kind, Kind] = ("world", "image")
FILE_JOINTS = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye"),
    *("right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_pinky"),
    *("right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel"),
    *("left_foot_index", "right_foot_index"),
)
"""MediaPipe's own names, in its order."""
NUM_JOINTS = len(FILE_JOINTS)
FRAME_NUMBERS = ("frame", "frame_index", "frame_id", "frame_number", "frame_idx")
"""What the number of a frame may be called."""

Table = npt.NDArray[np.float64]
Poses = dict[Kind | None, list[tuple[int, Table]]]
"""By kind (None: not told), a frame's number and the (33, 4) landmarks of a person: x, y, z, visibility; NaN
where one was not found."""

_FIELDS = {"x": 0, "y": 1, "z": 2, **dict.fromkeys(("v", "vis", "visibility", "score", "confidence"), 3)}
_LANDMARKS = ("landmark", "landmark_name", "landmark_id", "landmark_index", "joint", "keypoint", "name")
_VIDEOS = ("video", "video_id", "video_name", "clip", "recording")
_NOTHING = ("", "nan", "none", "null")


def read_csv(file: str, data: bytes) -> tuple[Poses, set[int], int]:
    """Return the people of a file, of a kind that is not told, the numbers of all its frames, and how many
    landmarks beyond the pose's it has.

    Args:
        file: how errors call the file.
        data: its bytes.

    Raises:
        UnusableRecordingError: no such table; the message names the line.
    """
    try:
        text, separator = decoded_table(data)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
        rows = [row for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableRecordingError(MALFORMED, file, "", f"not CSV in UTF-8 ({error})") from error
    header, lines = [name.strip() for name in rows[0]] if rows else [], rows[1:]
    columns, landmark, fields = columns_of(header), None, {}
    wide = {place: where for place, where in columns.items() if where[0] < NUM_JOINTS}
    names = [name.lower() for name in header]
    if not columns:
        landmark = next((names.index(name) for name in _LANDMARKS if name in names), None)
        fields = {names.index(name): number for name, number in _FIELDS.items() if name in names}
    if not lines or not (wide or (landmark is not None and {0, 1} <= set(fields.values()))):
        _fail(file, 1, "no columns such as left_wrist_x, nor landmark, x and y; or no line below them")
    frame = next((names.index(name) for name in FRAME_NUMBERS if name in names), None)
    if frame is not None or landmark is not None:  # otherwise a line without any number is a frame, too
        lines = [row for row in lines if any(row)]
    read = {*wide, *fields, *([] if frame is None else [frame])}
    body = text.partition("\n")[2]
    is_plain = body.isascii() and not set(body) & {"_", '"'}  # as in numbers that only Python knows
    at_once = _all_values(header, len(lines), body, separator) if is_plain else None
    values = _values(file, header, lines, read) if at_once is None else at_once
    numbers: Sequence[int] = range(len(lines)) if landmark is None else [0] * len(lines)
    if frame is not None:
        numbers = _frame_numbers(file, values[:, frame])
    video = next((names.index(name) for name in _VIDEOS if name in names), None)
    if video is not None and len({row[video] for row in lines if video < len(row)}) > 1:
        _fail(file, 1, f"lines of several videos, by the column {header[video]}; expected one file a video")
    kind = names.index("type") if landmark is not None and "type" in names else None
    others = {joint for joint, _ in columns.values() if joint >= NUM_JOINTS}
    told: set[tuple[int, int]] = set()
    poses: dict[int, list[Table]] = {}
    for line, (number, row) in enumerate(zip(numbers, values, strict=True)):
        if landmark is None:
            pose = np.full((NUM_JOINTS, 4), np.nan)
            for place, where in wide.items():
                pose[where] = row[place]
            poses.setdefault(number, []).append(pose)
            continue
        joint = joint_of(lines[line][landmark])
        if joint is None:
            _fail(file, line + 2, f"{lines[line][landmark][:40]!r} is no landmark's name or number")
        if joint >= NUM_JOINTS or (kind is not None and lines[line][kind].strip().lower() != "pose"):
            others.add(joint)
            poses.setdefault(number, [np.full((NUM_JOINTS, 4), np.nan)])
            continue
        if (number, joint) in told:
            word = lines[line][landmark][:40]
            remedy = "number the frames in a column frame" if frame is None else "keep one person"
            _fail(file, line + 2, f"{word!r} is there twice in frame {number}; {remedy}")
        told.add((number, joint))
        pose = poses.setdefault(number, [np.full((NUM_JOINTS, 4), np.nan)])[0]
        pose[joint, list(fields.values())] = row[list(fields)]
    found = [(number, pose) for number in sorted(poses) for pose in poses[number]]
    seen = [(number, pose) for number, pose in found if np.isfinite(pose).any()]
    return {None: seen}, set(poses), len(others)


def _all_values(header: Sequence[str], num_lines: int, body: str, separator: str) -> Table | None:
    """Return the numbers of all columns at once, or None where some field is no finite number."""
    if not body.strip():  # the names stand on several lines
        return None
    try:
        values = np.loadtxt(body.splitlines(), np.float64, comments=None, delimiter=separator, ndmin=2)
    except ValueError:
        return None
    is_whole = values.shape == (num_lines, len(header)) and fits_float32(np.abs(values).max())
    return values if is_whole else None


def _values(file: str, header: Sequence[str], lines: Sequence[Sequence[str]], read: set[int]) -> Table:
    """Return the numbers of the columns ``read``, NaN elsewhere."""
    values = np.full((len(lines), len(header)), np.nan)
    for number, row in enumerate(lines):
        if len(row) != len(header):
            _fail(file, number + 2, f"{len(row)} fields; expected {len(header)}")
        for place in read:
            word = row[place].strip()
            if word.lower() not in _NOTHING:
                value = values[number, place] = float_of(word.encode())
                if not fits_float32(value):
                    _fail(file, number + 2, f"{header[place]} is {word[:40]!r}; expected a finite number")
    return values


def _frame_numbers(file: str, values: Table) -> list[int]:
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0) & (values == np.floor(values))))
    if len(wrong):
        _fail(file, int(wrong[0]) + 2, f"the frame's number is {values[wrong[0]]}; expected one from 0")
    return [min(int(value), 1 << 62) for value in values]


def _fail(file: str, line: int, detail: str) -> NoReturn:
    raise UnusableRecordingError(MALFORMED, file, f"line {line}", detail)


def columns_of(header: Sequence[str]) -> Mapping[int, tuple[int, int]]:
    """Return the (landmark, number) of each column that holds one: ``left_wrist_x``, ``x15``, ``15_x``.

    Landmarks by number count from 0; where the least is 1 and the largest 33 or more, from 1. Those beyond
    the 33 are none of the pose. Where there are columns of fewer than half of the landmarks it is no such
    table, and nothing is returned.
    """
    found: dict[int, tuple[int, int]] = {}
    for place, name in enumerate(header):
        after = re.fullmatch(r"(x|y|z|v|vis|visibility)[_ .-]?(\d{1,4})", name.lower(), re.ASCII)
        before = re.fullmatch(r"(.*?)[_ .-](x|y|z|v|vis|visibility|score|confidence)", name, re.IGNORECASE)
        if after:
            found[place] = int(after[2]), _FIELDS[after[1]]
        elif before and (joint := joint_of(before[1])) is not None:
            found[place] = joint, _FIELDS[before[2].lower()]
    joints = {joint for joint, _ in found.values()}
    if len(joints) < NUM_JOINTS / 2:
        return {}
    first = 1 if min(joints) == 1 and max(joints) >= NUM_JOINTS else 0
    return {place: (joint - first, number) for place, (joint, number) in found.items()}


def joint_of(name: str) -> int | None:
    """Return the landmark of a name (``left_wrist``, ``LEFT_WRIST``, ``leftWrist``), or a number, or None."""
    number = re.fullmatch(r"(?:landmark|pose|joint|kp)?[_ .-]?(\d{1,4})", name.strip().lower(), re.ASCII)
    return int(number[1]) if number else _BY_WORDS.get(_words(name))


def _words(name: str) -> frozenset[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return frozenset(re.findall(r"[a-z]+", apart.lower())) - {"pose", "landmark"}


_BY_WORDS = {_words(name): number for number, name in enumerate(FILE_JOINTS)}
