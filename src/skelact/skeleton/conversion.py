"""From one skeleton to another, by the joints' names: what is kept, what is made of others, what is missing.

A joint of the target is *mapped* where the source has a joint of the same meaning
(:mod:`skelact.skeleton.joint_names`), *synthesised* where a rule of :data:`RULES` makes it of joints that the
source has or can make, and *missing* otherwise: it is then marked as not present, and its position means
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Literal

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.joint_names import common_names
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology

KINDS = ("mapped", "synthesised", "missing")

_BOTH = ("Left", "Right")
RULES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "SpineBase": (("HipLeft", "HipRight"),),
    "SpineShoulder": (("ShoulderLeft", "ShoulderRight"),),
    "SpineMid": (("SpineBase", "SpineShoulder"),),
    "Neck": (("ShoulderLeft", "ShoulderRight"),),
    "Head": (("EarLeft", "EarRight"), ("Nose", "HeadTop")),
    **{f"Hand{side}": ((f"Index{side}", f"Pinky{side}"),) for side in _BOTH},
    **{f"Foot{side}": ((f"BigToe{side}", f"SmallToe{side}"), (f"BigToe{side}",)) for side in _BOTH},
}
"""How a joint that the source lacks is made: the mean of the joints named, by the first rule that can be met.
The joints of a rule may themselves be made by a rule."""


@dataclass(frozen=True)
class Origin:
    """Where a joint of the target comes from."""

    kind: Literal["mapped", "synthesised", "missing"]
    joints: tuple[str, ...] = ()
    """The source's own joint, or those that a rule names; none for a missing joint."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """A plan that turns the skeletons of one topology into another's."""

    source: Topology
    target: Topology
    origins: tuple[Origin, ...]
    """One for each joint of the target."""
    shares: npt.NDArray[np.float32]
    """(target joints, source joints): each position of the target is a weighted mean of the source's."""

    def joints(self, kind: str) -> tuple[str, ...]:
        """Return the target's joints that are ``mapped``, ``synthesised`` or ``missing``."""
        pairs = zip(self.target.joints, self.origins, strict=True)
        return tuple(joint for joint, origin in pairs if origin.kind == kind)

    @property
    def unused(self) -> tuple[str, ...]:
        """The source's joints that nothing of the target comes from."""
        return tuple(self.source.joints[place] for place in np.flatnonzero(~(self.shares > 0).any(0)))

    def report(self) -> str:
        """Return what becomes of every joint, in a few lines."""
        lines = [
            f"{self.source.name} -> {self.target.name}: of {self.target.num_joints} joints "
            + ", ".join(f"{len(self.joints(kind))} {kind}" for kind in KINDS)
        ]
        renamed, made = [], []
        for joint, origin in zip(self.target.joints, self.origins, strict=True):
            if origin.kind == "mapped":
                same = origin.joints == (joint,)
                renamed.append(joint if same else f"{joint} (called {origin.joints[0]})")
            elif origin.kind == "synthesised":
                made.append(
                    f"{joint} = {'mean of ' if len(origin.joints) > 1 else ''}{', '.join(origin.joints)}"
                )
        rows = (("mapped", renamed), ("synthesised", made), ("missing", self.joints("missing")))
        for title, entries in (*rows, ("not used", self.unused)):
            if entries:
                separator = "; " if title == "synthesised" else ", "
                lines += wrap(
                    separator.join(entries), 100, initial_indent=f"  {title:<13}", subsequent_indent=" " * 15
                )
        return "\n".join(lines)

    def apply(self, sequence: SkeletonSequence) -> SkeletonSequence:
        """Return ``sequence`` as a skeleton of the target's topology.

        A joint made of others is present where all of them are. A body none of whose joints is left in a
        frame is absent there.

        Raises:
            DataError: the sequence's topology is not the source's.
        """
        if sequence.topology.joints != self.source.joints:
            raise DataError(
                f"{sequence.name}: a {sequence.topology.name} skeleton; expected one of {self.source.name}, "
                "from which this conversion goes"
            )
        seen = sequence.seen
        is_needed = self.shares > 0
        num_missing = (~seen).astype(np.float32) @ is_needed.T.astype(np.float32)
        joint_present = (num_missing == 0) & is_needed.any(1)
        positions = np.where(seen[..., None], sequence.positions, np.float32(0))
        converted = np.where(joint_present[..., None], self.shares @ positions, np.float32(0))
        present = joint_present.any(2)
        return replace(
            sequence,
            positions=converted,
            present=present,
            topology=self.target,
            joint_present=None if joint_present[present].all() else joint_present,
        )


def plan_conversion(source: Topology, target: Topology) -> Conversion:
    """Find out how each joint of ``target`` comes from those of ``source``.

    A joint without a meaning in the vocabulary is mapped where the source has one of exactly its name.

    Raises:
        ConfigurationError: not one joint can be mapped.
    """
    known = common_names(source.joints)
    meaning = {number: name for name, number in common_names(target.joints).items()}
    origins, shares = [], np.zeros((target.num_joints, source.num_joints), np.float32)
    for number, joint in enumerate(target.joints):
        name = meaning.get(number, "")
        if name in known or (not name and joint in source.joints):
            place = known[name] if name else source.index(joint)
            shares[number, place] = 1
            origins.append(Origin("mapped", (source.joints[place],)))
            continue
        rule = next((rule for rule in RULES.get(name, ()) if _can_make(rule, known)), ())
        for part in rule:
            shares[number] += _share_of(part, known, source.num_joints) / len(rule)
        origins.append(Origin("synthesised", rule) if rule else Origin("missing"))
    if not any(origin.kind == "mapped" for origin in origins):
        raise ConfigurationError(
            f"topologies {source.name!r} and {target.name!r} have no joint in common; choose another one, or "
            "give the joints of your own the names of the known ones (Neck, HipLeft, WristRight ...)"
        )
    return Conversion(source, target, tuple(origins), shares)


def _can_make(rule: tuple[str, ...], known: Mapping[str, int]) -> bool:
    return all(
        part in known or any(_can_make(deeper, known) for deeper in RULES.get(part, ())) for part in rule
    )


def _share_of(name: str, known: Mapping[str, int], num_joints: int) -> npt.NDArray[np.float32]:
    """Return the shares (source joints) of a joint that the source has or that a rule makes."""
    shares = np.zeros(num_joints, np.float32)
    if name in known:
        shares[known[name]] = 1
        return shares
    rule = next(rule for rule in RULES[name] if _can_make(rule, known))
    for part in rule:
        shares += _share_of(part, known, num_joints) / len(rule)
    return shares
