"""Semi-supervised subsets: which few training sequences keep their labels, drawn once and written down.

A subset depends on the data set, the protocol, the seed and the sequences' names alone: the order of the
store, the machine and the number of processes do not matter. Subsets of one seed are nested: the sequences of
1 % are among those of 10 %.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skelact.errors import ConfigurationError, DataError
from skelact.files import read_file
from skelact.store.protocols import Indices
from skelact.store.store import Store


@dataclass(frozen=True, eq=False)
class Subset:
    """The labelled sequences."""

    indices: Indices
    """(n,) sequences of the store, in the order of the training side."""
    names: tuple[str, ...]
    """Their names, in ascending order."""
    share: float
    """Share of the training side."""
    seed: int | None
    """What it was drawn with; None for a list of one's own."""

    @property
    def hash(self) -> str:
        """SHA-256 of the list of names: equal where the sequences are."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def text(self) -> str:
        """Return the list as it is written: a name a line."""
        return "".join(f"{name}\n" for name in self.names)

    def describe(self) -> dict[str, Any]:
        """Return what a result file says of it."""
        return {
            "num_sequences": len(self.indices),
            "share": self.share,
            "seed": self.seed,
            "hash": self.hash,
        }


def draw_subset(
    store: Store,
    protocol: str,
    train: Indices,
    *,
    share: float | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Subset:
    """Draw labelled sequences from a training side, as many of each class as the classes allow.

    Every class gives the same number, to within one; a class that has fewer gives all, and the others more.

    Args:
        store: the data set.
        protocol: name of the protocol, part of what decides the draw.
        train: (N,) sequences of its training side.
        share: share of the training side, in (0, 1]; or
        count: number of sequences.
        seed: decides the draw.

    Raises:
        ConfigurationError: both or neither of share and count, or one that gives less than a sequence a class
            or more than there are; the message names the smallest possible.
        DataError: a training sequence without a label.
    """
    if (share is None) == (count is None):
        raise ConfigurationError("a subset needs either a share of the training sequences or a count")
    labels = np.asarray(store.labels)[train]
    if (labels < 0).any():
        name = store.names[int(train[labels < 0][0])]
        raise DataError(
            f"{store.path}: {int((labels < 0).sum())} training sequences have no label, the first is {name}; "
            "give the list of those that have with --subset"
        )
    sizes = {int(label): int((labels == label).sum()) for label in np.unique(labels)}
    if share is not None and not math.isfinite(share):
        raise ConfigurationError(f"a share of {share} is none; expected one in (0, 1]")
    total = round(share * len(train)) if share is not None else int(count or 0)
    if total < len(sizes) or total > len(train):
        wanted = f"a share of {share:g}" if share is not None else f"a count of {count}"
        least = len(sizes) / len(train)
        raise ConfigurationError(
            f"{wanted} gives {total} of {len(train)} training sequences for {len(sizes)} classes; expected "
            f"at least one a class, a share of {np.ceil(least * 1e4) / 1e4:g} or a count of {len(sizes)}, "
            "and no more than all"
        )
    rank = {int(place): _rank(seed, store.data_set, protocol, store.names[place]) for place in train}
    order = sorted(sizes, key=lambda label: _rank(seed, store.data_set, protocol, f"class {label}"))
    quota = _even_quotas([sizes[label] for label in order], total)
    chosen: list[int] = []
    for label, number in zip(order, quota, strict=True):
        chosen += sorted(train[labels == label].tolist(), key=rank.__getitem__)[:number]
    return _subset(store, train, chosen, seed)


def read_subset(path: Path | str, store: Store, train: Indices) -> Subset:
    """Read a list of sequences, a name a line, as :meth:`Subset.text` writes it.

    Raises:
        DataError: the file cannot be read, is empty, or names a sequence twice or one that is not on the
            training side.
    """
    path = Path(path)
    try:
        lines = read_file(path, remedy="expected a text file, a name a line").decode().splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read ({error}); expected a text file, a name a line") from error
    place_of = {store.names[place]: int(place) for place in train}
    names = [line if line in place_of else line.strip() for line in lines if line.strip()]
    if not names:
        raise DataError(f"{path}: names no sequence; expected a name a line")
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if name not in place_of or name in seen:
            problem = "is named twice" if name in seen else "is not among the training sequences"
            raise DataError(f"{path}: {name!r} (entry {number}) {problem}; correct the list")
        seen.add(name)
    return _subset(store, train, [place_of[name] for name in names], None)


def _subset(store: Store, train: Indices, chosen: Sequence[int], seed: int | None) -> Subset:
    indices = train[np.isin(train, chosen)]
    names = tuple(sorted(store.names[place] for place in indices))
    return Subset(indices, names, len(indices) / len(train), seed)


def _rank(seed: int, data_set: str, protocol: str, name: str) -> bytes:
    """Return what a name is sorted by: chance that is the same everywhere."""
    return hashlib.blake2b(f"{seed}/{data_set}/{protocol}/{name}".encode(), digest_size=16).digest()


def _even_quotas(sizes: Sequence[int], total: int) -> list[int]:
    """Share ``total`` out to classes of these sizes as evenly as they allow, the first ones getting more."""
    quotas = [0] * len(sizes)
    while total:
        open_classes = [place for place, size in enumerate(sizes) if quotas[place] < size]
        each = total // len(open_classes)
        if each == 0:
            for place in open_classes[:total]:
                quotas[place] += 1
            return quotas
        for place in open_classes:
            more = min(each, sizes[place] - quotas[place])
            quotas[place] += more
            total -= more
    return quotas
