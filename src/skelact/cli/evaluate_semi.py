"""Fine-tune with few labels: a class-balanced subset of the training side, drawn once and written down.

The list goes into the run folder, its hash into the result. Subsets of one seed are nested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import finetuning
from skelact.errors import ConfigurationError
from skelact.store.protocols import Split
from skelact.store.store import Store
from skelact.store.subsets import Subset


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    finetuning.add_run_argument(parser)
    finetuning.add_untrained_argument(parser)
    finetuning.add_subset_arguments(parser)
    finetuning.add_arguments(parser)


def defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the published settings, overlaid by the user's file."""
    return finetuning.file_and_options(finetuning.settings_file(arguments), arguments)


def run(options: Namespace) -> None:
    """Train, write the run folder and the result file, print the accuracies."""

    def choose(store: Store, sides: Split, seed: int) -> Subset:
        subset = finetuning.subset_of(options, store, sides, seed)
        if subset is None:
            raise ConfigurationError("evaluate semi: give --share, --count or --subset")
        return subset

    finetuning.train("semi", options, lambda store: finetuning.load_wanted_start(options), choose=choose)
