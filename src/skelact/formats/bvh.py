"""BVH motion capture files, any hierarchy, any channels, one body; and ``bvh``, the data set of any of them.

After the hierarchy (:mod:`skelact.formats.bvh_hierarchy`) a file goes on with::

    MOTION
    Frames: <number of frames>
    Frame Time: <seconds>
    one line a frame, of as many numbers as the joints have channels

Lines end with LF or CRLF; blank lines are skipped. The format does not state its unit of length.
Forward kinematics turns offsets, positions and angles into the place of every joint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError
from skelact.formats.archives import RawFile
from skelact.formats.bvh_hierarchy import Hierarchy, kept_joints, parse_hierarchy, to_topology
from skelact.formats.data_set import DataSet, LabelledSequence
from skelact.formats.exclusions import TOO_LARGE, UnusableRecordingError, check_extent, malformed, quote
from skelact.formats.notes import Note
from skelact.formats.number_text import float_of
from skelact.formats.own_recordings import survey_recordings
from skelact.formats.sample import Sample
from skelact.formats.settings import meant_rate
from skelact.limits import beyond, limit
from skelact.skeleton.sequence import SkeletonSequence

SUFFIX = ".bvh"
CENTIMETRE = 0.01
"""Scale of a file in centimetres, as most are."""
NOT_UTF8 = {
    "shift-jis": "joints' names that are not UTF-8, read as Shift-JIS",
    "latin-1": "joints' names that are not UTF-8, read as Latin-1",
}
_OTHER_LINES = 100_000  # of the hierarchy of the most joints, and blank ones
_SECONDS = (1e-6, 1e6)  # what the time of a frame may be
_FRAMES_AT_A_TIME = 1024


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
    return _read(file, name, data, scale, topology_name, left_out)[0]


def _read(
    file: str, name: str, data: bytes, scale: float, topology_name: str, left_out: frozenset[str]
) -> tuple[SkeletonSequence, Hierarchy]:
    if not (scale > 0 and math.isfinite(scale)):
        raise ConfigurationError(f"scale={scale}: must be a positive number of metres")
    if data.count(b"\n") > limit("frames") + _OTHER_LINES:
        raise UnusableRecordingError(TOO_LARGE, file, "", f"lines: {beyond('frames')}")
    lines = data.splitlines()
    hierarchy = parse_hierarchy(file, lines)
    topology = to_topology(file, hierarchy, topology_name, left_out)
    seconds, frame_lines = motion_lines(file, lines, hierarchy)
    motion = parse_numbers(file, lines, frame_lines, hierarchy.num_channels)
    with np.errstate(over="ignore", invalid="ignore"):
        places = joint_positions(hierarchy, motion)
        places *= scale
        positions = places[:, kept_joints(hierarchy, left_out)].astype(np.float32)[None]
    if not np.isfinite(positions).all():
        frame = int(np.argmax(~np.isfinite(positions[0]).all((1, 2))))
        raise malformed(
            file, frame_lines[frame], "a joint is infinitely far away; expected lengths of a body"
        )
    present = np.ones(positions.shape[:2], np.bool_)
    return SkeletonSequence(name, positions, present, topology, fps=meant_rate(1 / seconds)), hierarchy


def motion_lines(file: str, lines: list[bytes], hierarchy: Hierarchy) -> tuple[float, list[int]]:
    """Find the line of every frame, and check how many there are before a number is read.

    Returns:
        Seconds a frame, and the frames' lines, counted from 1.

    Raises:
        UnusableRecordingError: the announced counts and the lines differ.
    """
    after = range(hierarchy.num_lines, len(lines))
    content = [number + 1 for number in after if lines[number] and not lines[number].isspace()]
    if len(content) < 2:
        raise malformed(file, len(lines) + 1, "the file ends; expected Frames:, Frame Time: and the frames")
    first, second, *frame_lines = content
    num_frames = _header_number(file, first, lines[first - 1].split(), "Frames")
    seconds = _header_number(file, second, lines[second - 1].split(), "Frame Time")
    if len(frame_lines) != num_frames:
        found = f"{num_frames:.15g} frames announced, but {len(frame_lines)} lines with numbers follow"
        raise malformed(file, first, found)
    check_extent(file, f"line {first}", 1, len(frame_lines), len(hierarchy.joints))
    return seconds, frame_lines


def parse_numbers(
    file: str, lines: list[bytes], frame_lines: list[int], num_channels: int
) -> npt.NDArray[np.float64]:
    """Read the numbers of the frames, (F, numbers a frame), some frames at a time: words take much memory.

    Raises:
        UnusableRecordingError: a line has another number of words, or a word is no finite decimal number.
    """
    numbers = np.empty((len(frame_lines), num_channels))
    for start in range(0, len(frame_lines), _FRAMES_AT_A_TIME):
        places = frame_lines[start : start + _FRAMES_AT_A_TIME]
        rows = [lines[line - 1].split() for line in places]
        for line, words in zip(places, rows, strict=True):
            if b"_" in lines[line - 1]:  # Python's own spelling of long numbers, which no file uses
                raise _no_number(file, line, next(word for word in words if b"_" in word))
            if len(words) != num_channels:
                raise malformed(file, line, f"{len(words)} fields; expected {num_channels}, one a channel")
        try:
            count = len(places) * num_channels
            values = np.fromiter(map(float, chain.from_iterable(rows)), np.float64, count)
        except ValueError:
            values = np.array([np.nan])
        if not np.isfinite(values).all():
            line, word = next(
                (line, word)
                for line, words in zip(places, rows, strict=True)
                for word in words
                if not math.isfinite(float_of(word))
            )
            raise _no_number(file, line, word)
        numbers[start : start + len(places)] = values.reshape(len(places), -1)
    return numbers


def _header_number(file: str, line: int, words: list[bytes], title: str) -> float:
    """Read a line ``<title>: <number above 0>``; frames are counted, so their number is whole."""
    found_title, _, value = b" ".join(words).partition(b":")
    number = float_of(value.strip())
    if title == "Frames":
        kind, is_usable = "a whole number above 0", number > 0 and number.is_integer()
    else:
        kind, is_usable = "the seconds from one frame to the next", _SECONDS[0] < number < _SECONDS[1]
    if found_title.split() != title.encode().split() or not is_usable:
        raise malformed(file, line, f"found {quote(b' '.join(words))}; expected {title}: and {kind}")
    return number


def _no_number(file: str, line: int, word: bytes) -> UnusableRecordingError:
    return malformed(file, line, f"found {quote(word)}; expected a finite number")


Floats = npt.NDArray[np.float64]


def joint_positions(hierarchy: Hierarchy, motion: Floats) -> Floats:
    """Return where the joints are.

    A joint's rotation is the product of its rotation channels' elementary counter-clockwise rotations, in
    the file's order, on column vectors: ``Zrotation Xrotation Yrotation`` means ``R = Rz Rx Ry``. The joint
    lies at its parent's place plus the parent's accumulated rotation times its own offset; a position
    channel, of the root or of any other joint, replaces the offset along its axis.

    Args:
        hierarchy: V joints.
        motion: (F, numbers a frame), lengths in the file's unit, angles in degrees.

    Returns:
        (F, V, 3) in the file's unit.
    """
    places = np.empty((len(motion), len(hierarchy.joints), 3))
    for start in range(0, len(motion), _FRAMES_AT_A_TIME):
        part = slice(start, start + _FRAMES_AT_A_TIME)
        places[part] = _places(hierarchy, motion[part])
    return places


def _places(hierarchy: Hierarchy, motion: Floats) -> Floats:
    """Return (F, V, 3), for so few frames that their rotations fit into memory.

    Inside, frames come last, so that every operation runs along them.
    """
    joints, channels = hierarchy.joints, np.ascontiguousarray(motion.T)
    turns = _rotations(hierarchy, channels)
    places = np.empty((len(joints), 3, len(motion)))
    for number, joint in enumerate(joints):
        places[number] = np.array(joint.offset, np.float64)[:, None]
        for axis, channel in joint.position_channels.items():
            places[number, axis] = channels[channel]
        if joint.parent != number:  # the parent comes before, so its place and its turn are final
            above = turns[joint.parent]
            places[number] = places[joint.parent] + np.einsum("ijf,jf->if", above, places[number])
            turns[number] = np.einsum("ijf,jkf->ikf", above, turns[number])
    return places.transpose(2, 0, 1)


def _rotations(hierarchy: Hierarchy, channels: Floats) -> Floats:
    """Return the rotation (V, 3, 3, F) of every joint relative to its parent.

    Multiplying by an elementary rotation mixes two columns; joints that turn about the same axis at the same
    place of their order are done together.

    Args:
        hierarchy: V joints.
        channels: (numbers a frame, F).
    """
    joints = hierarchy.joints
    turns = np.zeros((len(joints), 3, 3, channels.shape[1]))
    turns[:, range(3), range(3)] = 1
    for place in range(max(len(joint.rotation_channels) for joint in joints)):
        for axis in range(3):
            about = [
                (number, joint.rotation_channels[place][1])
                for number, joint in enumerate(joints)
                if len(joint.rotation_channels) > place and joint.rotation_channels[place][0] == axis
            ]
            if not about:
                continue
            numbers, used = map(list, zip(*about, strict=True))
            angle = np.radians(channels[used])[:, None]
            cos, sin = np.cos(angle), np.sin(angle)
            first, second = (axis + 1) % 3, (axis + 2) % 3
            a, b = turns[numbers, :, first], turns[numbers, :, second]
            turns[numbers, :, first] = cos * a + sin * b
            turns[numbers, :, second] = cos * b - sin * a
    return turns


def bvh_data_set() -> DataSet:
    """Return the data set of any BVH files: the first one's skeleton for all, classes and splits by manifest.

    Its setting ``scale`` is the length of the files' unit in metres.
    """
    return DataSet(
        name="bvh",
        summary="recordings of your own: .bvh files of one skeleton, and manifest.csv where wanted",
        suffix=SUFFIX,
        example="anything.bvh",
        unit="m",
        recognises=recognises,
        settings={"scale": CENTIMETRE, "class_names": None},
        survey=_survey,
    )


def recognises(sample: Sample) -> bool:
    """Tell whether a file begins as BVH files do."""
    return sample.text.split(maxsplit=1)[:1] == ["HIERARCHY"]


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the manifest among ``files``, if there is one.

    Raises:
        DataError: more than one manifest, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    scale = data_set.settings["scale"]
    if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
        raise ConfigurationError(f"--scale is {scale}; expected the files' unit of length in metres, as 0.01")
    return survey_recordings(data_set, files, read=partial(_described, scale=float(scale)))


def _described(file: RawFile, *, scale: float) -> LabelledSequence:
    sequence, hierarchy = _read(file.name, file.stem, file.read(), scale, "bvh", frozenset())
    is_plain = hierarchy.encoding == "utf-8"
    return LabelledSequence(
        sequence, notes=() if is_plain else [Note(file.name, NOT_UTF8[hierarchy.encoding])]
    )
