"""The raw format of NTU RGB+D: one text file a recording, Kinect v2 bodies frame by frame.

Grammar (lines end with LF or CRLF)::

    <number of frames>
    per frame:  <number of bodies>
      per body: <body id> and 9 more fields
                <number of joints, 25>
                25 lines of 12 fields: x y z depthX depthY colorX colorY orientW orientX orientY orientZ state

Structure and field counts are checked on every line; of the numbers, only the ids, the counts and x y z
(metres, in the camera's axes) are read. A compiled scanner (:mod:`skelact.formats.ntu_scanner`) reads what
keeps to the format; whatever it stops at is read line by line, which gives the same numbers and words the
errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import UnusableRecordingError, malformed, quote
from skelact.formats.number_text import fits_float32, float_of, text_lines
from skelact.processor import numba_is_wanted
from skelact.skeleton.tables import NTU_25

if TYPE_CHECKING:
    from skelact.formats.ntu_scanner import Scan

REPEATED_BODY = "a body id twice in one frame"

_NUM_JOINTS = NTU_25.num_joints
_BODY_FIELDS, _JOINT_FIELDS = 10, 12
_BODY_LINES = 2 + _NUM_JOINTS
_JOINT_COUNT = str(_NUM_JOINTS).encode()
_MAX_DIGITS = 18  # fits an int64


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
    num_frames, frames, ids, positions = found or _read_lines(file, data)
    by_id = np.argsort(ids, kind="stable")
    of_each = np.split(by_id, np.flatnonzero(np.diff(ids[by_id])) + 1) if len(ids) else []
    tracks = [
        Track(int(ids[rows[0]]), frames[rows], positions[rows])
        for rows in sorted(of_each, key=lambda rows: int(rows[0]))
    ]
    return NtuRecording(num_frames, tuple(tracks))


@cache
def _scanner() -> Callable[[bytes], Scan | None] | None:
    """Load the compiled scanner when the first file is read, if it is wanted."""
    if not numba_is_wanted():
        return None
    from skelact.formats.ntu_scanner import scan

    return scan


def _read_lines(file: str, data: bytes) -> Scan:
    """Read what the scanner left, with an error for all that breaks the format."""
    lines = text_lines(file, data)
    num_frames = _count(file, lines, 0, "the number of frames")
    if num_frames == 0:
        raise malformed(file, 1, "0 frames; expected at least 1")
    if num_frames > len(lines) - 1:
        raise malformed(file, 1, f"{num_frames} frames announced, but only {len(lines) - 1} lines follow")
    frames, ids, positions = [], [], []
    line = 1
    for frame in range(num_frames):
        where = f"frame {frame + 1} of {num_frames}"
        num_bodies = _count(file, lines, line, f"the number of bodies of {where}")
        needed, left = num_bodies * _BODY_LINES, len(lines) - line - 1
        if needed > left:
            follow = f"{needed} lines must follow, but the file has {left} more"
            raise malformed(file, line + 1, f"{num_bodies} bodies announced in {where}: {follow}")
        line += 1
        seen: set[int] = set()
        for _ in range(num_bodies):
            body_id = _body_id(file, lines, line)
            if body_id in seen:
                detail = f"body {body_id} stands twice in frame {frame + 1}; expected each id once a frame"
                raise UnusableRecordingError(REPEATED_BODY, file, f"line {line + 1}", detail)
            seen.add(body_id)
            if lines[line + 1].strip() != _JOINT_COUNT:
                found = quote(lines[line + 1].strip())
                raise malformed(file, line + 2, f"found {found}; expected {_NUM_JOINTS}, the joint count")
            frames.append(frame)
            ids.append(body_id)
            positions.append([_joint(file, lines, joint) for joint in range(line + 2, line + _BODY_LINES)])
            line += _BODY_LINES
    if line < len(lines):
        raise malformed(file, line + 1, f"more text after the last of {num_frames} frames; expected the end")
    return (
        num_frames,
        np.array(frames, np.int64),
        np.array(ids, np.int64),
        np.array(positions, np.float32).reshape(-1, _NUM_JOINTS, 3),
    )


def _count(file: str, lines: list[bytes], line: int, what: str) -> int:
    """Read a line that holds one count and nothing else."""
    if line >= len(lines):
        raise malformed(file, len(lines) + 1, f"the file ends; expected {what}")
    word = lines[line].strip()
    if not word.isdigit() or len(word) > _MAX_DIGITS:
        raise malformed(file, line + 1, f"found {quote(word)}; expected {what}")
    return int(word)


def _body_id(file: str, lines: list[bytes], line: int) -> int:
    """Read the id from a body's first line."""
    fields = lines[line].split()
    if len(fields) != _BODY_FIELDS:
        what = f"expected {_BODY_FIELDS}: a body id and {_BODY_FIELDS - 1} more"
        raise malformed(file, line + 1, f"{len(fields)} fields; {what}")
    if not fields[0].isdigit() or len(fields[0]) > _MAX_DIGITS:
        raise malformed(file, line + 1, f"found {quote(fields[0])}; expected a body id, a whole number")
    return int(fields[0])


def _joint(file: str, lines: list[bytes], line: int) -> list[float]:
    """Read x y z from a joint's line."""
    fields = lines[line].split()
    if len(fields) != _JOINT_FIELDS:
        raise malformed(file, line + 1, f"{len(fields)} fields; expected the {_JOINT_FIELDS} of a joint")
    values = [float_of(field) for field in fields[:3]]
    for axis, value, field in zip("xyz", values, fields[:3], strict=True):
        if not fits_float32(value):
            found = f"{axis} is {quote(field)}"
            raise malformed(file, line + 1, f"{found}; expected a finite number of metres")
    return values
