"""The first half of a BVH file: the joints, how they hang together, and which numbers of a frame move them.

Grammar, in any case and with any indent; a brace may stand on a line of its own or not::

    HIERARCHY
    ROOT <name> {
        OFFSET <x> <y> <z>
        CHANNELS <n> <n names out of Xposition ... Zrotation>
        JOINT <name> { ... }
        End Site { OFFSET <x> <y> <z> }
    }
    MOTION

A joint may have any number of children, and channels in any number and order, or none. An End Site says where
the last bone ends; nothing turns it, so it is checked and left out. A limb may do without one.

Source: M. Meredith, S. Maddock, Motion capture file formats explained, University of Sheffield, 2001.

Names are UTF-8, or else Shift-JIS or Latin-1, as older programs write them.

The topology of a BVH file: its hierarchy, with left-right pairs and a centre told by the joints' names. What
all names begin with (``mixamorig:``, ``Bip01_``) is a program's name for the character and no part of theirs.
"""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from skelact.formats.exclusions import TOO_LARGE, UnusableRecordingError, malformed
from skelact.limits import beyond, limit
from skelact.skeleton.joint_names import common_names, left_right_pairs, split_side
from skelact.skeleton.topology import Topology

_CODECS = {"utf-8": "utf-8", "shift-jis": "cp932", "latin-1": "latin-1"}
_JAPANESE = re.compile(rb"[\x81-\x9f]")
_DECIMAL = re.compile(r"[-+.0-9eE]+")
_CHANNELS = {
    f"{axis}{kind}".upper(): (kind, place)
    for place, axis in enumerate("XYZ")
    for kind in ("position", "rotation")
}


@dataclass
class Joint:
    """One joint as the file describes it; lengths in the file's unit."""

    name: str
    parent: int
    """Number of the parent in the file's order; the root's own."""
    line: int
    """Line of its name, counted from 1."""
    offset: tuple[float, float, float] | None = None
    """Place relative to the parent, where no position channel says otherwise."""
    position_channels: dict[int, int] = field(default_factory=dict)
    """For each axis (0, 1, 2) with a position channel: its place among the numbers of a frame."""
    rotation_channels: list[tuple[int, int]] = field(default_factory=list)
    """(axis, place among the numbers of a frame) of each rotation channel, in the file's order."""
    has_channels: bool = False
    """Whether its CHANNELS were read."""


@dataclass(frozen=True)
class Hierarchy:
    """The joints of a file, in its order: every parent comes before its children."""

    joints: tuple[Joint, ...]
    num_channels: int
    """Numbers a frame."""
    num_lines: int
    """Lines of the file up to the word MOTION, that line included."""
    encoding: str = "utf-8"
    """Of the names: utf-8, shift-jis or latin-1."""


def parse_hierarchy(file: str, lines: list[bytes]) -> Hierarchy:
    """Read the lines up to ``MOTION``.

    Args:
        file: how errors call the file.
        lines: all lines of the file.

    Raises:
        UnusableRecordingError: the lines break the grammar; the message names the line.
    """
    encoding = _encoding(lines)
    statements = _statements(lines, encoding)
    line, words = next(statements, (1, ["an empty file"]))
    if [word.upper() for word in words] != ["HIERARCHY"]:
        raise malformed(
            file, line, f"found {_quote(words)}; expected HIERARCHY, with which a BVH file begins"
        )
    joints: list[Joint] = []
    number_of: dict[str, int] = {}  # of the joints, by their names
    open_joints: list[Joint | None] = []  # None stands for an End Site
    num_channels = 0
    for line, words in statements:
        keyword = words[0].upper()
        current = open_joints[-1] if open_joints else None
        if keyword == "MOTION" and len(words) == 1:
            _check_complete(file, line, joints, open_joints, num_channels)
            return Hierarchy(tuple(joints), num_channels, line, encoding)
        if keyword == "}" and open_joints:
            open_joints.pop()
        elif (keyword == "ROOT" and not joints) or (keyword == "JOINT" and current is not None):
            parent = number_of[current.name] if current is not None else 0
            joint = _new_joint(file, line, words, number_of, parent)
            number_of[joint.name] = len(joints)
            joints.append(joint)
            open_joints.append(joint)
            _expect_brace(file, line, statements, words)
        elif keyword == "END" and current is not None:
            open_joints.append(None)
            _expect_brace(file, line, statements, words)
        elif keyword == "OFFSET" and open_joints:
            _read_offset(file, line, words, current)
        elif keyword == "CHANNELS" and current is not None:
            num_channels += _read_channels(file, line, words, current, num_channels)
        else:
            raise malformed(file, line, f"found {_quote(words)}; expected {_expected(joints, open_joints)}")
    raise malformed(file, len(lines) + 1, "the file ends; expected MOTION after the joints")


def _encoding(lines: list[bytes]) -> str:
    """Return the encoding of the lines up to MOTION: UTF-8 where they are, otherwise Shift-JIS or Latin-1.

    The bytes 0x81 to 0x9F, with which nearly all of Japanese begins, are no letters in Latin-1.
    """
    head = bytearray()
    for line in lines:
        if line.strip().upper() == b"MOTION":
            break
        head += line + b"\n"
    for encoding in ("utf-8", *(["shift-jis"] if _JAPANESE.search(head) else [])):
        try:
            head.decode(_CODECS[encoding])
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _statements(lines: list[bytes], encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, words) of each statement; a brace is a statement of its own."""
    codec = _CODECS[encoding]
    for line, data in enumerate(lines, 1):
        text = (data.removeprefix(BOM_UTF8) if line == 1 else data).decode(codec, "replace")
        words: list[str] = []
        for word in text.replace("{", " { ").replace("}", " } ").split():
            if word not in "{}":
                words.append(word)
                continue
            if words:
                yield line, words
                words = []
            yield line, [word]
        if words:
            yield line, words


def _new_joint(file: str, line: int, words: list[str], number_of: Mapping[str, int], parent: int) -> Joint:
    name = " ".join(words[1:])
    if not name:
        raise malformed(file, line, f"a {words[0]} without a name; expected one after it")
    if len(name) > limit("name"):
        detail = f"the length of a joint's name is {beyond('name', len(name))}"
        raise UnusableRecordingError(TOO_LARGE, file, f"line {line}", detail)
    if name in number_of:
        raise malformed(file, line, f"a second joint called {_quote([name])}; expected names that differ")
    if len(number_of) == limit("joints"):
        raise UnusableRecordingError(TOO_LARGE, file, f"line {line}", f"joints: {beyond('joints')}")
    return Joint(name, parent, line)


def _expect_brace(
    file: str, line: int, statements: Iterator[tuple[int, list[str]]], after: list[str]
) -> None:
    found_line, words = next(statements, (line + 1, ["the end of the file"]))
    if words != ["{"]:
        raise malformed(file, found_line, f"found {_quote(words)} after {_quote(after)}; expected '{{'")


def _read_offset(file: str, line: int, words: list[str], joint: Joint | None) -> None:
    """Read an OFFSET; ``joint`` is None for that of an End Site, of which only the form is checked."""
    try:
        x, y, z = (float(word) if _DECIMAL.fullmatch(word) else math.nan for word in words[1:])
    except ValueError:
        x = y = z = math.nan
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        raise malformed(file, line, f"found {_quote(words)}; expected OFFSET and three finite numbers")
    if joint is None:
        return
    if joint.offset is not None:
        raise malformed(file, line, f"a second OFFSET of joint {_quote([joint.name])}; expected one")
    joint.offset = (x, y, z)


def _read_channels(file: str, line: int, words: list[str], joint: Joint, first: int) -> int:
    """Read the CHANNELS of ``joint``, whose numbers begin at place ``first``; return how many there are."""
    if joint.has_channels:
        raise malformed(file, line, f"second CHANNELS of joint {_quote([joint.name])}; expected them once")
    names = [word.upper() for word in words[2:]]
    if len(words) < 2 or words[1] != str(len(names)):
        raise malformed(file, line, f"found {_quote(words)}; expected CHANNELS, a number, and so many names")
    for place, name in enumerate(names, first):
        if name not in _CHANNELS:
            known = "Xposition to Zposition and Xrotation to Zrotation"
            raise malformed(
                file, line, f"a channel called {_quote([words[2 + place - first]])}; known are {known}"
            )
        kind, axis = _CHANNELS[name]
        if kind == "rotation":
            joint.rotation_channels.append((axis, place))
        elif axis in joint.position_channels:
            raise malformed(file, line, f"{words[2 + place - first]} twice; expected one position an axis")
        else:
            joint.position_channels[axis] = place
    joint.has_channels = True
    return len(names)


def _check_complete(
    file: str, line: int, joints: list[Joint], open_joints: list[Joint | None], num_channels: int
) -> None:
    if not joints or open_joints:
        raise malformed(file, line, f"found MOTION; expected {_expected(joints, open_joints)}")
    if num_channels == 0:
        raise malformed(file, line, "no joint has a channel; expected CHANNELS at one joint at least")
    for joint in joints:
        if joint.offset is None:
            raise malformed(
                file, joint.line, f"joint {_quote([joint.name])} has no OFFSET; expected one in its braces"
            )


def _expected(joints: list[Joint], open_joints: list[Joint | None]) -> str:
    """Return what may stand at this place."""
    if not joints:
        return "ROOT and a name"
    if not open_joints:
        return "MOTION, since the root's braces are closed"
    return "OFFSET or '}'" if open_joints[-1] is None else "OFFSET, CHANNELS, JOINT, End Site or '}'"


def _quote(words: list[str]) -> str:
    """Return ``words`` for a message, cut after 40 characters."""
    text = " ".join(words)
    return repr(text if len(text) <= 40 else text[:37] + "...")


_HIPS = ("hips", "pelvis", "hip")
_PREFIX = re.compile(r".*[:_ |.]", re.DOTALL)


def without_prefix(names: Sequence[str]) -> tuple[str, ...]:
    """Return joints' names without what all of them begin with, up to a colon, blank, ``_``, ``|`` or dot.

    A root that is called as the prefix itself (``Bip01`` above ``Bip01 Pelvis``) keeps its name. What names a
    side or a joint (``Tail_1``, ``Tail_2``: nothing but numbers is left) is no prefix.
    """
    match = _PREFIX.match(_beginning(names[1:])) if len(names) > 2 else None
    prefix = match[0] if match else ""
    is_shared = names[0].startswith(prefix) or names[0] == prefix[:-1]
    if not prefix or not is_shared or split_side(prefix)[1] or common_names([prefix]):
        return tuple(names)
    short = tuple(name.removeprefix(prefix) for name in names)
    is_named = all(any(letter.isalpha() for letter in name) for name in short)
    return short if is_named and len(set(short)) == len(short) else tuple(names)


def _beginning(names: Sequence[str]) -> str:
    """Return the letters with which all names begin."""
    first, last = min(names), max(names)  # what these share, those between them share, too
    return next(
        (first[:n] for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), first
    )


def kept_joints(hierarchy: Hierarchy, left_out: frozenset[str]) -> list[int]:
    """Return the numbers of the joints whose names are not in ``left_out``, in the file's order."""
    return [number for number, joint in enumerate(hierarchy.joints) if joint.name not in left_out]


def to_topology(
    file: str, hierarchy: Hierarchy, name: str, left_out: frozenset[str] = frozenset()
) -> Topology:
    """Return the skeleton of ``hierarchy``, less the joints called as in ``left_out``.

    A joint hangs from its nearest ancestor that is kept. The centre is the first joint whose name ends in
    hips, pelvis or hip (in any case) and that is no side's, or the root where there is none.

    Args:
        file: how errors call the file.
        hierarchy: the file's joints.
        name: the topology's name.
        left_out: names of joints that the topology does without.

    Raises:
        UnusableRecordingError: the joints that are kept do not form one tree.
    """
    joints, kept = hierarchy.joints, kept_joints(hierarchy, left_out)
    place = {number: index for index, number in enumerate(kept)}
    parents = []
    for number in kept:
        ancestor = joints[number].parent
        while ancestor not in place and ancestor != joints[ancestor].parent:
            ancestor = joints[ancestor].parent
        parents.append(place.get(ancestor, place[number]))
    if sum(index == parent for index, parent in enumerate(parents)) != 1:
        without = ", ".join(sorted(left_out))
        raise malformed(file, joints[0].line, f"without {without} the joints do not form one tree")
    names = without_prefix([joints[number].name for number in kept])
    root = next(index for index, parent in enumerate(parents) if index == parent)
    pairs = left_right_pairs(names)
    sided = {index for pair in pairs for index in pair}
    hips = (
        index for index, joint in enumerate(names) if joint.lower().endswith(_HIPS) and index not in sided
    )
    return Topology(name, names, tuple(parents), pairs, next(hips, root))
