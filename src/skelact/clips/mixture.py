"""Several stores as one data set: batches drawn across them, as they come or in equal shares.

The stores' sequences are numbered through: those of the first store, then those of the second. Stores of one
topology mix; ``skelact data convert`` brings them there. A class is its name, so classes of one name are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.clips.settings import AugmentationSettings, ClipSettings
from skelact.clips.source import Clips, ClipSource, CropDraws, check_draws, sequence_numbers
from skelact.errors import ConfigurationError, DataError, suggest
from skelact.skeleton.topology import Topology
from skelact.store.protocols import Indices
from skelact.store.store import Store

WEIGHTS = ("size", "equal")


class MixedSource:
    """Makes batches of training clips from several stores, as a :class:`ClipSource` does from one.

    Args:
        sources: a source for each store, with the same settings on the same device.
        weights: what an epoch holds. 'size': every sequence once. 'equal': as many sequences, the same number
            from each store; those of a small store several times, of a large one a part.

    Raises:
        ConfigurationError: no source, unknown weights, or sources that differ in settings or device.
        DataError: stores of different topologies or dimensions; or of different units, or with another axis
            up, where the settings leave these as they are.
    """

    def __init__(self, sources: Sequence[ClipSource], weights: str = "size") -> None:
        if not sources:
            raise ConfigurationError("a mixture needs at least one store")
        if weights not in WEIGHTS:
            raise ConfigurationError(f"weights={weights!r}: not known{suggest(weights, WEIGHTS)}")
        first = sources[0]
        for source in sources[1:]:
            if source.settings != first.settings or source.device != first.device:
                raise ConfigurationError(
                    f"{source.store.path}: its clips have other settings than those of {first.store.path}"
                )
            _check_alike(first.store, source.store, first.settings)
        self.sources, self.weights = tuple(sources), weights
        self._starts = torch.tensor([0, *np.cumsum([len(source) for source in sources])])
        self._labels = [
            torch.tensor([*(self.class_names.index(name) for name in source.store.class_names), -1])
            for source in sources
        ]

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def settings(self) -> ClipSettings:
        """How a sequence becomes a clip."""
        return self.sources[0].settings

    @property
    def device(self) -> torch.device:
        """Where the clips are."""
        return self.sources[0].device

    @property
    def stores(self) -> tuple[Store, ...]:
        """The stores, in the order in which their sequences are numbered."""
        return tuple(source.store for source in self.sources)

    @property
    def topology(self) -> Topology:
        """The stores' common topology."""
        return self.sources[0].store.topology

    @property
    def data_set(self) -> str:
        """The data sets' names, joined by ``+``."""
        return "+".join(store.data_set for store in self.stores)

    @property
    def class_names(self) -> list[str]:
        """Names of all classes, each once, in the order in which the stores bring them."""
        return list(dict.fromkeys(name for store in self.stores for name in store.class_names))

    @property
    def content_hash(self) -> str:
        """Of one store its own content hash; of several the SHA-256 over theirs, in order."""
        if len(self.stores) == 1:
            return self.stores[0].content_hash
        return hashlib.sha256("".join(store.content_hash for store in self.stores).encode()).hexdigest()

    def check_flips(self, settings: AugmentationSettings, option: str) -> None:
        """Refuse flips along the axis that is up, as far as the stores say which that is.

        Args:
            settings: how clips of this source are augmented.
            option: how these settings are called.

        Raises:
            ConfigurationError: people would stand on their heads; the message names the remedy.
        """
        for store in self.stores if settings.flip else ():
            up = store.up or ("y" if store.num_coordinates == 2 else None)
            if self.settings.view != "camera":
                up = "y"  # which they make it
            if up is not None and settings.flip_axis == "xyz".index(up[-1]):
                side = store.num_coordinates - 1 if up[-1] == "x" else 0
                raise ConfigurationError(
                    f"{store.where}: {up[-1]} is up and {option}.flip_axis {settings.flip_axis} flips along "
                    "it, which turns people upside down; give the coordinate to the side, as in "
                    f"{option}.flip_axis {side}"
                )

    def names(self, indices: Indices) -> list[str]:
        """Return what sequences are called in their stores, with the store's folder if there are several."""
        chosen = torch.from_numpy(np.asarray(indices, np.int64))
        found = []
        for number, index in zip(self._store_of(chosen).tolist(), chosen.tolist(), strict=True):
            store = self.stores[number]
            name = store.names[index - int(self._starts[number])]
            found.append(name if len(self.stores) == 1 else f"{store.path.name}/{name}")
        return found

    def joined(self, rows: Sequence[Indices]) -> Indices:
        """Return the numbers here of sequences that are given by their numbers in each store.

        Args:
            rows: for each store, (N_s,) places in it, e.g. a protocol's training side.

        Raises:
            DataError: not as many lists as stores.
        """
        if len(rows) != len(self.sources):
            raise DataError(
                f"{len(rows)} lists of sequences for {len(self.sources)} stores; expected one each"
            )
        starts = self._starts.tolist()
        parts = [np.asarray(part, np.int64) + start for part, start in zip(rows, starts[:-1], strict=True)]
        return np.concatenate(parts)

    def epoch_order(self, indices: Indices, generator: torch.Generator) -> Indices:
        """Return the order of an epoch over the sequences ``indices``, by :attr:`weights`.

        Args:
            indices: (N,) the sequences that train, as :meth:`joined` gives them.
            generator: a CPU generator; the order depends on it and on ``indices`` alone.

        Returns:
            (N,) places in ``indices``, at random; each once for 'size'.

        Raises:
            DataError: 'equal', and a store has no sequence among ``indices``.
        """
        if self.weights == "size":
            order: Indices = torch.randperm(len(indices), generator=generator).numpy()
            return order
        store_of = self._store_of(torch.from_numpy(np.asarray(indices, np.int64)))
        members = [np.flatnonzero(store_of == number) for number in range(len(self.sources))]
        for store, places in zip(self.stores, members, strict=True):
            if not len(places):
                raise DataError(f"{store.path}: none of its sequences train, so it has no equal share")
        return even_order(members, generator)

    def train(self, indices: Sequence[int] | npt.NDArray[Any] | Tensor, draws: CropDraws) -> Clips:
        """Return randomly cropped and rotated clips, as :meth:`ClipSource.train` does.

        Raises:
            DataError: no index, or one outside the stores.
            ConfigurationError: draws for another number of clips.
        """
        chosen = sequence_numbers(indices, len(self), f"{len(self.sources)} stores")
        check_draws(draws, len(chosen))
        store_of = self._store_of(chosen)
        made: list[tuple[Tensor, Clips]] = []
        for number, source in enumerate(self.sources):
            places = (store_of == number).nonzero()[:, 0]
            if len(places):
                rows = chosen[places] - self._starts[number]
                clips = source.train(rows, CropDraws(draws.uniform[places]))
                labels = self._labels[number].to(self.device)[clips.labels]
                made.append((places, clips._replace(labels=labels)))
        back = torch.cat([places for places, _ in made]).argsort().to(self.device)
        joint_present = None
        if any(clips.joint_present is not None for _, clips in made):
            joint_present = torch.cat([clips.seen_joints for _, clips in made])[back]
        seen = None
        if any(clips.seen is not None for _, clips in made):
            seen = torch.cat([_seen(clips) for _, clips in made])[back]
        return Clips(
            positions=torch.cat([clips.positions for _, clips in made])[back],
            present=torch.cat([clips.present for _, clips in made])[back],
            labels=torch.cat([clips.labels for _, clips in made])[back],
            indices=chosen.to(self.device),
            joint_present=joint_present,
            seen=seen,
        )

    def _store_of(self, indices: Tensor) -> Tensor:
        """Return the number of the store of each sequence."""
        return torch.searchsorted(self._starts, indices, right=True) - 1


def _seen(clips: Clips) -> Tensor:
    """Return (N, M, T, V): what the clips say, or all joints of the bodies that are there in all frames."""
    if clips.seen is not None:
        return clips.seen
    return clips.present[..., None, None].expand(clips.positions.shape[:-1])


def even_order(groups: Sequence[Indices], generator: torch.Generator) -> Indices:
    """Return the order of an epoch that shows as much of each group, as long as all groups together.

    Those of a small group come several times, of a large one a part.

    Args:
        groups: the places of each group, none empty.
        generator: a CPU generator; the order depends on it and on the groups alone.

    Returns:
        (N,) places, at random, N being the number of places in all groups.
    """
    total = sum(map(len, groups))
    bounds = [total * number // len(groups) for number in range(len(groups) + 1)]
    parts = [
        torch.from_numpy(places)[_rounds(len(places), end - start, generator)]
        for places, start, end in zip(groups, bounds[:-1], bounds[1:], strict=True)
    ]
    mixed: Indices = torch.cat(parts)[torch.randperm(total, generator=generator)].numpy()
    return mixed


def _rounds(num: int, wanted: int, generator: torch.Generator) -> Tensor:
    """Return ``wanted`` numbers in 0 .. num - 1: whole rounds through all of them, each in a new order."""
    rounds = [torch.randperm(num, generator=generator) for _ in range(-(-wanted // num))]
    return torch.cat(rounds)[:wanted] if rounds else torch.empty(0, dtype=torch.int64)


def _check_alike(first: Store, other: Store, settings: ClipSettings) -> None:
    shapes = [store.array("joints").shape[2] for store in (first, other)]
    if first.topology != other.topology:
        raise DataError(
            f"{other.path}: its skeleton is {other.topology.name}, that of {first.path} "
            f"{first.topology.name}; bring them to one with 'skelact data convert'"
        )
    if shapes[0] != shapes[1]:
        raise DataError(f"{other.path}: positions are {shapes[1]}-D, those of {first.path} {shapes[0]}-D")
    for name, setting, value, remedy in (
        ("up", "view", "camera", "upright"),
        ("unit", "scale", "stored", "body"),
    ):
        said = [getattr(store, name) for store in (first, other)]
        if getattr(settings, setting) == value and None not in said and said[0] != said[1]:
            raise DataError(
                f"{other.path}: its {name} is {said[1]}, that of {first.path} {said[0]}; "
                f"--clips.{setting} {remedy} makes them alike"
            )
