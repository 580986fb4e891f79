"""SBU Kinect Interaction: one text file a recording, two bodies of 15 joints.

A file lies at ``sXXsYY/AA/NNN/skeleton_pos.txt`` (pair of people, action, take). A line is a frame: its
number, then x, y, z of the 15 joints of the one and of the other person, with commas between them. The
numbers are scaled; in millimetres they are ``1280 - 2560 x``, ``960 - 1920 y`` and ``z * 10000 / 7.8125``, in
the camera's axes (y up, z away from it). About 15 frames a second.

Source: K. Yun et al., Two-person interaction detection using body-pose features and multiple instance
learning, CVPR Workshops 2012.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item
from skelact.formats.exclusions import UnusableRecordingError, malformed
from skelact.formats.number_text import number_table, text_lines
from skelact.formats.protocol import SBU_PAIRS
from skelact.formats.sample import Sample, number_fields
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import SBU_15

FILE = "skeleton_pos.txt"
SUFFIX = ".txt"
FPS = 15.0
BAD_PATH = "path not in the form sXXsYY/AA/NNN/skeleton_pos.txt"
CLASS_NAMES = (
    *("approaching", "departing", "kicking", "pushing", "shaking hands", "hugging", "exchanging objects"),
    "punching",
)
"""Actions 01 to 08."""

_NUM_BODIES = 2
_SCALE = np.array([-2.560, -1.920, 10 / 7.8125])  # metres
_SHIFT = np.array([1.280, 0.960, 0])
_FIELDS = (
    "frame",
    *(
        f"{axis} of body {body} joint {joint}"
        for body in range(1, _NUM_BODIES + 1)
        for joint in SBU_15.joints
        for axis in "xyz"
    ),
)
_NAME = re.compile(r"(s\d{2}s\d{2})_(\d{2})_(\d{3})", re.ASCII)


@dataclass(frozen=True)
class SbuName:
    """What a recording's name says."""

    pair: str
    """The two people, as ``s01s02``: the one who acts and the other."""
    action: int
    """From 1."""
    take: int


def recording_name(file: RawFile) -> str:
    """Return the name that a file's path gives, ``sXXsYY_AA_NNN``; its own name tells nothing."""
    *folders, name = file.name.split("/")
    return "_".join(folders[-3:]) if name == FILE else file.stem


def parse_name(name: str) -> SbuName:
    """Read a name in the form ``sXXsYY_AA_NNN``.

    Raises:
        UnusableRecordingError: another form, or a pair that is none of the set's.
    """
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in SBU_PAIRS:
        detail = f"expected a path in the form sXXsYY/AA/NNN/{FILE} of one of the {len(SBU_PAIRS)} pairs"
        raise UnusableRecordingError(BAD_PATH, name, "", f"{detail}, as s01s02/03/001/{FILE}")
    return SbuName(match[1], int(match[2]), int(match[3]))


def read_sequence(file: str, name: str, data: bytes) -> SkeletonSequence:
    """Read one file's content.

    Args:
        file: how errors call the file.
        name: the recording's name, as for :func:`parse_name`.
        data: the file's bytes.

    Returns:
        Two bodies of ``SBU_15``, each absent in the frames in which all its numbers are zero; label
        ``action - 1``; attributes pair (its place in ``SBU_PAIRS``) and replication (the take).

    Raises:
        UnusableRecordingError: the name or the content breaks the format; the message names the line, what
            was found and what was expected.
    """
    facts = parse_name(name)
    lines = text_lines(file, data)
    if not lines:
        raise malformed(file, 1, f"0 lines; expected {len(_FIELDS)} numbers for every frame")
    values = _numbers(file, lines).reshape(len(lines), _NUM_BODIES, SBU_15.num_joints, 3).swapaxes(0, 1)
    present = (values != 0).any((2, 3))
    positions = (values * _SCALE + _SHIFT).astype(np.float32)
    positions[~present] = 0
    return SkeletonSequence(
        name=name,
        positions=positions,
        present=present,
        topology=SBU_15,
        fps=FPS,
        label=facts.action - 1,
        attributes={"pair": SBU_PAIRS.index(facts.pair), "replication": facts.take},
    )


def _numbers(file: str, lines: list[bytes]) -> npt.NDArray[np.float32]:
    """Return (frames, 90) numbers as they stand in the file, the frame's own left out."""
    expected = f"the frame's number and {len(_FIELDS) - 1} more"
    return number_table(file, lines, _FIELDS, expected, len(_FIELDS), separator=b",", unit="")[:, 1:]


def _read(file: RawFile) -> list[Item]:
    return [read_sequence(file.name, recording_name(file), file.read())]


def sbu_data_set() -> DataSet:
    """Return SBU Kinect Interaction: 8 classes, 21 pairs of people, two bodies of 15 joints."""
    return DataSet(
        name="sbu",
        summary="SBU Kinect Interaction: sXXsYY/AA/NNN/skeleton_pos.txt files",
        topology=SBU_15,
        fps=FPS,
        class_names=CLASS_NAMES,
        suffix=SUFFIX,
        example=f"s01s02/03/001/{FILE}",
        is_member=_in_sbu,
        read=_read,
        recording_name=recording_name,
        up="y",
        unit="m",
        recognises=_recognises,
        num_sequences=282,
        attribute_values={"pair": SBU_PAIRS},
    )


def _recognises(sample: Sample) -> bool:
    lines = sample.lines[:2]
    return bool(lines) and all(number_fields(line, ",") == len(_FIELDS) for line in lines)


def _in_sbu(name: str) -> bool:
    return 1 <= parse_name(name).action <= len(CLASS_NAMES)
