"""The raw format of PKU-MMD I and II: untrimmed recordings of two Kinect v2 bodies, labels, split files.

``skeleton/<name>.txt`` has one frame a line: 150 numbers, 2 bodies x 25 joints x (x, y, z) in metres, all
zero where a body was not seen. ``label/<name>.txt`` has one action a line: ``action,start,end,confidence``,
the action from 1, frames from 0, frame ``end`` excluded. The second line of a split file names the training
recordings, separated by commas. A recording is named ``0001-L`` (I) or ``A01N01-L`` (II); L, M and R are the
views.

Source: C. Liu, Y. Hu, Y. Li, S. Song, J. Liu, PKU-MMD: a large scale benchmark for continuous multi-modal
human action understanding, arXiv 1703.07475.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import UnusableRecordingError, malformed
from skelact.formats.number_text import number_table, text_lines
from skelact.skeleton.tables import NTU_25

SUFFIX = ".txt"
FPS = 30.0
VIEWS = ("L", "M", "R")
NUM_ACTIONS = 51
BAD_NAME = "name not in the form 0001-L or A01N01-L"

_NUM_BODIES = 2
NUM_FIELDS = _NUM_BODIES * NTU_25.num_joints * 3
"""Numbers in a line of a skeleton file."""
_LABEL_FIELDS = 4
_MAX_DIGITS = 9
_NAMES = {1: re.compile(r"\d{4}-[LMR]", re.ASCII), 2: re.compile(r"A\d{2}N\d{2}-[LMR]", re.ASCII)}
_SPLIT = re.compile(r"cross[-_](subject|view)([-_]v2)?")


@dataclass(frozen=True)
class Interval:
    """One labelled action of a recording."""

    line: int
    """Line of the label file, from 1."""
    action: int
    """From 1."""
    start: int
    """First frame, from 0."""
    end: int
    """The frame after the last."""


def phase_of(name: str) -> int:
    """Return the phase, 1 or 2, of the recording called ``name``.

    Raises:
        UnusableRecordingError: no recording is called so.
    """
    for phase, pattern in _NAMES.items():
        if pattern.fullmatch(name):
            return phase
    raise UnusableRecordingError(BAD_NAME, name, "", "expected a name as 0001-L (I) or A01N01-L (II)")


def split_of(name: str) -> tuple[int, str] | None:
    """Return the phase and the protocol (``xsub``, ``xview``) of the split file ``name``, or None.

    Both spellings are known: ``cross_subject``, ``cross-subject``, and with ``_v2`` for phase II.
    """
    match = _SPLIT.fullmatch(name)
    if match is None:
        return None
    return (2 if match[2] else 1), {"subject": "xsub", "view": "xview"}[match[1]]


def parse_positions(file: str, data: bytes) -> npt.NDArray[np.float32]:
    """Read a skeleton file's content.

    Args:
        file: how errors call the file.
        data: the file's bytes.

    Returns:
        (2, T, 25, 3) metres, zero where a body was not seen.

    Raises:
        UnusableRecordingError: the content breaks the format; the message names the line, what was found and
            what was expected.
    """
    lines = text_lines(file, data)
    num_frames = len(lines)
    if num_frames == 0:
        raise malformed(file, 1, f"the file is empty; expected a frame, {NUM_FIELDS} numbers, on every line")
    expected = f"{NUM_FIELDS}: {_NUM_BODIES} bodies, {NTU_25.num_joints} joints, x y z"
    names = [f"field {number}" for number in range(1, NUM_FIELDS + 1)]
    values = number_table(file, lines, names, expected, NUM_FIELDS)
    frames = values.reshape(num_frames, _NUM_BODIES, NTU_25.num_joints, 3)
    return np.ascontiguousarray(frames.transpose(1, 0, 2, 3))


def parse_labels(file: str, data: bytes) -> tuple[Interval, ...]:
    """Read a label file's content; blank lines, spaces and any kind of line end are allowed.

    Raises:
        UnusableRecordingError: a line is not ``action,start,end,confidence``, its action is not one of 1 to
            51, or its end is not behind its start; or there is no line.
    """
    intervals = []
    for number, line in enumerate(data.decode("latin-1").splitlines(), 1):
        words = [word.strip() for word in line.split(",")]
        if words == [""]:
            continue
        is_plain = [word.isascii() and word.isdigit() and len(word) <= _MAX_DIGITS for word in words[:3]]
        if len(words) != _LABEL_FIELDS or not all(is_plain):
            found = line.strip()[:40]
            raise malformed(file, number, f"found {found!r}; expected action,start,end,confidence")
        action, start, end = map(int, words[:3])
        if not 1 <= action <= NUM_ACTIONS:
            raise malformed(file, number, f"action {action}; expected 1 to {NUM_ACTIONS}")
        if end <= start:
            raise malformed(file, number, f"frames {start} to {end}; expected an end after the start")
        intervals.append(Interval(number, action, start, end))
    if not intervals:
        raise malformed(file, 1, "no label; expected a line action,start,end,confidence for every action")
    return tuple(intervals)


def parse_split(file: str, data: bytes) -> tuple[str, ...]:
    """Read a split file's content and return the training recordings' names.

    Raises:
        UnusableRecordingError: line 2 does not list recordings' names.
    """
    lines = data.decode("latin-1").splitlines()
    names = [name.strip() for name in lines[1].split(",")] if len(lines) > 1 else []
    names = [name for name in names if name]
    if not names:
        raise malformed(file, 2, "no names; expected those of the training recordings, separated by commas")
    for name in names:
        if not any(pattern.fullmatch(name) for pattern in _NAMES.values()):
            raise malformed(file, 2, f"found {name[:40]!r}; expected recordings' names, separated by commas")
    return tuple(names)
