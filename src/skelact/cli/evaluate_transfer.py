"""Fine-tune on another data set than the encoder was pre-trained on: other classes, other clip length.

The skeletons must be the encoder's; 'skelact data convert' brings a store there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import finetuning
from skelact.errors import ConfigurationError
from skelact.models.pretrained import with_num_frames
from skelact.store.store import Store


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    finetuning.add_run_argument(parser)
    parser.add_argument(
        "--num-frames", type=int | None, help="frames of a clip; default: those of the pre-training"
    )
    finetuning.add_subset_arguments(parser)
    finetuning.add_arguments(parser)


def defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the published settings, overlaid by the user's file."""
    return finetuning.file_and_options("finetune", arguments)


def run(options: Namespace) -> None:
    """Train, write the run folder and the result file, print the accuracies."""

    def start(store: Store) -> finetuning.Start:
        begin = finetuning.load_start(options.run)
        if begin.pretrained.card.get("data_hash") == store.content_hash:
            raise ConfigurationError(
                f"{options.run}: was pre-trained on {options.data} itself; "
                "that is 'skelact evaluate finetune'"
            )
        if options.num_frames is None:
            return begin
        resampled = with_num_frames(begin.pretrained, options.num_frames)
        return finetuning.Start(resampled, {**begin.settings, "num_frames": options.num_frames})

    finetuning.train(
        "transfer",
        options,
        start,
        choose=lambda store, sides, seed: finetuning.subset_of(options, store, sides, seed),
    )
