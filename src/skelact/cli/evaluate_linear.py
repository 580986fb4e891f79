"""Train a linear layer on frozen features, as published; report the last epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import evaluation
from skelact.configuration import find_option, flatten, merge, named_config, read_config
from skelact.evaluation.linear import evaluate_linear
from skelact.evaluation.settings import LinearConfig
from skelact.training.config import TrainingConfig
from skelact.training.loop import make_fabric


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_arguments(parser)
    parser.add_argument("--epochs", type=int | None, help="short for --training.epochs")
    parser.add_argument("--seed", type=int | None, help="short for --training.seed")
    parser.add_argument("--config", type=str | None, help="YAML file with any of the settings below")
    # nothing is kept on disk between epochs, and the layer that is trained is too small to compile
    skip = {"checkpoint_every", "keep_checkpoints", "tensorboard", "compile"}
    parser.add_class_arguments(TrainingConfig, "training", skip=skip)


def defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the published settings, overlaid by the user's file."""
    path = find_option(arguments, "--config")
    own = read_config(Path(path), LinearConfig) if path else {}
    return flatten(merge(named_config("evaluate", "linear"), own))


def run(options: Namespace) -> None:
    """Evaluate, write the result file, print the accuracies."""
    short = {name: options[name] for name in ("epochs", "seed") if options[name] is not None}
    training = replace(options.training, **short)
    subject = evaluation.Subject.from_options(options, training.seed, make_fabric(training))
    started = time.perf_counter()
    metrics = evaluate_linear(
        subject.pretrained.encoder, subject.source, subject.split, training, fabric=subject.fabric
    )
    if not subject.speaks:
        return
    config = {"seed": training.seed, "training": asdict(training)}
    seconds = time.perf_counter() - started
    path = subject.report("linear", config, metrics.to_dict(), {"": metrics}, seconds)
    print(subject.describe())
    print(f"linear evaluation, last of {training.epochs} epochs, seed {training.seed}")
    print(evaluation.accuracy_lines(metrics))
    print(f"  {path}")
