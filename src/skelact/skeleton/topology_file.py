"""A topology of one's own, in a YAML file; and the one place that finds a topology by name or file.

A file names the joints in the order in which the data holds them, and the parent of all but the root::

    name: my-rig
    joints: [hips, spine, head, hand_left, hand_right]
    parents: {spine: hips, head: spine, hand_left: spine, hand_right: spine}
    pairs: [[hand_left, hand_right]]   # left, right; may be left out: then none is exchanged by a flip
    centre: hips                       # the origin of prepared sequences; may be left out: then the root
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from skelact.errors import ConfigurationError, suggest
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology

SUFFIXES = (".yaml", ".yml")
_KEYS = ("name", "joints", "parents", "pairs", "centre")


def find_topology(name_or_path: str) -> Topology:
    """Return the topology called ``name_or_path``, or the one in the YAML file of this path.

    Raises:
        ConfigurationError: there is no such topology or file, or the file does not hold a topology.
    """
    if name_or_path in TOPOLOGIES:
        return TOPOLOGIES[name_or_path]
    if name_or_path.endswith(SUFFIXES):
        return load_topology(Path(name_or_path))
    raise ConfigurationError(
        f"no topology {name_or_path!r}{suggest(name_or_path, TOPOLOGIES)}; "
        "one of your own is given as a .yaml file"
    )


def load_topology(path: Path) -> Topology:
    """Read a topology from a YAML file.

    Raises:
        ConfigurationError: the file cannot be read, or what it holds is no topology; the message names the
            file and the key.
    """
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: not a YAML file ({' '.join(str(error).split())})") from error
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{path}: expected the keys {', '.join(_KEYS)}, got a {type(table).__name__}"
        )
    for key in table:
        if key not in _KEYS:
            raise ConfigurationError(f"{path}: {key}: not a key of a topology{suggest(str(key), _KEYS)}")
    name, joints = table.get("name"), table.get("joints")
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{path}: name: got {name!r}, expected a name for the topology")
    if not _is_list_of_names(joints) or not joints:
        raise ConfigurationError(f"{path}: joints: got {_short(joints)}, expected a list of joint names")
    repeated = next((joint for place, joint in enumerate(joints) if joint in joints[:place]), None)
    if repeated is not None:
        raise ConfigurationError(
            f"{path}: joints: {repeated!r} stands there twice; expected names that differ"
        )
    place = {joint: number for number, joint in enumerate(joints)}
    parents = _parents(path, table.get("parents"), place)
    pairs = table.get("pairs", [])
    if not isinstance(pairs, list) or not all(_is_list_of_names(pair) and len(pair) == 2 for pair in pairs):
        raise ConfigurationError(f"{path}: pairs: got {_short(pairs)}, expected a list of [left, right]")
    places = tuple(
        (_place(path, "pairs", left, place), _place(path, "pairs", right, place)) for left, right in pairs
    )
    root = next((number for number, parent in enumerate(parents) if number == parent), 0)
    centre = _place(path, "centre", table["centre"], place) if "centre" in table else root
    try:
        return Topology(name, tuple(joints), parents, places, centre)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _parents(path: Path, table: object, place: Mapping[str, int]) -> tuple[int, ...]:
    """Return the number of each joint's parent; the root's is its own."""
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{path}: parents: got {_short(table)}, expected joint: parent for all but the root"
        )
    for joint in table:
        _place(path, "parents", joint, place)
    roots = [joint for joint in place if table.get(joint) in (None, joint)]
    if len(roots) != 1:
        found = (
            f"{len(roots)} joints without one ({', '.join(roots[:4])})" if roots else "one for every joint"
        )
        raise ConfigurationError(f"{path}: parents: {found}; expected exactly one joint without, the root")
    return tuple(
        place[joint] if joint in roots else _place(path, "parents", table[joint], place) for joint in place
    )


def _place(path: Path, key: str, joint: Any, place: Mapping[str, int]) -> int:
    if not isinstance(joint, str) or joint not in place:
        raise ConfigurationError(f"{path}: {key}: no joint {joint!r}{suggest(str(joint), place)}")
    return place[joint]


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
