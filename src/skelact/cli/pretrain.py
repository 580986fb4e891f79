"""Learn a representation of actions from skeletons without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_type_hints

from jsonargparse import ArgumentParser, Namespace

from skelact.clips.mixture import WEIGHTS
from skelact.compat.published_weights import load_initial_weights
from skelact.configuration import find_option, flatten, merge, read_config, read_table
from skelact.errors import ConfigurationError, suggest
from skelact.evaluation.knn_monitor import KnnMonitor
from skelact.pretraining.config import ContrastiveRun, MaskedRun, RunConfig
from skelact.pretraining.methods import (
    DEFAULT_METHOD,
    DEFAULT_SIZE,
    FAMILIES,
    find_method,
    methods,
    sizes,
)
from skelact.pretraining.run import pretrain
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.training.devices import is_first_process
from skelact.training.loop import Drawing

LISTS = ("data", "protocol")
SHORT: dict[str, Any] = {
    "epochs": int,
    "seed": int,
    "devices": int,
    "precision": Literal["32", "bf16"],
    "accumulate": int,
    "clip_grad": float,
}
"""Settings of the training that have a short option, with their types."""


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
    parser.add_argument(
        "--method",
        type=str,
        default=DEFAULT_METHOD,
        help="; ".join(
            f"{family.name}: " + ", ".join(name for name, each in methods().items() if each.family is family)
            for family in FAMILIES
        ),
    )
    parser.add_argument("--size", type=str, default=DEFAULT_SIZE, help=", ".join(sizes()))
    parser.add_argument("--out", type=str, required=True, help="folder for the run")
    for name, kind in SHORT.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=kind | None, help=f"short for --training.{name}")
    parser.add_argument("--compile", action="store_true", help="short for --training.compile true")
    parser.add_argument("--config", type=str | None, help="YAML file with any of the settings below")
    parser.add_argument(
        "--monitor-knn-every",
        type=int,
        default=0,
        help="epochs from one look at nearest neighbours within the training side to the next; 0: none",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run in --out")


def add_dependent_arguments(parser: ArgumentParser, arguments: Sequence[str]) -> None:
    """Add the options of the method that the command line names, every field of its configuration.

    Raises:
        ConfigurationError: an unknown method, or a file that is no configuration.
    """
    family = find_method(_named(arguments, "method", DEFAULT_METHOD)).family
    if family.starts_from_weights:
        parser.add_argument(
            "--init", type=str | None, help="weights to start from: a run folder, or a published .pth file"
        )
    parser.add_argument(
        "--density", type=Literal["fixed", "learned"] | None, help=f"short for --{family.density_setting}"
    )
    for name, kind in get_type_hints(family.settings).items():
        if is_dataclass(kind):
            parser.add_class_arguments(kind, name)


def defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the settings that method, size and the user's file make the defaults of this command line.

    Raises:
        ConfigurationError: an unknown method or size, or a file with an unknown key.
    """
    path = find_option(arguments, "--config")
    method = find_method(_named(arguments, "method", DEFAULT_METHOD))
    own = read_config(Path(path), method.family.settings) if path else {}
    own = {key: value for key, value in own.items() if key not in LISTS}
    backbone = find_option(arguments, "--model.backbone")
    if backbone is not None:
        own = merge(own, {"model": {"backbone": backbone}})
    return flatten(method.settings(_named(arguments, "size", DEFAULT_SIZE), own))


def _named(arguments: Sequence[str], option: str, default: str) -> str:
    """Return what a command line that is not parsed yet, or its file, gives for an option."""
    path = find_option(arguments, "--config")
    content = read_table(Path(path)) if path else {}
    return find_option(arguments, f"--{option}") or str(content.get(option, default))


def configuration(options: Namespace) -> MaskedRun | ContrastiveRun:
    """Return the configuration that the parsed command line asks for.

    Raises:
        ConfigurationError: a value outside its range, or no data or protocol.
    """
    own = read_table(Path(options.config)) if options.config else {}
    lists = {name: names_of(name, options[name] or own.get(name)) for name in LISTS}
    if options.mixing not in WEIGHTS:
        raise ConfigurationError(f"mixing: no way {options.mixing!r}{suggest(options.mixing, WEIGHTS)}")
    short: dict[str, Any] = {name: options[name] for name in SHORT if options[name] is not None}
    if options.compile:
        short["compile"] = True
    family = find_method(options.method).family
    schema = family.settings
    tables = {name: options[name] for name, kind in get_type_hints(schema).items() if is_dataclass(kind)}
    if family.starts_from_weights:
        tables["init"] = options.init
    if options.density is not None:
        table, *inner = family.density_setting.split(".")
        tables[table] = _replaced(tables[table], inner, options.density)
    return schema(
        data=lists["data"],
        protocol=lists["protocol"],
        mixing=options.mixing,
        method=options.method,
        size=options.size,
        **{**tables, "training": replace(options.training, **short)},
    )


def _replaced(settings: Any, path: Sequence[str], value: object) -> Any:
    """Return a data class with the setting at ``path``, through its inner data classes, replaced."""
    name, *inner = path
    return replace(settings, **{name: _replaced(getattr(settings, name), inner, value) if inner else value})


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


def monitors_of(config: RunConfig, every: int) -> list[KnnMonitor]:
    """Return a kNN monitor for every store, or none where ``every`` is 0.

    Raises:
        ConfigurationError: ``every`` is negative, or a protocol that a store does not have.
        DataError: no such store, or too few labelled sequences.
    """
    if every == 0:
        return []
    stores = [Store.open(folder) for folder in config.data]
    suffixes = [""] if len(stores) == 1 else [f"_{store.path.name}" for store in stores]
    return [
        KnnMonitor(store, protocol, config.clips, every, config.training.seed, suffix)
        for store, (_, protocol), suffix in zip(stores, config.sides, suffixes, strict=True)
    ]


def figures_of(config: RunConfig) -> list[Drawing]:
    """Return what draws for TensorBoard, from the first training sequence, or nothing where it is off."""
    if not config.training.tensorboard:
        return []
    from skelact.reports.training_figures import TrainingFigures  # imports matplotlib

    folder, protocol = config.sides[0]
    store = Store.open(folder)
    return [TrainingFigures(store, int(split(store, protocol).train[0]), config.clips)]


def run(options: Namespace) -> None:
    """Train, and say where the run is."""
    config = configuration(options)
    pretrain(
        config,
        Path(options.out),
        resume=options.resume,
        load_initial=load_initial_weights,
        monitors=monitors_of(config, options.monitor_knn_every),
        drawings=figures_of(config),
    )
    if is_first_process():
        print(f"{options.out}: {config.method} ({config.size}), {config.training.epochs} epochs, done")
