"""The raw format of MSR Action3D: one text file a recording, one Kinect v1 body.

A file is named ``aXX_sYY_eZZ_skeleton3D.txt`` (action, subject, trial; from 1). Every frame is 20 lines of
four numbers, ``x y z confidence``: metres in the camera's axes (y up, z away from it), and a confidence
that is not read. A frame in which the body was lost is all zeros.

Source: W. Li, Z. Zhang, Z. Liu, Action recognition based on a bag of 3D points, CVPR Workshops 2010.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

import numpy as np

from skelact.formats.data_set import DataSet, one_sequence
from skelact.formats.exclusions import UnusableRecordingError, malformed
from skelact.formats.number_text import number_table, text_lines
from skelact.formats.sample import Sample, number_fields
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20

SUFFIX = ".txt"
FPS = 15.0
BAD_NAME = "name not in the form aXX_sYY_eZZ_skeleton3D"
FILE_JOINTS = (
    *("ShoulderLeft", "ShoulderRight", "ShoulderCenter", "Spine", "HipLeft", "HipRight", "HipCenter"),
    *("ElbowLeft", "ElbowRight", "WristLeft", "WristRight", "HandLeft", "HandRight", "KneeLeft", "KneeRight"),
    *("AnkleLeft", "AnkleRight", "FootLeft", "FootRight", "Head"),
)
"""The joints in the order of a frame's lines."""

_FIELDS = ("x", "y", "z", "confidence")
_IN_FILE = [FILE_JOINTS.index(joint) for joint in KINECT_20.joints]
_NAME = re.compile(r"a(\d{2})_s(\d{2})_e(\d{2})_skeleton3D", re.ASCII)


@dataclass(frozen=True)
class MsrName:
    """What a recording's name says; all numbers count from 1."""

    action: int
    subject: int
    trial: int


def parse_name(name: str) -> MsrName:
    """Read a name in the form ``aXX_sYY_eZZ_skeleton3D``.

    Raises:
        UnusableRecordingError: another form, or a number is 0.
    """
    match = _NAME.fullmatch(name)
    numbers = [int(digits) for digits in match.groups()] if match else [0]
    if 0 in numbers:
        detail = "expected a name in the form aXX_sYY_eZZ_skeleton3D, as a01_s02_e03_skeleton3D"
        raise UnusableRecordingError(BAD_NAME, name, "", detail)
    return MsrName(*numbers)


def read_sequence(file: str, name: str, data: bytes) -> SkeletonSequence:
    """Read one file's content, with the joints in the order of ``KINECT_20``.

    Args:
        file: how errors call the file.
        name: the recording's name, as for :func:`parse_name`.
        data: the file's bytes.

    Returns:
        One body, absent in the frames that are all zeros; label ``action - 1``; attributes subject and
        replication (the trial).

    Raises:
        UnusableRecordingError: the name or the content breaks the format; the message names the line,
            what was found and what was expected.
    """
    facts = parse_name(name)
    lines = text_lines(file, data)
    num_lines, num_joints = len(lines), len(FILE_JOINTS)
    values = number_table(file, lines, _FIELDS, " ".join(_FIELDS), 3) if lines else np.empty(0, np.float32)
    if num_lines == 0 or num_lines % num_joints:
        detail = f"{num_lines} lines in all; expected {num_joints} for every frame"
        raise malformed(file, max(num_lines, 1), detail)
    positions = values.reshape(1, -1, num_joints, 3)[:, :, _IN_FILE]
    return SkeletonSequence(
        name=name,
        positions=positions,
        present=(positions != 0).any((2, 3)),
        topology=KINECT_20,
        fps=FPS,
        label=facts.action - 1,
        attributes={"subject": facts.subject, "replication": facts.trial},
    )


def msr_action3d_data_set() -> DataSet:
    """Return MSR Action3D: 20 classes, one body of 20 joints."""
    return DataSet(
        name="msr-action3d",
        summary="MSR Action3D: aXX_sYY_eZZ_skeleton3D.txt files",
        topology=KINECT_20,
        fps=FPS,
        class_names=CLASS_NAMES,
        suffix=SUFFIX,
        example="a01_s02_e03_skeleton3D.txt",
        is_member=_in_msr,
        read=partial(one_sequence, read_sequence),
        up="y",
        unit="m",
        recognises=_recognises,
        num_sequences=566,
        missing=frozenset({"a13_s09_e02_skeleton3D"}),
    )


def _recognises(sample: Sample) -> bool:
    frame = sample.lines[: len(FILE_JOINTS)]
    return len(frame) == len(FILE_JOINTS) and all(number_fields(line) == len(_FIELDS) for line in frame)


def _in_msr(name: str) -> bool:
    return parse_name(name).action <= len(CLASS_NAMES)


CLASS_NAMES = (
    "high arm wave",
    "horizontal arm wave",
    "hammer",
    "hand catch",
    "forward punch",
    "high throw",
    "draw x",
    "draw tick",
    "draw circle",
    "hand clap",
    "two hand wave",
    "side boxing",
    "bend",
    "forward kick",
    "side kick",
    "jogging",
    "tennis swing",
    "tennis serve",
    "golf swing",
    "pickup and throw",
)
"""Actions a01 to a20."""
