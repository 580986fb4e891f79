"""A topology of one's own, in a YAML file or a table of the same keys; and how one is found by name or file.

A file names the joints in the order in which the data holds them, and the parent of all but the root::

    name: my-rig
    joints: [hips, spine, head, hand_left, hand_right]
    parents: {spine: hips, head: spine, hand_left: spine, hand_right: spine}
    pairs: [[hand_left, hand_right]]   # left, right; may be left out: then none is exchanged by a flip
    centre: hips                       # the origin of prepared sequences; may be left out: then the root
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from skelact.errors import ConfigurationError, printable, suggest
from skelact.limits import check_limit
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology
from skelact.typed_values import shown
from skelact.yaml_files import read_yaml

SUFFIXES = (".yaml", ".yml")
_MAX_NAME = 64
_KEYS = ("name", "joints", "parents", "pairs", "centre")


def find_topology(name_or_path: str | Path) -> Topology:
    """Return the topology called ``name_or_path``, or the one in the YAML file of this path.

    Raises:
        ConfigurationError: there is no such topology or file, or the file does not hold a topology.
    """
    name_or_path = str(name_or_path)
    if name_or_path in TOPOLOGIES:
        return TOPOLOGIES[name_or_path]
    if name_or_path.endswith(SUFFIXES):
        return load_topology(name_or_path)
    raise ConfigurationError(
        f"no topology {name_or_path!r}{suggest(name_or_path, TOPOLOGIES)}; "
        "one of your own is given as a .yaml file"
    )


def topology_argument(num_joints: int) -> str:
    """Return how one says in Python what skeleton positions of so many joints have."""
    known = [repr(each.name) for each in TOPOLOGIES.values() if each.num_joints == num_joints]
    return f"topology={' or '.join(known) or 'a .yaml file'}"


def load_topology(path: str | Path) -> Topology:
    """Read a topology from a YAML file.

    Raises:
        ConfigurationError: the file cannot be read, or what it holds is no topology; the message names the
            file and the key.
    """
    return topology_of(read_yaml(path), str(path))


def topology_of(table: object, where: str, default_name: str | None = None) -> Topology:
    """Return the topology that the keys of this module's example describe.

    Args:
        table: what was read of a file.
        where: how errors call the file, or the place in it.
        default_name: the topology's name where the table has none; None: it must have one.

    Raises:
        ConfigurationError: no topology; the message begins with ``where`` and names the key.
    """
    if not isinstance(table, dict):
        found = "nothing" if table is None else shown(table)
        raise ConfigurationError(f"{where}: expected the keys {', '.join(_KEYS)}, got {found}")
    for key in table:
        if key not in _KEYS:
            raise ConfigurationError(
                f"{where}: {_short(key)}: not a key of a topology{suggest(str(key)[:40], _KEYS)}"
            )
    table = {key: value for key, value in table.items() if value is not None}
    name, joints = table.get("name", default_name), table.get("joints")
    if not _is_name(name):
        raise ConfigurationError(
            f"{where}: name: got {_short(name)}, expected a name of up to {_MAX_NAME} characters"
        )
    if not isinstance(joints, list) or not joints or not all(map(_is_name, joints)):
        raise ConfigurationError(
            f"{where}: joints: got {_short(joints)}, expected a list of joint names, "
            f"of up to {_MAX_NAME} characters each"
        )
    check_limit("joints", len(joints), f"{where}: joints", ConfigurationError)
    place: dict[str, int] = {}
    for number, joint in enumerate(joints):
        if place.setdefault(joint, number) != number:
            raise ConfigurationError(
                f"{where}: joints: {joint!r} stands there twice; expected names that differ"
            )
    parents = _parents(where, table.get("parents"), place)
    pairs = table.get("pairs", [])
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ConfigurationError(f"{where}: pairs: got {_short(pairs)}, expected a list of [left, right]")
    places = tuple(
        (_place(where, "pairs", left, place), _place(where, "pairs", right, place)) for left, right in pairs
    )
    root = next((number for number, parent in enumerate(parents) if number == parent), 0)
    centre = _place(where, "centre", table["centre"], place) if "centre" in table else root
    try:
        topology = Topology(name, tuple(joints), parents, places, centre)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error
    if TOPOLOGIES.get(topology.name, topology) != topology:
        raise ConfigurationError(
            f"{where}: name: {name} is a known topology with other joints; choose another"
        )
    return topology


def _parents(where: str, table: object, place: Mapping[str, int]) -> tuple[int, ...]:
    """Return the number of each joint's parent; the root's is its own."""
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{where}: parents: got {_short(table)}, expected joint: parent for all but the root"
        )
    for joint in table:
        _place(where, "parents", joint, place)
    roots = [joint for joint in place if table.get(joint) in (None, joint)]
    if len(roots) != 1:
        found = (
            f"{len(roots)} joints without one ({', '.join(roots[:4])})" if roots else "one for every joint"
        )
        raise ConfigurationError(f"{where}: parents: {found}; expected exactly one joint without, the root")
    return tuple(
        place[joint] if joint in roots else _place(where, "parents", table[joint], place) for joint in place
    )


def _place(where: str, key: str, joint: Any, place: Mapping[str, int]) -> int:
    if not isinstance(joint, str) or joint not in place:
        raise ConfigurationError(f"{where}: {key}: no joint {_short(joint)}{suggest(str(joint)[:40], place)}")
    return place[joint]


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _short(value: object) -> str:
    return printable(reprlib.repr(value))[:60]
