"""Numbers in text files: their lines, their words, and tables of them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from skelact.formats.exclusions import malformed, quote

_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LONGEST_LINE = 100_000  # bytes; a frame of two bodies has 2,000
_FLOAT32_MAX = float(np.finfo(np.float32).max)


def text_lines(file: str, data: bytes) -> list[bytes]:
    """Return a text's lines, without a byte order mark and blank ones at the end; they end with LF or CRLF.

    Raises:
        UnusableRecordingError: a control character, which no text has, or a line of more than 100,000 bytes.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    control = _CONTROL.search(data)
    if control is not None:
        line = data.count(b"\n", 0, control.start()) + 1
        raise malformed(file, line, "a control character; expected numbers and spaces")
    lines = data.split(b"\n")
    if max(map(len, lines)) > _LONGEST_LINE:
        line = next(number for number, text in enumerate(lines, 1) if len(text) > _LONGEST_LINE)
        found = f"{len(lines[line - 1]):,} bytes in one line"
        raise malformed(file, line, f"{found}; expected at most {_LONGEST_LINE:,}")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def separator_of(text: str) -> str:
    """Return what separates the fields of a table: that sign which its first line has most."""
    first = text.lstrip().partition("\n")[0]
    return max((",", ";", "\t"), key=first.count)


def decoded_table(data: bytes) -> tuple[str, str]:
    """Return a table of numbers as text, and what separates its fields.

    Where that is no comma and no number has a point, commas between digits are points.

    Raises:
        UnicodeDecodeError: not UTF-8.
    """
    text = data.decode("utf-8-sig")
    separator = separator_of(text)
    body = text[len(next(iter(text.splitlines()), "")) :]
    if separator != "," and "," in body and "." not in body:
        text = text.removesuffix(body) + _DECIMAL_COMMA.sub(".", body)
    return text, separator


def float_of(word: bytes) -> float:
    """Return ``float`` of ``word``, NaN where it is no decimal number."""
    if b"_" in word:  # Python's own spelling of long numbers
        return float("nan")
    try:
        return float(word)
    except ValueError:
        return float("nan")


def fits_float32(value: float) -> bool:
    """Tell whether ``value`` is finite in single precision."""
    return abs(value) <= _FLOAT32_MAX


def number_table(
    file: str,
    lines: list[bytes],
    names: Sequence[str],
    expected: str,
    num_read: int,
    *,
    separator: bytes | None = None,
    unit: str = " of metres",
) -> npt.NDArray[np.float32]:
    """Read lines that have a field for each of ``names``; the first ``num_read`` are finite numbers.

    Args:
        file: how errors call the file.
        lines: one or more, as of :func:`text_lines`.
        names: how errors call each field.
        expected: what errors say of a line's fields together.
        num_read: fields to read; what the others hold does not matter.
        separator: what stands between fields; None: blanks.
        unit: what errors say of the numbers.

    Returns:
        (lines, num_read).

    Raises:
        UnusableRecordingError: a line has more or fewer fields, or a field is no finite number.
    """
    between = None if separator is None else separator.decode()
    if all(map(bytes.isascii, lines)):  # NumPy's reader takes some other characters for blanks
        try:
            table = np.loadtxt(lines, np.float64, comments=None, delimiter=between, ndmin=2)
        except ValueError:
            table = np.empty((0, 0))
        if table.shape == (len(lines), len(names)) and (np.abs(table) <= _FLOAT32_MAX).all():
            return table[:, :num_read].astype(np.float32)
    rows = []
    for number, line in enumerate(lines, 1):
        words = line.split(separator)
        if len(words) != len(names):
            raise malformed(file, number, f"{len(words)} fields; expected {expected}")
        rows.append([float_of(word) for word in words[:num_read]])
        for name, word, value in zip(names, words, rows[-1], strict=False):
            if not fits_float32(value):
                raise malformed(file, number, f"{name} is {quote(word)}; expected a finite number{unit}")
    return np.array(rows, np.float32)
