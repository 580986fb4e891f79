"""Northwestern-UCLA Multiview Action 3D as the field passes it on: one JSON file a recording, of one body.

A file is named ``aAA_sSS_eEE_vVV.json`` (action, subject, trial, camera) and holds::

    {"file_name": "a01_s01_e00_v01", "skeletons": [[[x, y, z], ... 20 joints], ... frames], "label": 1}

with the joints of a Kinect v1 in metres, in the camera's axes (y up, z away from it). A joint at the origin,
where the camera is, was not seen. The frame rate is not told.

Source: J. Wang et al., Cross-view action modeling, learning and recognition, CVPR 2014.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt

from skelact.formats.data_set import DataSet, one_sequence
from skelact.formats.exclusions import REMEDY, UnusableRecordingError
from skelact.formats.json_value import JsonValue, json_type, parse_json
from skelact.formats.sample import Sample
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20

SUFFIX = ".json"
BAD_NAME = "name not in the form aAA_sSS_eEE_vVV"
NUM_CAMERAS = 3
ACTIONS = {
    1: "pick up with one hand",
    2: "pick up with two hands",
    3: "drop trash",
    4: "walk around",
    5: "sit down",
    6: "stand up",
    8: "donning",
    9: "doffing",
    11: "throw",
    12: "carry",
}
"""The actions by their numbers in file names; their labels, in the files, are 1 to 10 in this order."""

_NUMBERS = tuple(ACTIONS)
_KEYS = {"file_name", "skeletons", "label"}
_NAME = re.compile(r"a(\d{2})_s(\d{2})_e(\d{2})_v(\d{2})", re.ASCII)


@dataclass(frozen=True)
class NwUclaName:
    """What a recording's name says; trials count from 0, all else from 1."""

    action: int
    subject: int
    trial: int
    camera: int


def parse_name(name: str) -> NwUclaName:
    """Read a name in the form ``aAA_sSS_eEE_vVV``.

    Raises:
        UnusableRecordingError: another form, or the action, subject or camera is 0.
    """
    match = _NAME.fullmatch(name)
    facts = NwUclaName(*map(int, match.groups())) if match else NwUclaName(0, 0, 0, 0)
    if 0 in (facts.action, facts.subject, facts.camera):
        detail = "expected a name in the form aAA_sSS_eEE_vVV, as a01_s02_e00_v03"
        raise UnusableRecordingError(BAD_NAME, name, "", detail)
    return facts


def read_sequence(file: str, name: str, data: bytes) -> SkeletonSequence:
    """Read one file's content.

    Args:
        file: how errors call the file.
        name: the recording's name, as for :func:`parse_name`.
        data: the file's bytes.

    Returns:
        One body, absent in the frames that are all zeros; a joint at the origin is missing. The label is the
        file's, less 1, or without one the action's place in :data:`ACTIONS`; attributes subject, replication
        (the trial) and camera.

    Raises:
        UnusableRecordingError: the name or the content breaks the format; the message names the place, what
            was found and what was expected.
    """
    facts = parse_name(name)
    table = parse_json(file, data).table(_KEYS)
    told = table["label"]
    if told.value is None:
        label = _NUMBERS.index(facts.action) if facts.action in ACTIONS else None
    elif type(told.value) is int and 1 <= told.value <= len(ACTIONS):
        label = told.value - 1
    else:
        told.fail(f"{told.value!r:.40}; expected a number from 1 to {len(ACTIONS)}")
    positions = _positions(table["skeletons"])[None]
    seen = (positions != 0).any(3)
    present = seen.any(2)
    return SkeletonSequence(
        name=name,
        positions=positions,
        present=present,
        topology=KINECT_20,
        joint_present=None if seen[present].all() else seen,
        label=label,
        attributes={"subject": facts.subject, "replication": facts.trial, "camera": facts.camera},
    )


def _positions(place: JsonValue) -> npt.NDArray[np.float32]:
    """Return (T, 20, 3) metres."""
    frames, num_joints = place.items("a list of frames"), KINECT_20.num_joints
    if not frames:
        place.fail(f"no frames; expected at least one; {REMEDY}")
    for frame in frames:
        joints = frame.value
        if not isinstance(joints, list) or len(joints) != num_joints:
            frame.fail(f"{json_type(joints)}; expected {num_joints} joints; {REMEDY}")
        if not all(isinstance(joint, list) and len(joint) == 3 for joint in joints):
            number, odd = next(
                (number, joint)
                for number, joint in enumerate(joints)
                if not isinstance(joint, list) or len(joint) != 3
            )
            frame.fail(f"joint {number}: {json_type(odd)}; expected x, y and z; {REMEDY}")
    numbers = list(chain.from_iterable(chain.from_iterable(place.value)))
    if not set(map(type, numbers)) <= {int, float}:
        odd = next(value for value in numbers if type(value) not in (int, float))
        place.fail(f"holds {json_type(odd)}; expected numbers alone; {REMEDY}")
    try:
        metres = np.array(numbers, np.float64)
    except OverflowError:
        metres = np.array([np.inf])
    if not (np.abs(metres) <= np.finfo(np.float32).max).all():
        place.fail(f"holds a number too large; expected metres; {REMEDY}")
    return metres.astype(np.float32).reshape(-1, num_joints, 3)


def nw_ucla_data_set() -> DataSet:
    """Return NW-UCLA: 10 classes, 3 cameras, one body of 20 joints."""
    return DataSet(
        name="nw-ucla",
        summary="Northwestern-UCLA: aAA_sSS_eEE_vVV.json files",
        topology=KINECT_20,
        class_names=tuple(ACTIONS.values()),
        suffix=SUFFIX,
        example="a01_s02_e00_v03.json",
        is_member=_in_nw_ucla,
        read=partial(one_sequence, read_sequence),
        up="y",
        unit="m",
        recognises=_recognises,
        num_sequences=1484,
    )


def _recognises(sample: Sample) -> bool:
    return sample.has_json_keys(1, "skeletons")


def _in_nw_ucla(name: str) -> bool:
    facts = parse_name(name)
    return facts.action in ACTIONS and facts.camera <= NUM_CAMERAS
