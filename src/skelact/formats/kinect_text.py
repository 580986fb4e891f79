"""Kinect v1 text: a file a recording, ``frame`` and 60 numbers a line; the released UTKinect-Action3D is so.

A line is the frame's number and x, y, z of the 20 joints in the order of Microsoft's SDK, with blanks between
them: metres, in the camera's axes (y up, z away from it). A joint at the origin was not seen. A line with the
number of the line before is skipped; where its positions are others, as of a second person, it is counted.

UTKinect-Action3D calls its files ``joints_sXX_eYY.txt`` (subject, trial) and has one table of actions,
``actionLabel.txt``::

    s01_e01
    walk: 252 390
    sitDown: 572 686

from the first to the last frame's number; ``NaN`` where an action was not recorded. Each action is a
sequence. Without that file a recording is one sequence, and labels and splits come from a manifest.

Source: L. Xia, C.-C. Chen, J. K. Aggarwal, View invariant human action recognition using histograms of 3D
joints, CVPR Workshops 2012.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence
from skelact.formats.exclusions import Exclusion, malformed, quote
from skelact.formats.notes import Note
from skelact.formats.number_text import float_of, number_table, text_lines
from skelact.formats.own_recordings import survey_recordings
from skelact.formats.sample import Sample, number_fields
from skelact.formats.settings import class_names_setting, fps_setting, recorded_settings
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20

SUFFIX = ".txt"
ACTION_FILE = "actionLabel.txt"
UTKINECT_FPS = 15.0
UTKINECT_ACTIONS = {
    "walk": "walk",
    "sitDown": "sit down",
    "standUp": "stand up",
    "pickUp": "pick up",
    "carry": "carry",
    "throw": "throw",
    "push": "push",
    "pull": "pull",
    "waveHands": "wave hands",
    "clapHands": "clap hands",
}
"""The classes, as ``actionLabel.txt`` spells them and as they are called here."""
NOT_LISTED = f"not in {ACTION_FILE}"
NOT_RECORDED = "an action without frames"
OTHER_POSITIONS = "lines of a frame that is there already, with other positions, left out"

_FIELDS = ("frame", *(f"{axis} of {joint}" for joint in KINECT_20.joints for axis in "xyz"))
_EXPECTED = f"the frame's number and {len(_FIELDS) - 1} more"
_RECORDING = re.compile(rb"s(\d{2})_e(\d{2})")
_ACTION = re.compile(rb"(\w+)\s*:\s*(\d{1,7}|NaN)\s+(\d{1,7}|NaN)")
_NAME = re.compile(r"(?:joints_)?(s(\d{2})_e(\d{2}))", re.ASCII)


@dataclass(frozen=True)
class LabelledAction:
    """One action of a recording: the numbers of its first and last frame."""

    name: str
    """As ``actionLabel.txt`` spells it."""
    first: int
    last: int


def parse_frames(file: str, data: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], list[Note]]:
    """Read a recording.

    Args:
        file: how errors call the file.
        data: its bytes.

    Returns:
        (T,) numbers of the frames, rising, (T, 20, 3) positions in metres, and notes on lines left out.

    Raises:
        UnusableRecordingError: the content breaks the format; the message names the line, what was found and
            what was expected.
    """
    lines = text_lines(file, data)
    if not lines:
        raise malformed(file, 1, f"0 lines; expected {_EXPECTED} for every frame")
    table = number_table(file, lines, _FIELDS, _EXPECTED, len(_FIELDS))
    numbers = np.array([float_of(line.split(maxsplit=1)[0]) for line in lines])  # exact, as those of a clock
    is_wrong = (numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= 1 << 53)
    is_wrong[1:] |= np.diff(numbers) < 0
    if is_wrong.any():
        line = int(np.argmax(is_wrong))
        found = f"frame {quote(lines[line].split()[0])}"
        raise malformed(file, line + 1, f"{found}; expected a whole number, not below the one before")
    is_new = np.r_[True, np.diff(numbers) > 0]
    kept = table[is_new, 1:]
    others = int((table[:, 1:] != kept[np.cumsum(is_new) - 1]).any(1).sum())
    notes = [Note(file, OTHER_POSITIONS, others)] if others else []
    return numbers[is_new].astype(np.int64), kept.reshape(-1, KINECT_20.num_joints, 3), notes


def as_sequence(name: str, positions: npt.NDArray[np.float32], fps: float | None) -> SkeletonSequence:
    """Return the sequence of one body with (T, 20, 3) positions, absent in the frames that are all zeros."""
    seen = (positions != 0).any(2)[None]
    present = seen.any(2)
    return SkeletonSequence(
        name=name,
        positions=positions[None],
        present=present,
        topology=KINECT_20,
        joint_present=None if seen[present].all() else seen,
        fps=fps,
    )


def parse_actions(file: str, data: bytes) -> dict[str, tuple[LabelledAction | None, ...]]:
    """Read ``actionLabel.txt``.

    Args:
        file: how errors call the file.
        data: its bytes.

    Returns:
        The actions of each recording, by its name ``sXX_eYY``, in the file's order; None for one that was not
        recorded.

    Raises:
        DataError: a line is neither a recording nor an action of UTKinect-Action3D with its frames, or a
            recording is listed twice.
    """
    found: dict[str, list[LabelledAction | None]] = {}
    actions: list[LabelledAction | None] | None = None
    for number, line in enumerate(text_lines(file, data), 1):
        text = line.strip()
        if not text:
            continue
        if _RECORDING.fullmatch(text):
            name = text.decode()
            if name in found:
                raise malformed(file, number, f"{name} is listed a second time")
            actions = found[name] = []
            continue
        match = _ACTION.fullmatch(text)
        if match is not None and match[1].decode() not in UTKINECT_ACTIONS:
            raise malformed(
                file,
                number,
                f"{quote(match[1])} is no action of UTKinect; expected {', '.join(UTKINECT_ACTIONS)}",
            )
        if match is None or actions is None:
            raise malformed(file, number, f"{quote(text)}; expected s01_e01, or an action as walk: 252 390")
        if b"NaN" in (match[2], match[3]):
            actions.append(None)
            continue
        first, last = int(match[2]), int(match[3])
        if first > last:
            raise malformed(file, number, f"frames {first} to {last}; expected the first one first")
        actions.append(LabelledAction(match[1].decode(), first, last))
    return {name: tuple(actions) for name, actions in found.items()}


def kinect_text_data_set() -> DataSet:
    """Return the data set as it is before its folder is known."""
    return DataSet(
        name="kinect-text",
        summary="Kinect v1 text, UTKinect-Action3D too: .txt files, frame and 60 numbers a line",
        topology=KINECT_20,
        suffix=SUFFIX,
        example="joints_s01_e01.txt",
        up="y",
        unit="m",
        recognises=_recognises,
        settings={"fps": None, "class_names": None},
        survey=_survey,
    )


def _recognises(sample: Sample) -> bool:
    lines = sample.lines[:2]
    return bool(lines) and all(number_fields(line) == len(_FIELDS) for line in lines)


def _survey(data_set: DataSet, files: Sequence[RawFile]) -> DataSet:
    """Read the table of actions or the manifest among ``files``, if there is one.

    Raises:
        DataError: more than one of them, or one that cannot be used.
        ConfigurationError: a setting that cannot be used.
    """
    found = [file for file in files if file.name.rpartition("/")[2] == ACTION_FILE]
    if len(found) > 1:
        raise DataError(f"{found[0].name} and {found[1].name}: expected one {ACTION_FILE}; leave one out")
    fps = fps_setting(data_set.settings)
    if not found:
        return survey_recordings(replace(data_set, fps=fps), files, read=_described)
    names = class_names_setting(data_set.settings, len(UTKINECT_ACTIONS))
    actions = parse_actions(found[0].name, found[0].read())
    recordings = [file for file in files if file.suffix == SUFFIX and file is not found[0]]
    return replace(
        data_set,
        settings=recorded_settings(data_set.settings, None, names),
        fps=fps or UTKINECT_FPS,
        class_names=names or tuple(UTKINECT_ACTIONS.values()),
        read=partial(_read_actions, actions=actions, fps=fps or UTKINECT_FPS),
        side_files=frozenset({found[0].name}),
        excluded_files=tuple(
            Exclusion(file.name, NOT_LISTED) for file in recordings if _recording(file.stem) not in actions
        ),
    )


def _recording(stem: str) -> str:
    """Return the name ``sXX_eYY`` of a recording whose file is called so; else what cannot be listed."""
    match = _facts(stem)
    return match[1] if match else ""


def _facts(stem: str) -> re.Match[str] | None:
    """Return what the name of a file says; of those in several folders the folder stands before it."""
    return _NAME.fullmatch(stem.rpartition("/")[2])


def _described(file: RawFile, *, fps: float | None) -> LabelledSequence:
    _, positions, notes = parse_frames(file.name, file.read())
    return LabelledSequence(as_sequence(file.stem, positions, fps), notes=notes)


def _read_actions(
    file: RawFile, *, actions: Mapping[str, tuple[LabelledAction | None, ...]], fps: float
) -> Iterator[Item]:
    """Yield a recording's actions, called ``s01_e01_walk``."""
    recording = _recording(file.stem)
    numbers, positions, notes = parse_frames(file.name, file.read())
    yield from notes
    facts = _facts(file.stem)
    assert facts is not None  # the survey has listed it
    for action in actions[recording]:
        if action is None:
            yield Exclusion(file.name, NOT_RECORDED, recording, f"{ACTION_FILE} has NaN")
            continue
        inside = (numbers >= action.first) & (numbers <= action.last)
        if not inside.any():
            span = f"frames {action.first} to {action.last}, the file has {numbers[0]} to {numbers[-1]}"
            yield Exclusion(file.name, NOT_RECORDED, f"{recording} {action.name}", span)
            continue
        yield replace(
            as_sequence(f"{recording}_{action.name}", positions[inside], fps),
            label=tuple(UTKINECT_ACTIONS).index(action.name),
            attributes={"subject": int(facts[2]), "replication": int(facts[3])},
        )
