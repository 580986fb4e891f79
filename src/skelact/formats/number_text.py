"""Numbers in text, found and read by whole arrays: what ``float`` says of each, several times faster.

A :class:`NumberText` finds all words of a text at once. A decimal with one digit before the point (a
coordinate in metres) is read with integer arithmetic on eight digits at a time: mantissa and power of ten are
both exact in float64, so their one division is rounded correctly, as ``float`` rounds. Any other spelling
goes through ``float`` itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]

_TAB, _NEWLINE, _RETURN, _SPACE = b"\t\n\r "
_PLUS, _MINUS, _POINT, _ZERO = b"+-.0"
_PADDING = 32  # bytes of blanks behind the text, so that 16 bytes can be loaded from any of its places
_MAX_DECIMALS = 14  # one digit and 14 decimals stay under 2 ** 53
_EIGHT_ZEROS = int.from_bytes(b"0" * 8, "little")
# For n of 8 characters in use: how far to shift them up, and the zeros that take the places before them.
_SHIFT = np.array([64 - 8 * used for used in range(9)], np.uint64)
_FILL = np.array([_EIGHT_ZEROS >> (8 * used) for used in range(9)], np.uint64)
_POWERS = 10.0 ** np.arange(_MAX_DECIMALS + 1)


class NumberText:
    """A text's words and lines.

    Words are separated by blanks (space, tab, line end); lines end with LF or CRLF.
    """

    def __init__(self, data: bytes) -> None:
        self._data = b" " + data + b" " * _PADDING
        self._bytes = np.frombuffer(self._data, np.uint8)
        places = len(self._data) - 15
        self._sixteen_from = np.ndarray((places, 16), np.uint8, self._data, strides=(1, 1))
        blanks = np.flatnonzero(self._bytes <= _SPACE)
        gaps = np.flatnonzero(blanks[1:] - blanks[:-1] > 1)
        self.word_start: Indices = blanks[gaps] + 1
        """(W,) where each word begins, as a place in the padded text."""
        self.word_end: Indices = blanks[gaps + 1]
        """(W,) where each word ends, exclusive."""
        self._controls = blanks[self._bytes[blanks] < _SPACE]
        stops = self._controls[self._bytes[self._controls] == _NEWLINE]
        if stops.size == 0 or stops[-1] != len(data):  # the last line has no end of its own
            stops = np.append(stops, len(data) + 1)
        self.line_end: Indices = stops
        """(L,) where each line ends, exclusive."""
        self.line_start: Indices = np.concatenate([[1], stops[:-1] + 1])
        """(L,) where each line begins."""
        self._line_ends: list[int] = stops.tolist()  # plain integers: single lines are asked for often

    def odd_line(self) -> int | None:
        """Return the first line, counted from 0, that holds a control character, which no text has."""
        controls = self._bytes[self._controls]
        is_odd = (controls != _NEWLINE) & (controls != _RETURN) & (controls != _TAB)
        if not is_odd.any():
            return None
        return int(np.searchsorted(self.line_end, self._controls[is_odd][0]))

    @property
    def num_lines(self) -> int:
        """Number of lines, blank ones at the end not counted."""
        return int(np.searchsorted(self.line_end, self.word_end[-1])) + 1 if self.word_end.size else 0

    def num_words(self, line: int) -> int:
        """Return how many words line ``line``, counted from 0, has."""
        bounds = np.searchsorted(self.word_start, [self.line_start[line], self.line_end[line]])
        return int(bounds[1] - bounds[0])

    def line(self, number: int) -> bytes:
        """Return line ``number``, counted from 0."""
        start = self._line_ends[number - 1] + 1 if number else 1
        return self._data[start : self._line_ends[number]]

    def word(self, number: int) -> bytes:
        """Return word ``number``, counted from 0."""
        return self._data[self.word_start[number] : self.word_end[number]]

    def numbers(self, words: Indices) -> npt.NDArray[np.float64]:
        """Return the numbers that ``words`` spell, equal to ``float`` of each; NaN where one is no number."""
        start, end = self.word_start[words], self.word_end[words]
        first = self._bytes[start]
        is_negative = first == _MINUS
        digit = start + (is_negative | (first == _PLUS))
        whole = self._bytes[digit] - np.uint8(_ZERO)  # wraps round to more than 9 below '0'
        decimals = end - digit - 2
        is_simple = (whole <= 9) & (self._bytes[digit + 1] == _POINT)
        is_simple &= (decimals >= 1) & (decimals <= _MAX_DECIMALS)
        decimals = np.where(is_simple, decimals, 1)

        sixteen = self._sixteen_from[digit + 2].view("<u8")
        in_first = np.minimum(decimals, 8)
        mantissa, is_digits = _eight_digits(sixteen[:, 0], in_first)
        mantissa += whole * _POWERS[in_first]
        is_simple &= is_digits
        long = np.flatnonzero(decimals > 8)
        if long.size:
            in_second = decimals[long] - 8
            rest, is_digits = _eight_digits(sixteen[long, 1], in_second)
            mantissa[long] = mantissa[long] * _POWERS[in_second] + rest
            is_simple[long] &= is_digits

        values: npt.NDArray[np.float64] = mantissa / _POWERS[decimals]
        np.negative(values, out=values, where=is_negative)
        for place in np.flatnonzero(~is_simple):
            values[place] = float_of(self._data[start[place] : end[place]])
        return values


def _eight_digits(
    characters: npt.NDArray[np.uint64], used: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Read the first ``used`` (1 to 8) of the 8 characters in each word as an integer.

    Neighbouring digits are joined pairwise within the word: 8 digits, 4 pairs, 2 quadruples, 1 number.

    Returns:
        The integers as float64, and where all characters in use are digits.
    """
    word = (characters << _SHIFT[used]) | _FILL[used]
    high = np.uint64(0xF0F0F0F0F0F0F0F0)
    is_digits = (word & high == _EIGHT_ZEROS) & (
        (word + np.uint64(0x0606060606060606)) & high == _EIGHT_ZEROS
    )
    word &= np.uint64(0x0F0F0F0F0F0F0F0F)
    word = (word * np.uint64(2561)) >> np.uint64(8)
    word &= np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(6553601)) >> np.uint64(16)
    word &= np.uint64(0x0000FFFF0000FFFF)
    word = (word * np.uint64(42949672960001)) >> np.uint64(32)
    return word.astype(np.float64), is_digits


def float_of(word: bytes) -> float:
    """Return ``float`` of ``word``, NaN where it is no decimal number."""
    if b"_" in word:  # Python's own spelling of long numbers
        return float("nan")
    try:
        return float(word)
    except ValueError:
        return float("nan")
