"""One pass, compiled, over the bytes of an NTU RGB+D file: what the line reader finds, sooner.

The scanner reads files that keep to the format and numbers that it can turn into the very float that
``float`` gives: at most 18 digits whose value is below 2 ** 53 and a power of ten up to 22 are both exact in
float64, so their one product or quotient is rounded correctly. At anything else it stops, and the line
reader decides: it words the errors and knows the rare spellings.

Importing this module imports numba; the compiled code is cached beside the module or in numba's folder. The
arguments of compiled functions are ``Any``: numba gives them its own types.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from skelact.processor import compiled
from skelact.skeleton.tables import NTU_25

Scan = tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""The number of frames; for every body of every frame frame (B,), id (B,), joints (B, 25, 3) in metres."""

_JOINTS = NTU_25.num_joints
_BODY_REST = 9  # fields of a body's line after the id
_JOINT_REST = 9  # fields of a joint's line after x y z
_MIN_BODY_BYTES = 2 * (1 + _BODY_REST) + len("25\n") + _JOINTS * 2 * (3 + _JOINT_REST)
_MAX_BODIES = 16  # in one frame; the sensor tracks 6
_MAX_DIGITS = 18  # fits an int64
_MAX_EXACT = 1 << 53
_MAX_POWER = 22
_POWERS = np.array([float(10**power) for power in range(_MAX_POWER + 1)])

_PADDING = 16  # line ends behind the text: every line ends, and 8 bytes can be loaded from any place
_NEWLINE, _TAB, _RETURN, _SPACE = 10, 9, 13, 32
_PLUS, _MINUS, _POINT, _ZERO, _UPPER_E, _LOWER_E = 43, 45, 46, 48, 69, 101

# Eight bytes at a time: the top bit of each byte is the answer for that byte.
_TOP = np.uint64(0x8080808080808080)
_LOW_SEVEN = np.uint64(0x7F7F7F7F7F7F7F7F)
_ONES = np.uint64(0x0101010101010101)
_ABOVE_CONTROL = np.uint64(0x6060606060606060)  # + 0x20 reaches the top bit
_ABOVE_SPACE = np.uint64(0x5F5F5F5F5F5F5F5F)  # + 0x21 reaches the top bit
_ONE, _SEVEN, _EIGHT, _LAST_BYTE = np.uint64(1), np.uint64(7), np.uint64(8), np.uint64(56)

_SIGNATURE = (
    "UniTuple(int64, 2)(Array(uint8, 1, 'C', readonly=True), "
    "Array(uint64, 1, 'A', readonly=True, aligned=False), int64, int64[::1], int64[::1], float32[:, ::1])"
)


def scan(data: bytes) -> Scan | None:
    """Read one file's content.

    Returns:
        The number of frames, and for every body of every frame, in the file's order: (B,) the frame from 0,
        (B,) the body id, (B, 25, 3) metres. None where the line reader must decide.
    """
    padded = np.frombuffer(data + b"\n" * _PADDING, np.uint8)
    eights: npt.NDArray[np.uint64] = np.ndarray((len(padded) - 7,), np.uint64, padded.data, strides=(1,))
    capacity = len(data) // _MIN_BODY_BYTES + 1
    frames, ids = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    positions = np.empty((capacity, 3 * _JOINTS), np.float32)
    num_frames, found = _scan_compiled(padded, eights, len(data), frames, ids, positions)
    if num_frames < 1:
        return None
    return num_frames, frames[:found], ids[:found], positions[:found].reshape(found, _JOINTS, 3)


@njit
def _word_start(text: Any, place: Any) -> Any:
    """Return where the line's next word begins; a place that holds a line end if there is none."""
    while text[place] == _SPACE or text[place] == _TAB or text[place] == _RETURN:
        place += 1
    return place


@njit
def _whole_number(text: Any, place: Any) -> tuple[Any, Any]:
    """Read a word of 1 to 18 digits; returns its value, -1 where it is none, and the place behind it."""
    start, value = place, 0
    while text[place] >= _ZERO and text[place] < _ZERO + 10 and place - start <= _MAX_DIGITS:
        value = value * 10 + text[place] - _ZERO
        place += 1
    if place == start or place - start > _MAX_DIGITS or text[place] > _SPACE:
        return -1, place
    return value, place


@njit
def _decimal(text: Any, place: Any) -> tuple[Any, Any]:
    """Read a decimal number; returns it and the place behind it, -1 where it is none or not exact here."""
    is_negative = text[place] == _MINUS
    if is_negative or text[place] == _PLUS:
        place += 1
    start, mantissa, power = place, 0, 0
    while text[place] >= _ZERO and text[place] < _ZERO + 10 and place - start <= _MAX_DIGITS:
        mantissa = mantissa * 10 + text[place] - _ZERO
        place += 1
    num_digits = place - start
    if text[place] == _POINT:
        place += 1
        start = place
        while text[place] >= _ZERO and text[place] < _ZERO + 10 and num_digits + place - start <= _MAX_DIGITS:
            mantissa = mantissa * 10 + text[place] - _ZERO
            place += 1
        power = start - place
        num_digits -= power
    if num_digits == 0 or num_digits > _MAX_DIGITS or mantissa > _MAX_EXACT:
        return 0.0, -1
    if text[place] == _LOWER_E or text[place] == _UPPER_E:
        place += 1
        sinks = text[place] == _MINUS
        if sinks or text[place] == _PLUS:
            place += 1
        exponent, place = _whole_number(text, place)
        if exponent < 0 or exponent > 1000:
            return 0.0, -1
        power += -exponent if sinks else exponent
    if text[place] > _SPACE or power < -_MAX_POWER or power > _MAX_POWER:
        return 0.0, -1
    value = mantissa / _POWERS[-power] if power < 0 else mantissa * _POWERS[power]
    return -value if is_negative else value, place


@njit
def _rest_of_line(text: Any, eights: Any, place: Any) -> tuple[Any, Any]:
    """Count the words that begin after the blank at ``place``; -1 at a character that no text has.

    Returns:
        The count, and where the next line begins.
    """
    num_words = np.uint64(0)
    was_blank = np.uint64(0)  # lowest byte's top bit: the byte before is blank
    while True:
        eight = eights[place]
        low = eight & _LOW_SEVEN
        words = ((low + _ABOVE_SPACE) | eight) & _TOP
        controls = ~((low + _ABOVE_CONTROL) | eight) & _TOP
        starts = words & (((words ^ _TOP) << _EIGHT) | was_blank)
        if controls == 0:
            num_words += ((starts >> _SEVEN) * _ONES) >> _LAST_BYTE
            was_blank = (words ^ _TOP) >> _LAST_BYTE
            place += 8
            continue
        before = ((controls & (~controls + _ONE)) >> _SEVEN) - _ONE  # all bits below the first control
        num_words += (((starts & before) >> _SEVEN) * _ONES) >> _LAST_BYTE
        place += np.int64(((before & _ONES) * _ONES) >> _LAST_BYTE)
        if text[place] == _NEWLINE:
            return np.int64(num_words), place + 1
        if text[place] != _RETURN and text[place] != _TAB:
            return -1, place
        was_blank = np.uint64(0x80)
        place += 1


@njit
def _lone_count(text: Any, eights: Any, place: Any) -> tuple[Any, Any]:
    """Read a line that holds one count; returns it, -1 where it is none, and where the next line begins."""
    value, place = _whole_number(text, _word_start(text, place))
    if value < 0:
        return -1, place
    num_words, place = _rest_of_line(text, eights, place)
    return (value if num_words == 0 else -1), place


def _scan_file(text: Any, eights: Any, size: int, frames: Any, ids: Any, positions: Any) -> tuple[int, int]:
    """Fill ``frames``, ``ids`` and ``positions``; returns the numbers of frames and of their rows.

    The number of frames is -1 where the file is not one that this scanner knows.
    """
    num_frames, place = _lone_count(text, eights, 0)
    row = 0
    for frame in range(num_frames):
        if place >= size:
            return -1, 0
        num_bodies, place = _lone_count(text, eights, place)
        if num_bodies < 0 or num_bodies > _MAX_BODIES or row + num_bodies > len(frames):
            return -1, 0
        first_row = row
        for _ in range(num_bodies):
            body_id, place = _whole_number(text, _word_start(text, place))
            if body_id < 0:
                return -1, 0
            num_words, place = _rest_of_line(text, eights, place)
            if num_words != _BODY_REST:
                return -1, 0
            for other in range(first_row, row):
                if ids[other] == body_id:
                    return -1, 0
            frames[row], ids[row] = frame, body_id
            place = _word_start(text, place)
            start = place
            num_joints, place = _lone_count(text, eights, place)
            if num_joints != _JOINTS or text[start] == _ZERO:
                return -1, 0
            for joint in range(_JOINTS):
                for axis in range(3):
                    value, place = _decimal(text, _word_start(text, place))
                    if place < 0:
                        return -1, 0
                    positions[row, 3 * joint + axis] = value  # at most 2 ** 53 * 1e22: finite in float32
                num_words, place = _rest_of_line(text, eights, place)
                if num_words != _JOINT_REST:
                    return -1, 0
            row += 1
    while place < size:  # blank lines may follow
        if text[place] > _SPACE:
            return -1, 0
        num_words, place = _rest_of_line(text, eights, place)
        if num_words != 0:
            return -1, 0
    return num_frames, row


_scan_compiled = compiled(_scan_file, _SIGNATURE)
