"""Points with names, as tables and other programs have them: which skeleton they are, and its sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from skelact.errors import printable
from skelact.formats.exclusions import UnusableRecordingError
from skelact.skeleton.joint_names import common_names
from skelact.skeleton.sequence import SkeletonSequence, without_unseen_bodies
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology

UNKNOWN_SKELETON = "a skeleton that has to be described"
NOTHING_SEEN = "no joint of any body was seen"
POINTS_LEFT_OUT = "points that are no joints of the skeleton, left out"


@dataclass(frozen=True)
class NamedSkeleton:
    """Which points are the joints of a skeleton."""

    topology: Topology
    places: npt.NDArray[np.intp]
    """(V,) the place of each joint among the points."""


def skeleton_of(file: str, names: Sequence[str], topology: Topology | None) -> NamedSkeleton:
    """Return the skeleton that points of these names make.

    Args:
        file: how errors call the file.
        names: the points'; numbers from 0 for points that have none.
        topology: the user's, whose joints must all be among the names; None: the known one whose joints have
            exactly these names, in any order and spelling.

    Raises:
        UnusableRecordingError: a joint is missing, or no known skeleton has these names.
    """
    if topology is not None:
        places = _places(tuple(names), topology)
        if places is None and all(name.isdecimal() for name in names):
            numbered = {int(name): place for place, name in enumerate(names)}
            if numbered.keys() == set(range(topology.num_joints)):
                places = np.array([numbered[joint] for joint in range(topology.num_joints)])
        if places is None:
            missing = [joint for joint in topology.joints if _places(tuple(names), topology, joint) is None]
            raise _unknown(file, names, f"no {', '.join(missing[:4])}, which {topology.name} has")
        return NamedSkeleton(topology, places)
    for known in TOPOLOGIES.values():
        places = _places(tuple(names), known)
        if places is not None and len(places) == len(names):
            return NamedSkeleton(known, places)
    raise _unknown(file, names, "no known skeleton has joints of these names")


def _unknown(file: str, names: Sequence[str], detail: str) -> UnusableRecordingError:
    shown = printable(", ".join(names[:12]))[:200] + (", ..." if len(names) > 12 else "")
    remedy = "name it with --topology, or describe it in a .yaml file (--topology FILE)"
    return UnusableRecordingError(UNKNOWN_SKELETON, file, "", f"{detail}: {shown}; {remedy}")


@lru_cache(256)  # the files of a folder have the same names
def _places(names: tuple[str, ...], topology: Topology, joint: str = "") -> npt.NDArray[np.intp] | None:
    """Return where the joints (or one of them) are among ``names``; None where one is missing."""
    same = {_plain(name): place for place, name in reversed(list(enumerate(names)))}
    mine, theirs = common_names(topology.joints), common_names(names)
    meaning = {place: theirs[name] for name, place in mine.items() if name in theirs}
    places = []
    for number, each in enumerate(topology.joints):
        if joint and each != joint:
            continue
        place = same.get(_plain(each), meaning.get(number))
        if place is None:
            return None
        places.append(place)
    return np.array(places, np.intp) if len(set(places)) == len(places) else None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def sequence_of_points(
    file: str,
    name: str,
    points: npt.NDArray[np.floating],
    skeleton: NamedSkeleton,
    *,
    fps: float | None,
    confidence: npt.NDArray[np.floating] | None = None,
    min_confidence: float = 0.0,
) -> SkeletonSequence:
    """Return the sequence of the joints among some points.

    Args:
        file: how errors call the file.
        name: the sequence's name.
        points: (M, T, points, C); NaN where a point was not seen.
        skeleton: which of them are joints.
        fps: frames a second, where known.
        confidence: (M, T, points); a joint below ``min_confidence``, or at 0 or NaN, was not seen.
        min_confidence: see there.

    Raises:
        UnusableRecordingError: no joint was seen, or a position is too large for a 32-bit number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        positions = points[:, :, skeleton.places].astype(np.float32)
    if np.isinf(positions).any():
        body, frame, joint, _ = np.argwhere(np.isinf(positions))[0].tolist()
        place = f"body {body}, frame {frame}, joint {skeleton.topology.joints[joint]}"
        raise UnusableRecordingError("positions that cannot be used", file, place, "expected finite numbers")
    seen: npt.NDArray[np.bool_] = ~np.any(np.isnan(positions), 3)
    if confidence is not None:
        trust = confidence[:, :, skeleton.places]
        seen &= (trust > 0) & (trust >= min_confidence)
    if not seen.any():
        raise UnusableRecordingError(NOTHING_SEEN, file, "", "expected at least one joint that was seen")
    present: npt.NDArray[np.bool_] = np.any(seen, 2)
    return without_unseen_bodies(
        SkeletonSequence(
            name=name,
            positions=np.where(seen[..., None], positions, np.float32(0)),
            present=present,
            joint_present=None if seen[present].all() else seen,
            topology=skeleton.topology,
            fps=fps,
        )
    )
