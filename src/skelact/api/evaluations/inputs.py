"""What goes into an evaluation beside the model: its settings, and which of the data it may use."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import numpy as np

from skelact.configuration import (
    PathLike,
    Table,
    instantiate,
    merge,
    name_file,
    named_config,
    read_config,
    refuse_two_values,
    refuse_without_effect,
)
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.store.left_out import LeftOut
from skelact.store.protocols import ALL, Split, protocols_of, training_side
from skelact.store.store import Store
from skelact.store.subsets import Subset, draw_subset, read_subset

Schema = TypeVar("Schema")


def training_settings(
    name: str,
    schema: type[Schema],
    config: PathLike | None,
    given: Table,
    epochs: int | None,
    seed: int | None,
    without_effect: Sequence[str] = (),
) -> Schema:
    """Return an evaluation's settings: those published, under those of a file, under those given.

    Args:
        name: of the published settings, ``configs/evaluate/<name>.yaml``.
        schema: the data class that they make.
        config: a YAML file.
        given: settings as such a file holds them; None is a setting that is not given.
        epochs: of the training, or None.
        seed: of the training, or None.
        without_effect: settings of the training that do nothing here.

    Raises:
        ConfigurationError: an unknown setting, or a value that does not fit.
    """
    file = {} if config is None else read_config(Path(config), schema)
    own = {key: value for key, value in given.items() if value is not None}
    short = {key: value for key, value in (("epochs", epochs), ("seed", seed)) if value is not None}
    refuse_two_values(short, own.get("training", {}))
    for layer in (file, own):
        for key in without_effect:
            if key in layer.get("training", {}):
                raise ConfigurationError(
                    f"evaluate {name}: --training.{key} has no effect here; leave it out"
                )
    shipped = named_config("evaluate", name)
    given = merge(file, own, {"training": short} if short else {})
    where = f"evaluate {name}"
    try:
        settings = instantiate(schema, merge(shipped, given), where)
    except ConfigurationError as error:
        name_file(error, config, lambda: instantiate(schema, merge(shipped, file), where))
        raise
    refuse_without_effect(settings, given, shipped)
    return settings


def read_left_out(path: PathLike | None, store: Store) -> LeftOut | None:
    """Return the list of recordings in a file, which must be a store's; None where no file is given.

    Raises:
        DataError: the list cannot be read, or names a recording that the store does not have.
    """
    if path is None:
        return None
    found = LeftOut.read(path)
    found.check([store])
    return found


class LabelOptions(TypedDict, total=False):
    """Which training sequences keep their labels."""

    share: float
    """labelled share of the training side, e.g. 0.01"""
    count: int
    """labelled sequences, instead of a share"""
    subset: PathLike
    """file that lists the labelled sequences, one a line"""
    subset_seed: int
    """decides which are drawn; default: --seed"""


def choose_labelled(
    options: Mapping[str, Any], store: Store, protocol: str, sides: Split, seed: int
) -> Subset | None:
    """Return the labelled sequences that the options ask for, or None where none of them is given.

    Raises:
        ConfigurationError: more than one way to choose, or a seed with nothing to draw.
    """
    ways = [name for name in ("share", "count", "subset") if options.get(name) is not None]
    if len(ways) > 1:
        raise ConfigurationError(f"--{ways[0]} and --{ways[1]} both choose the labelled sequences; give one")
    if options.get("subset_seed") is not None and ways not in (["share"], ["count"]):
        raise ConfigurationError("--subset-seed decides a draw; give --share or --count with it")
    if not ways:
        return None
    if options.get("subset") is not None:
        return read_subset(Path(options["subset"]), store, sides.train)
    drawn_by = options.get("subset_seed")
    return draw_subset(
        store,
        protocol,
        sides.train,
        share=options.get("share"),
        count=options.get("count"),
        seed=seed if drawn_by is None else drawn_by,
    )


def warn_of_seen(card: Mapping[str, Any], store: Store, protocol: str, sides: Split) -> None:
    """Warn where a model learned from sequences that test it here.

    Args:
        card: of the model.
        store: what it is tested on.
        protocol: how that is split; the same one keeps its test side unseen.
        sides: that split.
    """
    config = card.get("config", {})
    protocols = config.get("protocol", ()) if isinstance(config, Mapping) else ()
    protocols = [protocols] if isinstance(protocols, str) else list(protocols)
    names = str(card.get("data_set", "")).split("+")
    of_each = protocols * len(names) if len(protocols) == 1 else protocols
    if len(names) == 1 and not protocols_of(store.data_set) and card.get("data_hash") != store.content_hash:
        return  # another data set of one's own in the same format
    learned = dict(zip(names, of_each, strict=False)).get(store.data_set)
    if learned is None or learned == protocol:
        return
    with_labels = f"with{'' if 'class_names' in card else 'out'} their labels"
    if learned == ALL:
        told = f"pre-trained with every sequence of {store.data_set}, also those that test it ({with_labels})"
    else:
        try:
            seen = int(np.isin(sides.test, training_side(store, learned).train).sum())
        except (ConfigurationError, DataError):  # this store has no such protocol
            return
        if not seen:
            return
        told = (
            f"trained on {learned}, and so with {seen} of the {len(sides.test)} sequences that test it "
            f"({with_labels})"
        )
    warnings.warn(
        f"the encoder was {told}; pre-train with --protocol {protocol} to keep them unseen",
        SkelactWarning,
        stacklevel=2,
    )
