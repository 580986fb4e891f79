"""Train the encoder and a head from labels alone, from scratch: what pre-training is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser, Namespace

from skelact.cli import finetuning
from skelact.clips.settings import ClipSettings
from skelact.configuration import find_option, flatten, merge, named_config, read_config
from skelact.evaluation.settings import FinetuneConfig
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import MaskedSizes
from skelact.store.store import Store
from skelact.training.randomness import derive_seed

DEFAULT_SIZE = "base"


@dataclass(frozen=True)
class SupervisedConfig(FinetuneConfig):
    """What a configuration file of the supervised training may set."""

    size: str = DEFAULT_SIZE
    """Name of the size; a file of this name sets clips and model."""
    clips: ClipSettings = field(default_factory=ClipSettings)
    """How sequences become clips."""
    model: MaskedSizes = field(default_factory=MaskedSizes)
    """Sizes of the encoder."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--size", type=str, default=DEFAULT_SIZE, help="of the encoder, as for pre-training")
    finetuning.add_subset_arguments(parser)
    finetuning.add_arguments(parser)
    parser.add_class_arguments(ClipSettings, "clips")
    parser.add_class_arguments(MaskedSizes, "model", skip={"decoder_width", "decoder_depth"})


def defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the settings of the size and of the training from scratch, overlaid by the user's file."""
    path = find_option(arguments, "--config")
    own = read_config(Path(path), SupervisedConfig) if path else {}
    size = find_option(arguments, "--size") or own.get("size", DEFAULT_SIZE)
    sizes = {key: value for key, value in named_config("size", size).items() if key in ("clips", "model")}
    settings = flatten(merge(sizes, named_config("evaluate", "supervised"), own))
    return {key: value for key, value in settings.items() if not key.startswith("model.decoder_")}


def run(options: Namespace) -> None:
    """Train, write the run folder and the result file, print the accuracies."""

    def start(store: Store) -> finetuning.Start:
        joints = store.array("joints")
        sizes = options.model.encoder(joints.shape[1], joints.shape[2], options.clips.num_frames)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(finetuning.settings_of(options).training.seed, "start"))
            encoder = SkeletonEncoder(sizes)
        config = {"size": options.size, "clips": asdict(options.clips), "encoder": asdict(sizes)}
        card = {"method": "from scratch", "config": config}
        return finetuning.Start(Pretrained(encoder, store.topology, options.clips, card), config)

    finetuning.train(
        "supervised",
        options,
        start,
        choose=lambda store, sides, seed: finetuning.subset_of(options, store, sides, seed),
    )
