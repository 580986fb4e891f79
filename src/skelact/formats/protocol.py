"""Protocols: which values of an attribute train and which test.

The published ones are those that the data sets' authors laid down. NTU RGB+D: Shahroudy et al., CVPR 2016.
NTU RGB+D 120: Liu et al., TPAMI 2020. MSR Action3D: odd subjects train, as in Wang et al., CVPR 2012.
NW-UCLA: two cameras train, Wang et al., CVPR 2014. SBU: five folds by the pair of people, Yun et al., CVPRW
2012.

Of a split that data brings along, a sequence keeps its side of the protocol ``xsub`` in its attribute
``split_xsub``, and a store keeps the protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import permutations
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """A split by one attribute of the sequences."""

    name: str
    attribute: str
    """The attribute that splits: subject, camera, setup."""
    train: tuple[int, ...]
    """Values of the attribute whose sequences train, in their published order."""
    test: tuple[int, ...] | None = None
    """Values of the attribute whose sequences test, or None for all others."""
    published_counts: tuple[int, int] | None = None
    """Training and test sequences of the whole data set less its missing skeletons; None: not published."""

    def to_dict(self) -> dict[str, object]:
        """Return a JSON-ready table, the inverse of :meth:`from_dict`; stores keep it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Protocol:
        """Build a protocol from what :meth:`to_dict` returned, as JSON gives it back.

        Raises:
            KeyError, TypeError, ValueError: a field is missing or has the wrong type.
        """
        test, counts = table["test"], table["published_counts"]
        return cls(
            name=str(table["name"]),
            attribute=str(table["attribute"]),
            train=tuple(int(value) for value in table["train"]),
            test=None if test is None else tuple(int(value) for value in test),
            published_counts=None if counts is None else (int(counts[0]), int(counts[1])),
        )


NTU60_TRAIN_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
# fmt: off
NTU120_TRAIN_SUBJECTS = (
    *NTU60_TRAIN_SUBJECTS,
    45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85,
    86, 89, 91, 92, 93, 94, 95, 97, 98, 100, 103,
)
# fmt: on

SBU_FOLDS = (
    ("s01s02", "s03s04", "s05s02", "s06s04"),
    ("s02s03", "s02s07", "s03s05", "s05s03"),
    ("s01s03", "s01s07", "s07s01", "s07s03"),
    ("s02s01", "s02s06", "s03s02", "s03s06"),
    ("s04s02", "s04s03", "s04s06", "s06s02", "s06s03"),
)
"""The pairs of people that test in each of the five folds of SBU Kinect Interaction."""
SBU_PAIRS = tuple(sorted(pair for fold in SBU_FOLDS for pair in fold))
"""The values 0 to 20 of the attribute ``pair``."""


def _sbu_fold(number: int) -> Protocol:
    """Return the fold ``number``, from 1: its pairs test, all others train."""
    tested = SBU_FOLDS[number - 1]
    train = tuple(place for place, pair in enumerate(SBU_PAIRS) if pair not in tested)
    return Protocol(f"fold{number}", "pair", train, tuple(map(SBU_PAIRS.index, tested)))


PROTOCOLS: dict[str, tuple[Protocol, ...]] = {
    "ntu60": (
        Protocol("xsub", "subject", NTU60_TRAIN_SUBJECTS, None, (40_091, 16_487)),
        Protocol("xview", "camera", (2, 3), (1,), (37_646, 18_932)),
    ),
    "ntu120": (
        Protocol("xsub", "subject", NTU120_TRAIN_SUBJECTS, None, (63_026, 50_919)),
        Protocol("xset", "setup", tuple(range(2, 33, 2)), tuple(range(1, 33, 2)), (54_468, 59_477)),
    ),
    "msr-action3d": (Protocol("xsub", "subject", (1, 3, 5, 7, 9), (2, 4, 6, 8, 10)),),
    "nw-ucla": (Protocol("xview", "camera", (1, 2), (3,), (1_020, 464)),),
    "sbu": tuple(map(_sbu_fold, range(1, len(SBU_FOLDS) + 1))),
    "bandai-namco-2": (
        # active, masculine, normal and youthful train; elderly, exhausted and feminine test
        Protocol("xstyle", "style", (0, 4, 5, 6), (1, 2, 3)),
    ),
    "synthetic": (
        Protocol("xsub", "subject", NTU60_TRAIN_SUBJECTS, None),
        Protocol("xview", "camera", (2, 3), (1,)),
    ),
}
"""The protocols of each data set, by the name that stores record."""

FOLDS: dict[str, dict[str, tuple[str, ...]]] = {
    "sbu": {"folds": tuple(protocol.name for protocol in PROTOCOLS["sbu"])},
}
"""Protocols that have several folds, each a protocol of its own, by the name that stores record."""

SIDES = ("train", "test")
"""Names of the attribute's values, in their order."""
TRAIN, TEST = range(2)
GIVEN = "given"
"""Name of the only split of data that does not name it."""

_SIDE = re.compile(r"[a-z][a-z0-9]{0,19}")
_TESTING = ("test", "val")
"""The sides that test, the first of them that is there."""
MOST_FREE = 8
"""Sides that are called neither train nor test and of which any two may be chosen."""
_SAME = {"training": "train", "testing": "test", "valid": "val", "validation": "val", "dev": "val"}


def attribute_of(protocol: str) -> str:
    """Return the name of the attribute that holds the sides of ``protocol``."""
    return f"split_{protocol}"


def given_protocol(name: str) -> Protocol:
    """Return the protocol ``name`` of data that brings its own split along."""
    return Protocol(name, attribute_of(name), (TRAIN,), (TEST,))


def side_of(word: str) -> str | None:
    """Return the side that data calls ``word``: train, test, val, or any other short name.

    None where it is no name, or close to a side's, and so perhaps misspelt.
    """
    name = _SAME.get(word.strip().lower(), word.strip().lower())
    if name in ("train", *_TESTING):
        return name
    known = ("train", *_TESTING, *_SAME)
    return name if _SIDE.fullmatch(name) and not get_close_matches(name, known, 1, 0.7) else None


def side_names(found: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the values 0, 1, ... of a split with the sides ``found``, as of :func:`side_of`.

    The training side comes first, then the one that tests: ``test``, or ``val`` where there is no ``test``.
    A split with no more sides has the values of :data:`SIDES`, whatever its test side is called. Sides of
    which none is called so are in the order of letters, and any two of them may be chosen.
    """
    sides = set(found)
    if 1 < len(sides) <= MOST_FREE and not sides & {"train", *_TESTING}:
        return tuple(sorted(sides))
    others = sorted(sides - {"train"})
    tested = next((side for side in _TESTING if side in others), "test")
    rest = [side for side in others if side != tested]
    return ("train", tested, *rest) if rest else SIDES


def side_number(names: Sequence[str], side: str) -> int:
    """Return the value of a side, as of :func:`side_of`, among ``names``, as of :func:`side_names`."""
    return names.index(side) if side in names else TEST


def split_protocols(name: str, names: Sequence[str]) -> tuple[Protocol, ...]:
    """Return the protocol ``name`` of a split, and ``name_side`` for each side beyond the second.

    Where no side is called train or test, they are ``name_a_b``: learn from a, test on b.

    Args:
        name: the split's.
        names: its sides, as of :func:`side_names`.
    """
    if names[TRAIN] != "train":
        return tuple(
            Protocol(f"{name}_{names[train]}_{names[test]}", attribute_of(name), (train,), (test,))
            for train, test in permutations(range(len(names)), 2)
        )
    further = (
        Protocol(f"{name}_{side}", attribute_of(name), (TRAIN,), (number,))
        for number, side in enumerate(names)
        if number > TEST
    )
    return (given_protocol(name), *further)


def split_remarks(name: str, names: Sequence[str]) -> list[str]:
    """Return a line about the sides that the protocol ``name`` leaves unused; none where it uses all."""
    if names[TRAIN] != "train":
        first, second = names[:2]
        example = f"{name}_{first}_{second} learns from {first} and tests on {second}"
        return [f"split {name} says {', '.join(names)}; protocol {example}, and so does any other two"]
    unused = names[TEST + 1 :]
    protocols = ", ".join(f"{name}_{side}" for side in unused)
    return (
        [f"protocol {name} tests on {names[TEST]}; {', '.join(unused)} kept, unused but by {protocols}"]
        if unused
        else []
    )
