"""What goes into an evaluation beside the model: its settings, and which of the data it may use."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

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
from skelact.errors import ConfigurationError, SkelactWarning
from skelact.store.left_out import LeftOut
from skelact.store.protocols import ALL, protocols_of
from skelact.store.store import Store

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


def warn_of_seen(card: Mapping[str, Any], store: Store) -> None:
    """Warn where an encoder was pre-trained with every sequence of a data set, those that test included."""
    config = card.get("config", {})
    protocols = config.get("protocol", ()) if isinstance(config, Mapping) else ()
    names = str(card.get("data_set", "")).split("+")
    of_each = list(protocols) * len(names) if len(protocols) == 1 else protocols
    if len(names) == 1 and not protocols_of(store.data_set) and card.get("data_hash") != store.content_hash:
        return  # another data set of one's own in the same format
    if (store.data_set, ALL) in zip(names, of_each, strict=False):
        warnings.warn(
            f"the encoder was pre-trained with every sequence of {store.data_set}, also those that test it "
            "(without their labels); pre-train with --protocol to keep them unseen",
            SkelactWarning,
            stacklevel=2,
        )
