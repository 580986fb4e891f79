"""Protocols: which values of an attribute train and which test.

The published ones are those that the data sets' authors laid down. NTU RGB+D: Shahroudy et al., CVPR 2016.
NTU RGB+D 120: Liu et al., TPAMI 2020. MSR Action3D: odd subjects train, as in Wang et al., CVPR 2012.
NW-UCLA: two cameras train, Wang et al., CVPR 2014. SBU: five folds by the pair of people, Yun et al., CVPRW
2012.

Of a split that data brings along, a sequence keeps its side of the protocol ``xsub`` in its attribute
``split_xsub``, and a store keeps the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
}
"""The protocols of each data set, by the name that stores record."""

SIDES = ("train", "test")
"""Names of the attribute's values, in their order."""
TRAIN, TEST = range(2)
GIVEN = "given"
"""Name of the only split of data that does not name it."""


def attribute_of(protocol: str) -> str:
    """Return the name of the attribute that holds the sides of ``protocol``."""
    return f"split_{protocol}"


def given_protocol(name: str) -> Protocol:
    """Return the protocol ``name`` of data that brings its own split along."""
    return Protocol(name, attribute_of(name), (TRAIN,), (TEST,))
