"""Learn a representation of actions from skeletons without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser, Namespace

from skelact.batches.dataset import ClipSettings
from skelact.batches.mixture import WEIGHTS
from skelact.cli.composition import find_option, flatten, merge, named_config, read_config
from skelact.compat import read_start
from skelact.errors import ConfigurationError, suggest
from skelact.models.registry import ModelConfig
from skelact.pretraining.config import PretrainConfig
from skelact.pretraining.masked_motion import MaskedMotionConfig
from skelact.pretraining.run import pretrain
from skelact.training.config import TrainingConfig

LISTS = ("data", "protocol")
DEFAULT_METHOD, DEFAULT_SIZE = "stjd-mp", "base"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options; every field of the configuration is one."""
    parser.add_argument(
        "--data", type=str, action="append", help="store to learn from; may be given several times"
    )
    parser.add_argument(
        "--protocol",
        type=str,
        action="append",
        help="learn from its training side: one for all stores, or each",
    )
    parser.add_argument(
        "--mixing", type=str, default="size", help="with several stores: 'size' or 'equal' shares of each"
    )
    parser.add_argument("--method", type=str, default=DEFAULT_METHOD, help="stjd-mp, mamp or mae")
    parser.add_argument("--size", type=str, default=DEFAULT_SIZE, help="tiny, demo, small, compact or base")
    parser.add_argument("--out", type=str, required=True, help="folder for the run")
    parser.add_argument(
        "--init", type=str | None, help="weights to start from: a run folder, or a published .pth file"
    )
    parser.add_argument("--epochs", type=int | None, help="short for --training.epochs")
    parser.add_argument("--seed", type=int | None, help="short for --training.seed")
    parser.add_argument(
        "--density", type=Literal["fixed", "learned"] | None, help="short for --objective.density"
    )
    parser.add_argument("--config", type=str | None, help="YAML file with any of the settings below")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run in --out")
    parser.add_class_arguments(ClipSettings, "clips")
    parser.add_class_arguments(ModelConfig, "model")
    parser.add_class_arguments(MaskedMotionConfig, "objective")
    parser.add_class_arguments(TrainingConfig, "training")


def defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the settings that method, size and the user's file make the defaults of this command line.

    Raises:
        ConfigurationError: an unknown method or size, or a file with an unknown key.
    """
    path = find_option(arguments, "--config")
    own = read_config(Path(path), PretrainConfig) if path else {}
    own = {key: value for key, value in own.items() if key not in LISTS}
    method = find_option(arguments, "--method") or own.get("method", DEFAULT_METHOD)
    size = find_option(arguments, "--size") or own.get("size", DEFAULT_SIZE)
    return flatten(merge(named_config("pretrain", method), named_config("size", size), own))


def configuration(options: Namespace) -> PretrainConfig:
    """Return the configuration that the parsed command line asks for.

    Raises:
        ConfigurationError: a value outside its range, or no data or protocol.
    """
    own = read_config(Path(options.config), PretrainConfig) if options.config else {}
    lists = {name: names_of(name, options[name] or own.get(name)) for name in LISTS}
    if options.mixing not in WEIGHTS:
        raise ConfigurationError(f"mixing: no way {options.mixing!r}{suggest(options.mixing, WEIGHTS)}")
    objective = options.objective
    if options.density is not None:
        objective = replace(objective, density=options.density)
    short = {name: options[name] for name in ("epochs", "seed") if options[name] is not None}
    return PretrainConfig(
        data=lists["data"],
        protocol=lists["protocol"],
        mixing=options.mixing,
        method=options.method,
        size=options.size,
        init=options.init,
        clips=options.clips,
        model=options.model,
        objective=objective,
        training=replace(options.training, **short),
    )


def names_of(option: str, value: object) -> list[str]:
    """Return what was given for an option that may be given several times, one name or a list in a file.

    Raises:
        ConfigurationError: nothing was given, or something else than names.
    """
    names = [value] if isinstance(value, str) else value
    if not names:
        raise ConfigurationError(f"pretrain: --{option} is missing")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"{option}: got {value!r}, expected a name or a list of names")
    return names


def run(options: Namespace) -> None:
    """Train, and say where the run is."""
    config = configuration(options)
    pretrain(config, Path(options.out), resume=options.resume, read_start=read_start)
    print(f"{options.out}: {config.method} ({config.size}), {config.training.epochs} epochs, done")
