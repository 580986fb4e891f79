"""Topologies: which joints a skeleton has and how they hang together.

A topology is data; the known ones are in :mod:`skelact.skeleton.tables`.
"""

from __future__ import annotations

from dataclasses import dataclass

from skelact.errors import ConfigurationError, printable, suggest


@dataclass(frozen=True)
class Topology:
    """The joints of a skeleton, in storage order, and the tree they form.

    Raises:
        ConfigurationError: names repeat, a parent is out of range, the parents do not form one tree, or a
            left-right pair names a joint twice.
    """

    name: str
    """Name under which stores and model cards refer to this topology."""
    joints: tuple[str, ...]
    """Joint names, V of them; a joint's index is its place here."""
    parents: tuple[int, ...]
    """Index of each joint's parent; the root is its own parent."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Indices of the (left, right) joints that a left-right flip exchanges."""
    centre: int = 0
    """Index of the joint whose first position becomes the origin of a prepared sequence."""

    def __post_init__(self) -> None:
        num = len(self.joints)
        if num == 0 or len(set(self.joints)) != num:
            raise ConfigurationError(f"topology {self.name!r}: joint names must be there and differ")
        if len(self.parents) != num:
            raise ConfigurationError(f"topology {self.name!r}: {num} joints but {len(self.parents)} parents")
        if not all(0 <= parent < num for parent in (*self.parents, self.centre)):
            raise ConfigurationError(f"topology {self.name!r}: parents and centre must lie in 0..{num - 1}")
        roots = [joint for joint, parent in enumerate(self.parents) if joint == parent]
        if len(roots) != 1:
            raise ConfigurationError(f"topology {self.name!r}: one joint must be its own parent, got {roots}")
        hangs = {roots[0]}
        for joint in range(num):
            way = {joint: None}  # in order, up to a joint that is known to hang from the root
            while (ancestor := self.parents[next(reversed(way))]) not in hangs:
                if ancestor in way:
                    name = self.joints[ancestor]
                    raise ConfigurationError(f"topology {self.name!r}: joint {name!r} is in a loop")
                way[ancestor] = None
            hangs |= way.keys()
        paired = [joint for pair in self.pairs for joint in pair]
        if len(set(paired)) != len(paired) or not all(0 <= joint < num for joint in paired):
            raise ConfigurationError(f"topology {self.name!r}: a joint stands in one left-right pair at most")

    @property
    def num_joints(self) -> int:
        """Number of joints V."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the joint that is its own parent."""
        return next(joint for joint, parent in enumerate(self.parents) if joint == parent)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """All (joint, parent) pairs but the root's."""
        return tuple((joint, parent) for joint, parent in enumerate(self.parents) if joint != parent)

    def index(self, joint: str) -> int:
        """Return the index of the joint called ``joint``.

        Raises:
            ConfigurationError: there is no such joint; the message names the closest one.
        """
        try:
            return self.joints.index(joint)
        except ValueError:
            hint = suggest(joint, self.joints)
            raise ConfigurationError(f"topology {self.name!r} has no joint {joint!r}{hint}") from None

    def to_dict(self) -> dict[str, object]:
        """Return a JSON-ready description, the inverse of :meth:`from_dict`."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "parents": list(self.parents),
            "pairs": [list(pair) for pair in self.pairs],
            "centre": self.centre,
        }

    @classmethod
    def from_dict(cls, table: dict[str, object]) -> Topology:
        """Build a topology from what :meth:`to_dict` returned.

        Raises:
            ConfigurationError: a field is missing or has the wrong type.
        """
        try:
            return cls(
                name=printable(str(table["name"])),
                joints=tuple(printable(str(joint)) for joint in table["joints"]),  # type: ignore[attr-defined]
                parents=tuple(int(parent) for parent in table["parents"]),  # type: ignore[attr-defined]
                pairs=tuple((int(left), int(right)) for left, right in table["pairs"]),  # type: ignore[attr-defined]
                centre=int(table["centre"]),  # type: ignore[call-overload]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"not a topology: {error!r} in {sorted(table)}") from error
