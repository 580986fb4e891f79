"""Protocols of a store: which of its sequences train and which test, and which have several folds.

Every store can be split into folds by an attribute of its sequences. ``by-subject`` tests on one subject at a
time, and ``by-subject-in-5`` on one of five groups of subjects, of about equally many sequences. One fold,
``by-subject-2-of-5``, is a protocol like any other.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, DataError, SkelactWarning, suggest
from skelact.formats.protocol import FOLDS, PROTOCOLS, Protocol
from skelact.store.left_out import LeftOut
from skelact.store.store import Store

Indices = npt.NDArray[np.int64]
ALL = "all"
"""What stands for a protocol's name where a pre-training learns from every sequence."""
_BY = re.compile(r"by-(\w+?)(?:-in-(\d{1,9})|-(\d{1,9})-of-(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True)
class Split:
    """The two sides of a protocol, as indices of a store's sequences.

    Each side goes by the attribute's values (training in the protocol's order, test as listed, or ascending),
    and by the store's order within a value.
    """

    train: Indices
    test: Indices
    num_unlabelled: tuple[int, int] = (0, 0)
    """Sequences of the two sides that were left out for want of a label, see :func:`labelled`."""
    left_out: LeftOut | None = None
    """The list that :func:`without` was given."""
    num_left_out: tuple[int, int] = (0, 0)
    """Sequences of the two sides that it names."""

    def line(self) -> list[str]:
        """Return what is printed of the list, if there is one."""
        if self.left_out is None:
            return []
        train, test = self.num_left_out
        return [f"  left out by {self.left_out.path}: {train:,} training, {test:,} test sequences"]


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
        ConfigurationError: there are no protocols, none of this name (the closest is named), or one that has
            several folds.
        DataError: folds by an attribute of which all sequences have the same value.
    """
    known = {protocol.name: protocol for protocol in protocols_of(source)}
    if name in known:
        return known[name]
    data_set = source if isinstance(source, str) else source.data_set
    if name == ALL:
        raise ConfigurationError(
            f"{ALL!r} has no test side: it means every sequence, which only pre-training takes; "
            + (f"expected one of {', '.join(known)}" if known else f"{data_set!r} has no protocols")
        )
    if not isinstance(source, str):
        folds = folds_of(source, name)
        if len(folds) > 1:
            names = ", ".join(fold.name for fold in folds[:3]) + (", ..." if len(folds) > 3 else "")
            raise ConfigurationError(f"{name} has {len(folds)} folds; give one of them here: {names}")
        if folds:
            return folds[0]
    if not known:
        raise ConfigurationError(
            f"data set {data_set!r} has no protocols; those that have: {', '.join(PROTOCOLS)}; data with "
            "split files or a manifest of splits among the raw files bring their own"
        )
    raise ConfigurationError(f"{data_set} has no protocol {name!r}{suggest(name, known)}")


def folds_of(store: Store, name: str) -> tuple[Protocol, ...]:
    """Return the folds of a protocol that has several, or the one fold by an attribute that ``name`` means.

    Every sequence that knows the attribute tests in one fold. Nothing comes back for any other protocol.

    Raises:
        ConfigurationError: no such attribute, more folds than it has values, or no such fold of them.
        DataError: all sequences have the same value.
    """
    names = FOLDS.get(store.data_set, {}).get(name, ())
    if names:
        return tuple(find_protocol(store, fold) for fold in names)
    match = _BY.fullmatch(name)
    if match is None:
        return ()
    attribute, num, number, of = match.groups()
    folds = _by_attribute(store, name, attribute, num or of)
    if number is None:
        return folds
    if not 1 <= int(number) <= len(folds):
        raise ConfigurationError(f"{name}: there is no fold {number}; expected 1 to {len(folds)}")
    return (folds[int(number) - 1],)


def _by_attribute(store: Store, name: str, attribute: str, num: str | None) -> tuple[Protocol, ...]:
    """Return ``num`` folds, None: one a value, by groups of values; the largest value goes first.

    Each value joins the group of the fewest sequences; groups stand in the order of their smallest values.
    """
    if attribute not in store.attribute_names:
        raise ConfigurationError(
            f"{name}: the sequences have no {attribute!r}{suggest(attribute, store.attribute_names)}"
        )
    column = np.asarray(store.attribute(attribute))
    values, counts = np.unique(column[column >= 0], return_counts=True)
    if len(values) < 2:
        raise DataError(f"{store.path}: all sequences have one {attribute}; folds need two values or more")
    num_folds = len(values) if num is None else int(num)
    if not 2 <= num_folds <= len(values):
        raise ConfigurationError(
            f"{name}: {num_folds} folds of {len(values)} values; expected 2 to {len(values)}"
        )
    groups: list[list[int]] = [[] for _ in range(num_folds)]
    sizes = [0] * num_folds
    for count, value in sorted(zip((-counts).tolist(), values.tolist(), strict=True)):
        smallest = sizes.index(min(sizes))
        groups[smallest].append(value)
        sizes[smallest] -= count
    return tuple(
        Protocol(
            f"by-{attribute}-{number}-of-{num_folds}",
            attribute,
            tuple(value for value in values.tolist() if value not in group),
            tuple(group),
        )
        for number, group in enumerate(sorted(map(sorted, groups)), 1)
    )


def split(store: Store, protocol_name: str, *, needs_test: bool = True) -> Split:
    """Split the sequences of ``store``.

    Args:
        store: the data set.
        protocol_name: name of one of its protocols.
        needs_test: whether an empty test side is an error.

    Raises:
        ConfigurationError: the store's data set has no protocol of this name.
        DataError: the store's sequences do not know the protocol's attribute, or one side is empty.
    """
    protocol = find_protocol(store, protocol_name)
    values = np.asarray(store.attribute(protocol.attribute))
    others = sorted({int(value) for value in np.unique(values)} - {*protocol.train, -1})
    test = others if protocol.test is None else protocol.test
    sides = {"training": _rows(values, protocol.train), "test": _rows(values, test)}
    names = store.attribute_values(protocol.attribute)
    for side, rows in sides.items():
        if not rows.size and (needs_test or side == "training"):
            raise DataError(
                f"{store.path}: no {side} sequence under {protocol.name}, a split by {protocol.attribute} "
                f"(here {_some(values, names)} only); prepare more recordings or choose another protocol"
            )
    return Split(sides["training"], sides["test"])


def without(store: Store, sides: Split, left_out: LeftOut | None) -> Split:
    """Return a split without the sequences that a list names; None names none.

    Raises:
        DataError: the list names all of a side.
    """
    if left_out is None:
        return sides
    train, test = left_out.keep(store, sides.train), left_out.keep(store, sides.test)
    for side, rows, before in (("training", train, sides.train), ("test", test, sides.test)):
        if len(before) and not len(rows):
            raise DataError(f"{left_out.path}: names all {len(before):,} {side} sequences; shorten the list")
    lost = (len(sides.train) - len(train), len(sides.test) - len(test))
    return replace(sides, train=train, test=test, left_out=left_out, num_left_out=lost)


def training_side(store: Store, protocol_name: str, left_out: LeftOut | None = None) -> Split:
    """Return what a pre-training learns from: a protocol's training side, or with ``all`` all sequences.

    What a list of recordings names is not among them. The test side is left empty.

    Raises:
        ConfigurationError: the store's data set has no protocol of this name.
        DataError: the store's sequences do not know the protocol's attribute, or none of them trains.
    """
    if protocol_name == ALL:
        sides = Split(np.arange(len(store)), np.empty(0, np.int64))
    else:
        sides = split(store, protocol_name, needs_test=False)
    return without(store, replace(sides, test=np.empty(0, np.int64)), left_out)


def labelled(store: Store, sides: Split, *, warn: bool = True) -> Split:
    """Return a split without the sequences that have no label, and warn of those with their number.

    Args:
        store: the data set.
        sides: the split.
        warn: whether to.

    Raises:
        DataError: a side has no sequence with a label.
    """
    labels = np.asarray(store.labels)
    train, test = sides.train[labels[sides.train] >= 0], sides.test[labels[sides.test] >= 0]
    lost = (len(sides.train) - len(train), len(sides.test) - len(test))
    for side, rows in (("training", train), ("test", test)):
        if not len(rows):
            raise DataError(
                f"{store.path}: no {side} sequence has a label; prepare the data with labels "
                "(pre-training, 'Model.embed' and 'figures tsne' need none)"
            )
    if warn and any(lost):
        warnings.warn(
            f"{store.path}: {lost[0]} of {len(sides.train)} training and {lost[1]} of {len(sides.test)} test "
            "sequences have no label and are left out",
            SkelactWarning,
            stacklevel=2,
        )
    return replace(sides, train=train, test=test, num_unlabelled=lost)


def _rows(values: npt.NDArray[np.int32], wanted: tuple[int, ...] | list[int]) -> Indices:
    rows = [np.flatnonzero(values == value) for value in wanted]
    return np.concatenate([np.empty(0, np.int64), *rows])


def _some(values: npt.NDArray[np.int32], names: Sequence[str] | None) -> str:
    """Return the distinct values for a message, at most eight of them, by their names where they have any."""
    distinct = np.unique(values).tolist()
    if names is not None:
        distinct = [names[value] if value >= 0 else "none" for value in distinct]
    return ", ".join(map(str, distinct[:8])) + (", ..." if len(distinct) > 8 else "")
