"""Frames of people, one JSON object a line, as a pose estimator writes them while it looks.

::

    {"topology": "coco-17", "fps": 30, "unit": "m"}
    {"time": 0.0, "bodies": [{"id": 7, "positions": [[x, y, z], ...], "confidence": [0.9, ...]}]}
    {"bodies": [{"id": 7, "positions": [[x, y, z], null, ...]}]}

The keys are those of pose-JSON (:mod:`skelact.formats.pose_json`), but for ``time`` in seconds and the ``id``
of a person, a number or a name (default: the place in ``bodies``). ``topology``, ``fps`` and ``unit``
hold until a line says otherwise. A line without ``bodies`` is no frame. Without ``time`` a frame comes
``1 / fps`` seconds after the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError
from skelact.formats.exclusions import UnusableRecordingError, shown
from skelact.formats.json_value import JsonValue, parse_json
from skelact.formats.pose_json import read_body, read_topology
from skelact.limits import beyond, limit
from skelact.skeleton.conversion import plan_conversion
from skelact.skeleton.sequence import FARTHEST, within_reach
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import METRES, NamedUnit

Name = str | int
"""What a person is called in a stream."""
_KEYS = {"topology", "fps", "unit", "time", "bodies"}
_BODY_KEYS = {"id", "positions", "confidence"}


class Frame(NamedTuple):
    """Who is where at one time."""

    people: Mapping[Name, npt.NDArray[np.float32]]
    """(V, C) positions of each person, NaN where a joint was not seen."""
    time: float | None
    """In seconds; None: not told."""
    fps: float | None
    """Frames a second; None: not told."""


class FrameReader:
    """Reads lines, and brings their skeletons to the one wanted.

    Args:
        topology: the skeleton wanted, and the one of lines until one tells another.
        num_coordinates: 2 or 3, of positions.
    """

    def __init__(self, topology: Topology, num_coordinates: int) -> None:
        self._wanted, self._num_coordinates = topology, num_coordinates
        self._source, self._shares = topology, np.eye(topology.num_joints, dtype=np.float32)
        self._factor = 1.0
        self._fps: float | None = None

    def read(self, line: bytes, where: str) -> Frame | None:
        """Return the frame in a line; None where it only tells what holds from there on.

        Args:
            line: JSON.
            where: how errors call it.

        Raises:
            DataError: not such JSON, a skeleton of which too little is known, or positions that cannot be
                used. Nothing of the line holds then.
        """
        table = _parsed(line, where).table(_KEYS)
        time, fps = _number(table["time"]), _number(table["fps"])
        if fps is not None and not 0 < fps < 1e6:
            table["fps"].fail(f"{shown(fps)}; expected frames a second, more than 0")
        factor, source, shares = self._factor, self._source, self._shares
        if table["unit"].value is not None:
            factor = self._factor_of(table["unit"])
        if table["topology"].value is not None:
            source = read_topology(table["topology"], None)
            shares = self._shares_of(source, table["topology"])
        people = {}
        if table["bodies"].value is not None:
            bodies = table["bodies"].items("a list of bodies")
            if len(bodies) > limit("people"):
                table["bodies"].fail(f"has {beyond('people', len(bodies))}")
            for place, body in enumerate(bodies):
                name, positions = self._person(body, place, source)
                if name in people:
                    body.fail(f"a second body with the id {shown(name)}; each needs one of its own")
                people[name] = _converted(positions * np.float32(factor), shares)
            if time is None and fps is None and self._fps is None:
                table["time"].fail('not told, nor "fps"; give "fps" in a first line, or "time" in each')
        self._factor, self._source, self._shares = factor, source, shares
        self._fps = self._fps if fps is None else fps
        return None if table["bodies"].value is None else Frame(people, time, self._fps)

    def _factor_of(self, unit: JsonValue) -> float:
        if not isinstance(unit.value, str) or unit.value not in get_args(NamedUnit):
            unit.fail(f"{shown(unit.value)}; expected m, cm, mm, pixel or px")
        if unit.value not in METRES and self._num_coordinates == 3:
            unit.fail(f"{shown(unit.value)}, the model knows 3-D positions; expected m, cm or mm")
        return METRES.get(unit.value, 1.0)

    def _shares_of(self, source: Topology, place: JsonValue) -> npt.NDArray[np.float32]:
        """Return (wanted joints, joints) what each wanted joint is a mean of."""
        if source.joints == self._wanted.joints:
            return np.eye(source.num_joints, dtype=np.float32)
        try:
            plan = plan_conversion(source, self._wanted)
        except ConfigurationError as error:
            place.fail(str(error))
        missing = plan.joints("missing")
        if len(missing) > self._wanted.num_joints / 2:
            place.fail(
                f"{source.name} skeletons have {self._wanted.num_joints - len(missing)} of the "
                f"{self._wanted.num_joints} joints of {self._wanted.name} that the model knows, too few; "
                "teach a model on such skeletons"
            )
        return plan.shares

    def _person(
        self, body: JsonValue, place: int, topology: Topology
    ) -> tuple[Name, npt.NDArray[np.float32]]:
        """Return what a body is called, and its (V, C) positions in the line's unit."""
        told = body.table(_BODY_KEYS)
        name = told["id"].value
        if name is None:
            name = place
        elif isinstance(name, bool) or not isinstance(name, int | str) or len(str(name)) > limit("name"):
            told["id"].fail(f"{shown(name)}; expected a number or a name")
        confidence = told["confidence"].value
        frames = {
            "positions": [told["positions"].value],
            "confidence": None if confidence is None else [confidence],
        }
        positions, seen = read_body(JsonValue(body.file, body.path, frames), topology, 0.0)
        if not positions.shape[2]:
            return name, np.full((topology.num_joints, self._num_coordinates), np.nan, np.float32)
        if positions.shape[2] != self._num_coordinates:
            told["positions"].fail(
                f"{positions.shape[2]}-D positions, the model knows {self._num_coordinates}-D ones"
            )
        if not within_reach(np.where(seen[..., None], positions, 0)):
            told["positions"].fail(
                f"a joint farther than {FARTHEST:,.0f} in any unit; write null where one was not seen"
            )
        return name, np.where(seen[..., None], positions, np.nan).astype(np.float32)[0]


def _parsed(line: bytes, where: str) -> JsonValue:
    try:
        return parse_json(where, line)
    except UnusableRecordingError as error:  # which counts lines, and this is one
        place = "" if error.place.startswith("line ") else error.place
        raise UnusableRecordingError(error.reason, where, place, error.detail) from error


def _number(place: JsonValue) -> float | None:
    value = place.value
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        place.fail(f"{shown(value)}; expected a number")
    return float(value)


def _converted(
    positions: npt.NDArray[np.float32], shares: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return (wanted joints, C) weighted means of (joints, C); NaN where one that is needed is."""
    needed = shares > 0
    unseen = np.asarray(np.isnan(positions).any(1))
    converted = shares @ np.where(unseen[:, None], np.float32(0), positions)
    converted[(needed & unseen).any(1) | ~needed.any(1)] = np.nan
    return converted
