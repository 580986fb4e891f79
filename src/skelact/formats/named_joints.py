"""Points with names, as tables and other programs have them: which skeleton they are, and its sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from skelact.errors import printable
from skelact.formats.exclusions import NOTHING_SEEN, UnusableRecordingError
from skelact.skeleton.joint_names import common_names
from skelact.skeleton.sequence import SkeletonSequence, without_unseen_bodies
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology

UNKNOWN_SKELETON = "a skeleton that has to be described"
POINTS_LEFT_OUT = "points that are no joints of the skeleton, left out"
_SHOWN = 4
"""Names of joints that messages tell."""


@dataclass(frozen=True)
class NamedSkeleton:
    """Which points are the joints of a skeleton."""

    topology: Topology
    places: npt.NDArray[np.intp]
    """(V,) the place of each joint among the points; -1 for one that is not among them."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The joints that are not among the points."""
        return tuple(self.topology.joints[joint] for joint in np.flatnonzero(self.places < 0))

    @property
    def remark(self) -> str:
        """What to tell of joints that are not among the points; nothing where all are."""
        names = self.missing
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} others" if names[_SHOWN:] else "")
        return f"{self.topology.name} without {shown}, taken as not seen" if names else ""

    def of(self, points: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.floating]:
        """Return the joints among ``points``, which lie along ``axis``; NaN for those that are not there."""
        found = np.take(points, self.places, axis)
        if (self.places < 0).any():
            found[(slice(None),) * axis + (self.places < 0,)] = np.nan
        return found


def skeleton_of(file: str, names: Sequence[str], topology: Topology | None) -> NamedSkeleton:
    """Return the skeleton that points of these names make; at least half of its joints must be among them.

    Args:
        file: how errors call the file.
        names: the points'; numbers from 0 for points that have none.
        topology: the user's; None: the known one whose joints have these names, in any order and spelling,
            and no other names are there. Where several have them, it is the one with the fewest others.

    Raises:
        UnusableRecordingError: too few joints, or no known skeleton, or several, with these names.
    """
    if topology is not None:
        places = _places(tuple(names), topology)
        if (places < 0).any() and all(name.isdecimal() for name in names):
            numbered = {int(name): place for place, name in enumerate(names)}
            if numbered.keys() == set(range(topology.num_joints)):
                places = np.array([numbered[joint] for joint in range(topology.num_joints)])
        found = NamedSkeleton(topology, places)
        if _is_too_little(found):
            told = f"no {', '.join(found.missing[:_SHOWN])}, which {topology.name} has"
            half = "at least half of the joints must be there; name another skeleton with --topology"
            raise _unknown(file, names, told, half)
        return found
    fitting = [NamedSkeleton(known, _places(tuple(names), known)) for known in TOPOLOGIES.values()]
    fitting = [one for one in fitting if np.count_nonzero(one.places >= 0) == len(names)]
    fitting.sort(key=lambda one: len(one.missing))  # a stable order: of equal ones the first
    if fitting and not fitting[0].missing:
        return fitting[0]
    if not fitting:
        raise _unknown(file, names, "no known skeleton has joints of these names", "name it with --topology")
    fewest = [one for one in fitting if len(one.missing) == len(fitting[0].missing)]
    if len(fewest) > 1 or _is_too_little(fewest[0]):
        candidates = ", ".join(sorted(one.topology.name for one in fitting))
        told = f"some joints of {candidates}, of which it is not clear which one is meant"
        raise _unknown(file, names, told, "name it with --topology")
    return fewest[0]


def _is_too_little(skeleton: NamedSkeleton) -> bool:
    return 2 * len(skeleton.missing) > skeleton.topology.num_joints


def _unknown(file: str, names: Sequence[str], detail: str, remedy: str) -> UnusableRecordingError:
    shown = printable(", ".join(names[:12]))[:200] + (", ..." if len(names) > 12 else "")
    remedy += ", or describe it in a .yaml file (--topology FILE)"
    return UnusableRecordingError(UNKNOWN_SKELETON, file, "", f"{detail}: {shown}; {remedy}")


@lru_cache(256)  # the files of a folder have the same names
def _places(names: tuple[str, ...], topology: Topology) -> npt.NDArray[np.intp]:
    """Return where the joints are among ``names``; -1 where one is not, or a joint before it is there."""
    same = {_plain(name): place for place, name in reversed(list(enumerate(names)))}
    mine, theirs = common_names(topology.joints), common_names(names)
    meaning = {place: theirs[name] for name, place in mine.items() if name in theirs}
    places: list[int] = []
    for number, each in enumerate(topology.joints):
        place = same.get(_plain(each), meaning.get(number, -1))
        places.append(-1 if place in places else place)
    return np.array(places, np.intp)


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
        positions = skeleton.of(points, 2).astype(np.float32)
    if np.isinf(positions).any():
        body, frame, joint, _ = np.argwhere(np.isinf(positions))[0].tolist()
        place = f"body {body}, frame {frame}, joint {skeleton.topology.joints[joint]}"
        raise UnusableRecordingError("positions that cannot be used", file, place, "expected finite numbers")
    seen: npt.NDArray[np.bool_] = ~np.any(np.isnan(positions), 3)
    if confidence is not None:
        trust = skeleton.of(confidence, 2)
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
