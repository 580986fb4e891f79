"""BVH motion capture files: any hierarchy, any channels, one body.

After the hierarchy (:mod:`skelact.sources.bvh_hierarchy`) a file goes on with::

    MOTION
    Frames: <number of frames>
    Frame Time: <seconds>
    one line a frame, of as many numbers as the joints have channels

Lines end with LF or CRLF; blank lines are skipped. The format does not state its unit of length.
"""

from __future__ import annotations

import math
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.sources.bvh_hierarchy import Hierarchy, parse_hierarchy
from skelact.sources.bvh_kinematics import joint_positions
from skelact.sources.bvh_topology import kept_joints, to_topology
from skelact.sources.number_text import float_of
from skelact.sources.unusable import UnusableRecordingError, malformed, quote

SUFFIX = ".bvh"
CENTIMETRE = 0.01
"""Scale of a file in centimetres, as most are."""
MAX_JOINT_FRAMES = 100_000_000
"""Frames times joints of the largest file that is read; its positions fill 1.2 GB."""

_RATE_ROUNDING = 5e-4  # less than what tells 29.97 from 30 frames a second


def read_sequence(
    file: str,
    name: str,
    data: bytes,
    *,
    scale: float = CENTIMETRE,
    topology_name: str = "bvh",
    left_out: frozenset[str] = frozenset(),
) -> SkeletonSequence:
    """Read one file's content.

    Args:
        file: how errors call the file.
        name: the recording's name.
        data: the file's bytes.
        scale: metres in the file's unit of length.
        topology_name: name of the sequence's topology, which is made from the file's hierarchy.
        left_out: joints to leave out, e.g. a root that stays on the floor; their turns still count.

    Returns:
        One body, present in every frame, without label.

    Raises:
        UnusableRecordingError: the content breaks the format; the message names the line, what was found and
            what was expected.
        ConfigurationError: ``scale`` is not a positive number.
    """
    if not (scale > 0 and math.isfinite(scale)):
        raise ConfigurationError(f"scale={scale}: must be a positive number of metres")
    lines = data.splitlines()
    hierarchy = parse_hierarchy(file, lines)
    topology = to_topology(file, hierarchy, topology_name, left_out)
    seconds, rows, row_lines = motion_rows(file, lines, hierarchy)
    motion = parse_numbers(file, rows, row_lines)
    with np.errstate(over="ignore", invalid="ignore"):
        places = joint_positions(hierarchy, motion)[:, kept_joints(hierarchy, left_out)]
        positions = (places * scale).astype(np.float32)[None]
    if not np.isfinite(positions).all():
        frame = int(np.argmax(~np.isfinite(positions[0]).all((1, 2))))
        raise malformed(file, row_lines[frame], "a joint is infinitely far away; expected lengths of a body")
    present = np.ones(positions.shape[:2], np.bool_)
    return SkeletonSequence(name, positions, present, topology, fps=_rate(seconds))


def motion_rows(
    file: str, lines: list[bytes], hierarchy: Hierarchy
) -> tuple[float, list[list[bytes]], list[int]]:
    """Find the numbers of every frame, and check how many there are before one is read.

    Returns:
        Seconds a frame; the words of each frame; and the frames' lines, counted from 1.

    Raises:
        UnusableRecordingError: the announced counts and the lines differ.
    """
    content = [
        (line, words)
        for line, data in enumerate(islice(lines, hierarchy.num_lines, None), hierarchy.num_lines + 1)
        if (words := data.split())
    ]
    if len(content) < 2:
        raise malformed(file, len(lines) + 1, "the file ends; expected Frames:, Frame Time: and the frames")
    num_frames = _header_number(file, *content[0], "Frames")
    seconds = _header_number(file, *content[1], "Frame Time")
    rows, row_lines = [words for _, words in content[2:]], [line for line, _ in content[2:]]
    if len(rows) != num_frames:
        found = f"{num_frames:.15g} frames announced, but {len(rows)} lines with numbers follow"
        raise malformed(file, content[0][0], found)
    if len(rows) * len(hierarchy.joints) > MAX_JOINT_FRAMES:
        found = f"{len(rows)} frames of {len(hierarchy.joints)} joints; more than {MAX_JOINT_FRAMES} places"
        raise malformed(file, content[0][0], f"{found} are not read from one file")
    for line, words in content:
        if b"_" in lines[line - 1]:  # Python's own spelling of long numbers, which no file uses
            raise _no_number(file, line, next(word for word in words if b"_" in word))
    for line, words in zip(row_lines, rows, strict=True):
        if len(words) != hierarchy.num_channels:
            expected = f"{hierarchy.num_channels}, one a channel"
            raise malformed(file, line, f"{len(words)} fields; expected {expected}")
    return seconds, rows, row_lines


def parse_numbers(file: str, rows: list[list[bytes]], row_lines: list[int]) -> npt.NDArray[np.float64]:
    """Read the words of the frames, (F, numbers a frame).

    Raises:
        UnusableRecordingError: a word is no finite decimal number.
    """
    try:
        values = np.fromiter(map(float, chain.from_iterable(rows)), np.float64, sum(map(len, rows)))
    except ValueError:
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        line, word = next(
            (line, word)
            for line, words in zip(row_lines, rows, strict=True)
            for word in words
            if not math.isfinite(float_of(word))
        )
        raise _no_number(file, line, word)
    return values.reshape(len(rows), -1)


def _header_number(file: str, line: int, words: list[bytes], title: str) -> float:
    """Read a line ``<title>: <number above 0>``; frames are counted, so their number is whole."""
    found_title, _, value = b" ".join(words).partition(b":")
    number = float_of(value.strip())
    is_usable = math.isfinite(number) and number > 0 and (title != "Frames" or number == int(number))
    if found_title.split() != title.encode().split() or not is_usable:
        kind = "a whole number" if title == "Frames" else "a number of seconds"
        raise malformed(file, line, f"found {quote(b' '.join(words))}; expected {title}: and {kind} above 0")
    return number


def _no_number(file: str, line: int, word: bytes) -> UnusableRecordingError:
    return malformed(file, line, f"found {quote(word)}; expected a finite number")


def _rate(seconds: float) -> float:
    """Return frames a second: the whole number meant, since files round the time of a frame."""
    rate = 1 / seconds
    return float(round(rate)) if abs(rate - round(rate)) < _RATE_ROUNDING * rate else rate
