"""Protocols: which sequences train and which test, as the data sets' authors laid down.

NTU RGB+D: Shahroudy et al., CVPR 2016. NTU RGB+D 120: Liu et al., TPAMI 2020. MSR Action3D: odd subjects
train, as in Wang et al., CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.preparation.store import Store
from skelact.sources.bandai_namco import STYLES

Indices = npt.NDArray[np.int64]


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


@dataclass(frozen=True)
class Split:
    """The two sides of a protocol, as indices of a store's sequences.

    Each side goes by the attribute's values (training in the protocol's order, test as listed, or ascending),
    and by the store's order within a value.
    """

    train: Indices
    test: Indices


_NTU60_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
# fmt: off
_NTU120_SUBJECTS = (
    *_NTU60_SUBJECTS, 45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85,
    86, 89, 91, 92, 93, 94, 95, 97, 98, 100, 103,
)
# fmt: on

PROTOCOLS: dict[str, tuple[Protocol, ...]] = {
    "ntu60": (
        Protocol("xsub", "subject", _NTU60_SUBJECTS, None, (40_091, 16_487)),
        Protocol("xview", "camera", (2, 3), (1,), (37_646, 18_932)),
    ),
    "ntu120": (
        Protocol("xsub", "subject", _NTU120_SUBJECTS, None, (63_026, 50_919)),
        Protocol("xset", "setup", tuple(range(2, 33, 2)), tuple(range(1, 33, 2)), (54_468, 59_477)),
    ),
    "msr-action3d": (Protocol("xsub", "subject", (1, 3, 5, 7, 9), (2, 4, 6, 8, 10)),),
    "bandai-namco-2": (
        Protocol(
            "xstyle",
            "style",
            tuple(map(STYLES.index, ("active", "masculine", "normal", "youthful"))),
            tuple(map(STYLES.index, ("elderly", "exhausted", "feminine"))),
        ),
    ),
}
"""The protocols of each data set, by the name that stores record."""


def protocols_of(source: Store | str) -> tuple[Protocol, ...]:
    """Return the protocols of a store, its own (from the raw data's split files) included, or of a data set.

    Raises:
        DataError: the store's table of its own protocols cannot be read.
    """
    if isinstance(source, str):
        return PROTOCOLS.get(source, ())
    published = PROTOCOLS.get(source.data_set, ())
    try:
        return (*published, *(Protocol.from_dict(table) for table in source.meta["protocols"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{source.path}: its protocols cannot be read ({error!r}); prepare the data again"
        ) from error


def find_protocol(source: Store | str, name: str) -> Protocol:
    """Return the protocol ``name`` of a store, or of the data set called ``source``.

    Raises:
        ConfigurationError: there are no protocols, or none of this name (the closest is named).
    """
    known = {protocol.name: protocol for protocol in protocols_of(source)}
    data_set = source if isinstance(source, str) else source.data_set
    if not known:
        raise ConfigurationError(
            f"data set {data_set!r} has no protocols; those that have: {', '.join(PROTOCOLS)}; data with "
            "split files or a manifest of splits among the raw files bring their own"
        )
    if name not in known:
        raise ConfigurationError(f"{data_set} has no protocol {name!r}{suggest(name, known)}")
    return known[name]


def split(store: Store, protocol_name: str) -> Split:
    """Split the sequences of ``store``.

    Raises:
        ConfigurationError: the store's data set has no protocol of this name.
        DataError: the store's sequences do not know the protocol's attribute, or one side is empty.
    """
    protocol = find_protocol(store, protocol_name)
    values = np.asarray(store.attribute(protocol.attribute))
    others = sorted({int(value) for value in np.unique(values)} - {*protocol.train, -1})
    test = others if protocol.test is None else protocol.test
    sides = {"training": _rows(values, protocol.train), "test": _rows(values, test)}
    for side, rows in sides.items():
        if not rows.size:
            raise DataError(
                f"{store.path}: no {side} sequence under {protocol.name}, a split by {protocol.attribute} "
                f"(here {_some(values)} only); prepare more recordings or choose another protocol"
            )
    return Split(sides["training"], sides["test"])


def _rows(values: npt.NDArray[np.int32], wanted: tuple[int, ...] | list[int]) -> Indices:
    rows = [np.flatnonzero(values == value) for value in wanted]
    return np.concatenate([np.empty(0, np.int64), *rows])


def _some(values: npt.NDArray[np.int32]) -> str:
    """Return the distinct values for a message, at most eight of them."""
    distinct = np.unique(values).tolist()
    return ", ".join(map(str, distinct[:8])) + (", ..." if len(distinct) > 8 else "")
