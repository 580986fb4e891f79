"""The raw format of NTU RGB+D 60 and 120: one text file a recording, Kinect v2 bodies frame by frame.

Grammar (lines end with LF or CRLF)::

    <number of frames>
    per frame:  <number of bodies>
      per body: <body id> and 9 more fields
                <number of joints, 25>
                25 lines of 12 fields: x y z depthX depthY colorX colorY orientW orientX orientY orientZ state

Structure and field counts are checked on every line; of the numbers, only the ids, the counts and x y z
(metres, in the camera's axes) are read. A compiled scanner reads what keeps to the format; whatever it stops
at is read by whole arrays, which gives the same numbers and words the errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import UnusableRecordingError, malformed, quote
from skelact.formats.number_text import NumberText
from skelact.skeleton.tables import NTU_25

if TYPE_CHECKING:
    from skelact.formats.ntu_scanner import Scan

SUFFIX = ".skeleton"
FPS = 30.0
REPEATED_BODY = "a body id twice in one frame"
BAD_NAME = "name not in the form SsssCcccPpppRrrrAaaa"

NO_NUMBA = "SKELACT_NO_NUMBA"
"""Environment variable: 1 leaves the compiled scanner out."""

_NUM_JOINTS = NTU_25.num_joints
_BODY_FIELDS, _JOINT_FIELDS = 10, 12
_BODY_LINES = 2 + _NUM_JOINTS
_JOINT_COUNT = str(_NUM_JOINTS).encode()
_MAX_DIGITS = 18  # fits an int64
_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.ASCII)


@dataclass(frozen=True)
class NtuName:
    """What a recording's name says; all numbers count from 1."""

    setup: int
    camera: int
    performer: int
    replication: int
    action: int


@dataclass(frozen=True)
class Track:
    """All that the file holds under one body id."""

    body_id: int
    """The sensor's id of the body (17 digits)."""
    frames: npt.NDArray[np.int64]
    """(F,) the frames of the file in which the body was seen, counted from 0, ascending."""
    positions: npt.NDArray[np.float32]
    """(F, 25, 3) metres."""


@dataclass(frozen=True)
class NtuRecording:
    """A file as it is, nothing cleaned."""

    num_frames: int
    """Frames of the file, those without a body included."""
    tracks: tuple[Track, ...]
    """One track a body id, in the order in which the ids first appear."""


def parse_name(name: str) -> NtuName:
    """Read a name in the form ``SsssCcccPpppRrrrAaaa``.

    Raises:
        UnusableRecordingError: another form, or a number is 0.
    """
    match = _NAME.fullmatch(name)
    numbers = [int(digits) for digits in match.groups()] if match else [0]
    if 0 in numbers:
        raise UnusableRecordingError(
            BAD_NAME, name, "", "expected a name in the form SsssCcccPpppRrrrAaaa, as S001C002P003R001A008"
        )
    return NtuName(*numbers)


def parse_recording(file: str, data: bytes) -> NtuRecording:
    """Read one file's content.

    Args:
        file: how errors call the file.
        data: the file's bytes.

    Raises:
        UnusableRecordingError: the content breaks the format; the message names the line, what was
            found and what was expected.
    """
    scanner = _scanner()
    found = scanner(data) if scanner else None
    num_frames, frames, ids, positions = found or _read_arrays(file, data)
    tracks = []
    for body_id in dict.fromkeys(ids.tolist()):
        rows = ids == body_id
        tracks.append(Track(body_id, frames[rows], positions[rows]))
    return NtuRecording(num_frames, tuple(tracks))


@cache
def _scanner() -> Callable[[bytes], Scan | None] | None:
    """Load the compiled scanner when the first file is read, if numba is there and wanted."""
    if os.environ.get(NO_NUMBA, "0") not in ("", "0"):
        return None
    try:
        from skelact.formats.ntu_scanner import scan
    except ImportError:
        return None
    return scan


def _read_arrays(file: str, data: bytes) -> Scan:
    """Read what the scanner left: by whole arrays, with an error for all that breaks the format."""
    text = NumberText(data)
    odd_line = text.odd_line()
    if odd_line is not None:
        raise malformed(file, odd_line + 1, "a control character; expected numbers and spaces")
    num_frames, num_words, found = _walk(file, text)
    frames, ids, first_lines, first_words = np.array(found, np.int64).reshape(-1, 4).T
    return num_frames, frames, ids, _positions(file, text, first_lines, first_words, num_words)


def _walk(file: str, text: NumberText) -> tuple[int, int, list[tuple[int, int, int, int]]]:
    """Read all lines but the joints'.

    Returns:
        The number of frames, the number of words that the file must have, and for each body in each frame:
        frame, id, line and word of its first joint.
    """
    num_lines = text.num_lines
    num_frames = _count(file, text, 0, num_lines, "the number of frames")
    if num_frames == 0:
        raise malformed(file, 1, "0 frames; expected at least 1")
    if num_frames > num_lines - 1:
        raise malformed(file, 1, f"{num_frames} frames announced, but only {num_lines - 1} lines follow")
    found = []
    line, word = 1, 1
    for frame in range(num_frames):
        what = f"the number of bodies of frame {frame + 1} of {num_frames}"
        num_bodies = _count(file, text, line, num_lines, what)
        if num_bodies * _BODY_LINES > num_lines - line - 1:
            announced = f"{num_bodies} bodies announced in frame {frame + 1} of {num_frames}"
            follow = (
                f"{num_bodies * _BODY_LINES} lines must follow, but the file has {num_lines - line - 1} more"
            )
            raise malformed(file, line + 1, f"{announced}: {follow}")
        line, word = line + 1, word + 1
        seen: set[int] = set()
        for _ in range(num_bodies):
            body_id = _body_id(file, text, line)
            if body_id in seen:
                place, detail = f"line {line + 1}", f"body {body_id} stands twice in frame {frame + 1}"
                raise UnusableRecordingError(
                    REPEATED_BODY, file, place, f"{detail}; expected each id once a frame"
                )
            seen.add(body_id)
            if text.line(line + 1).strip() != _JOINT_COUNT:
                found_text = quote(text.line(line + 1).strip())
                raise malformed(
                    file, line + 2, f"found {found_text}; expected {_NUM_JOINTS}, the joint count"
                )
            found.append((frame, body_id, line + 2, word + _BODY_FIELDS + 1))
            line += _BODY_LINES
            word += _BODY_FIELDS + 1 + _NUM_JOINTS * _JOINT_FIELDS
    if line < num_lines:
        raise malformed(file, line + 1, f"more text after the last of {num_frames} frames; expected the end")
    return num_frames, word, found


def _count(file: str, text: NumberText, line: int, num_lines: int, what: str) -> int:
    """Read a line that holds one count and nothing else."""
    if line >= num_lines:
        raise malformed(file, num_lines + 1, f"the file ends; expected {what}")
    word = text.line(line).strip()
    if not word.isdigit() or len(word) > _MAX_DIGITS:
        raise malformed(file, line + 1, f"found {quote(word)}; expected {what}")
    return int(word)


def _body_id(file: str, text: NumberText, line: int) -> int:
    """Read the id from a body's first line."""
    fields = text.line(line).split()
    if len(fields) != _BODY_FIELDS:
        what = f"expected {_BODY_FIELDS}: a body id and {_BODY_FIELDS - 1} more"
        raise malformed(file, line + 1, f"{len(fields)} fields; {what}")
    if not fields[0].isdigit() or len(fields[0]) > _MAX_DIGITS:
        raise malformed(file, line + 1, f"found {quote(fields[0])}; expected a body id, a whole number")
    return int(fields[0])


def _positions(
    file: str,
    text: NumberText,
    first_lines: npt.NDArray[np.int64],
    first_words: npt.NDArray[np.int64],
    num_words: int,
) -> npt.NDArray[np.float32]:
    """Read x y z of every body, (bodies over all frames, 25, 3), after checking the fields of its lines."""
    joints = np.arange(_NUM_JOINTS)
    lines = (first_lines[:, None] + joints).reshape(-1)
    words = (first_words[:, None] + joints * _JOINT_FIELDS).reshape(-1)
    # All other lines have the right number of words, so these have it too if each one's first and last word
    # lie in it and the total is right.
    ends = words + _JOINT_FIELDS - 1
    if (
        len(text.word_start) != num_words
        or not (
            (text.word_start[words] >= text.line_start[lines])
            & (text.word_start[ends] < text.line_end[lines])
        ).all()
    ):
        line = next(line for line in lines.tolist() if text.num_words(line) != _JOINT_FIELDS)
        raise malformed(
            file, line + 1, f"{text.num_words(line)} fields; expected the {_JOINT_FIELDS} of a joint"
        )
    fields = (words[:, None] + np.arange(3)).reshape(-1)
    values = text.numbers(fields)
    with np.errstate(over="ignore"):
        positions = values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(positions))
    if bad.size:
        axis, line = "xyz"[bad[0] % 3], lines[bad[0] // 3]
        word = quote(text.word(fields[bad[0]]))
        raise malformed(file, line + 1, f"{axis} is {word}; expected a finite number of metres")
    return positions.reshape(-1, _NUM_JOINTS, 3)
