"""Protocols of a store: which of its sequences train and which test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError, suggest
from skelact.formats.protocol import PROTOCOLS, Protocol
from skelact.store.store import Store

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The two sides of a protocol, as indices of a store's sequences.

    Each side goes by the attribute's values (training in the protocol's order, test as listed, or ascending),
    and by the store's order within a value.
    """

    train: Indices
    test: Indices


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
