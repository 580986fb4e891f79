"""Train the whole encoder and a head from labels, as published; report the last epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import finetuning
from skelact.errors import ConfigurationError
from skelact.models.pretrained import Pretrained
from skelact.store.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    finetuning.add_run_argument(parser)
    finetuning.add_untrained_argument(parser)
    finetuning.add_arguments(parser)


def defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the published settings, overlaid by the user's file."""
    return finetuning.file_and_options(finetuning.settings_file(arguments), arguments)


def run(options: Namespace) -> None:
    """Train, write the run folder and the result file, print the accuracies."""

    def start(store: Store) -> finetuning.Start:
        begin = finetuning.load_wanted_start(options)
        if not was_trained_on(begin.pretrained, store):
            raise ConfigurationError(
                f"{options.run}: was pre-trained on {begin.pretrained.card.get('data_set')}, not on "
                f"{store.data_set}; 'skelact evaluate transfer' takes it to other data"
            )
        return begin

    finetuning.train("finetune", options, start)


def was_trained_on(pretrained: Pretrained, store: Store) -> bool:
    """Return whether the card names the store's data set, or does not say."""
    data_set = pretrained.card.get("data_set")
    return data_set is None or store.data_set in str(data_set).split("+")
