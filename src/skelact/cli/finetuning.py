"""What the commands share that train a whole classifier: finetune, supervised, semi and transfer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skelact.cli.evaluation import accuracy_lines
from skelact.clips.source import ClipSource
from skelact.configuration import find_option, flatten, merge, named_config, read_config
from skelact.errors import ConfigurationError
from skelact.evaluation.finetune import finetune
from skelact.evaluation.linear import LastEpochMetrics
from skelact.evaluation.settings import FinetuneConfig
from skelact.files import sha256, write_file
from skelact.models.pretrained import WEIGHTS, Pretrained, load_pretrained
from skelact.results.files import result, write_result
from skelact.store.protocols import Split, split
from skelact.store.store import Store
from skelact.store.subsets import Subset, draw_subset, read_subset
from skelact.training.config import TrainingConfig
from skelact.training.loop import make_fabric

SUBSET = "subset.txt"
OWN = [field.name for field in fields(FinetuneConfig) if field.name != "training"]


@dataclass(frozen=True)
class Start:
    """Where the training starts."""

    pretrained: Pretrained
    """The encoder."""
    settings: Mapping[str, Any]
    """What decides it, for the run's configuration."""
    trained: bool = True
    """Whether the result counts as that of a trained encoder."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options that all of these commands have."""
    parser.add_argument("--data", type=str, required=True, help="store to learn from and to test on")
    parser.add_argument("--protocol", type=str, required=True, help="protocol, e.g. xsub")
    parser.add_argument("--out", type=str, required=True, help="folder for the run and its result")
    parser.add_argument("--epochs", type=int | None, help="short for --training.epochs")
    parser.add_argument("--seed", type=int | None, help="short for --training.seed")
    parser.add_argument("--config", type=str | None, help="YAML file with any of the settings below")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run in --out")
    parser.add_class_arguments(FinetuneConfig, skip={"training"})
    parser.add_class_arguments(TrainingConfig, "training")


def add_run_argument(parser: ArgumentParser) -> None:
    """Add the option that names the encoder to start from."""
    parser.add_argument("--run", type=str, required=True, help="run folder of 'skelact pretrain'")


def add_untrained_argument(parser: ArgumentParser) -> None:
    """Add the option that starts from the same encoder before any training."""
    parser.add_argument(
        "--untrained",
        action="store_true",
        help="start from the same encoder before any training, with the settings of 'evaluate supervised'",
    )


def settings_file(arguments: Sequence[str]) -> str:
    """Return the name of the settings that a start calls for: from scratch, all layers learn alike."""
    return "supervised" if "--untrained" in arguments else "finetune"


def add_subset_arguments(parser: ArgumentParser) -> None:
    """Add the options that say which training sequences keep their labels."""
    parser.add_argument("--share", type=float | None, help="labelled share of the training side, e.g. 0.01")
    parser.add_argument("--count", type=int | None, help="labelled sequences, instead of a share")
    parser.add_argument(
        "--subset", type=str | None, help="file that lists the labelled sequences, one a line"
    )
    parser.add_argument("--subset-seed", type=int | None, help="decides which are drawn; default: --seed")


def file_and_options(name: str, arguments: Sequence[str], schema: type = FinetuneConfig) -> dict[str, Any]:
    """Return the settings of ``configs/evaluate/<name>.yaml``, overlaid by the user's file."""
    path = find_option(arguments, "--config")
    own = read_config(Path(path), schema) if path else {}
    return flatten(merge(named_config("evaluate", name), own))


def settings_of(options: Namespace) -> FinetuneConfig:
    """Return the configuration that the parsed options ask for."""
    short = {name: options[name] for name in ("epochs", "seed") if options[name] is not None}
    training = replace(options.training, **short)
    return FinetuneConfig(training=training, **{name: options[name] for name in OWN})


def subset_of(options: Namespace, store: Store, sides: Split, seed: int) -> Subset | None:
    """Return the labelled sequences that the options ask for, or None where none of them is given.

    Raises:
        ConfigurationError: more than one way to choose, or a seed with nothing to draw.
    """
    ways = [name for name in ("share", "count", "subset") if options[name] is not None]
    if len(ways) > 1:
        raise ConfigurationError(f"--{ways[0]} and --{ways[1]} both choose the labelled sequences; give one")
    if options.subset_seed is not None and ways not in (["share"], ["count"]):
        raise ConfigurationError("--subset-seed decides a draw; give --share or --count with it")
    if not ways:
        return None
    if options.subset is not None:
        return read_subset(Path(options.subset), store, sides.train)
    return draw_subset(
        store,
        options.protocol,
        sides.train,
        share=options.share,
        count=options.count,
        seed=seed if options.subset_seed is None else options.subset_seed,
    )


def load_start(run: str) -> Start:
    """Load the encoder of a run."""
    pretrained = load_pretrained(run)
    return Start(pretrained, {"run": run, "run_weights": sha256(Path(run) / WEIGHTS)})


def load_wanted_start(options: Namespace) -> Start:
    """Load the encoder of the run named, or with ``--untrained`` one of its sizes that the seed decides."""
    begin = load_start(options.run)
    if not options.untrained:
        return begin
    untrained = begin.pretrained.untrained(settings_of(options).training.seed)
    return Start(untrained, {"run": options.run, "untrained": True}, trained=False)


def train(
    evaluation: str,
    options: Namespace,
    start: Callable[[Store], Start],
    *,
    choose: Callable[[Store, Split, int], Subset | None] = lambda store, sides, seed: None,
) -> None:
    """Train a classifier, write its run folder and its result, print the accuracies.

    Args:
        evaluation: name of the protocol in the result.
        options: parsed.
        start: gives the encoder for the store, and refuses where they do not fit.
        choose: gives the labelled sequences, from store, sides and seed; None for the whole training side.
    """
    config = settings_of(options)
    fabric = make_fabric(config.training)
    store, out = Store.open(options.data), Path(options.out)
    sides, seed = split(store, options.protocol), config.training.seed
    subset = choose(store, sides, seed)
    if subset is not None:
        sides = Split(subset.indices, sides.test)
    begin = start(store)
    pretrained = begin.pretrained
    pretrained.check(store)
    described = None if subset is None else subset.describe()
    method = pretrained.card["method"] if begin.trained else "untrained"
    about = {
        "method": f"{method}, {evaluation}",
        "evaluation": evaluation,
        "data": options.data,
        "protocol": options.protocol,
        "start": dict(begin.settings),
        "subset": described,
    }
    started = time.perf_counter()
    metrics = finetune(
        pretrained,
        ClipSource(store, pretrained.clips, fabric.device),
        sides,
        config,
        out,
        fabric,
        about=about,
        resume=options.resume,
        title=evaluation,
    )
    if fabric.global_rank != 0:
        return
    if subset is not None:
        write_file(out / SUBSET, subset.text())
    content = result(
        evaluation,
        pretrained,
        store,
        options.protocol,
        sides,
        trained=begin.trained,
        config={"seed": seed, "clips": asdict(pretrained.clips), **asdict(config)},
        metrics=metrics.to_dict(),
        seconds=time.perf_counter() - started,
        device=fabric.device,
        subset=described,
    )
    path = write_result(out, content, [store.names[index] for index in sides.test], {"": metrics})
    show(evaluation, method, store, options.protocol, sides, config, metrics, subset)
    print(f"  {path}")


def show(
    evaluation: str,
    method: str,
    store: Store,
    protocol: str,
    sides: Split,
    config: FinetuneConfig,
    metrics: LastEpochMetrics,
    subset: Subset | None,
) -> None:
    """Print what was trained and how well it does."""
    labelled = "training" if subset is None else f"labelled ({100 * subset.share:.3g} %)"
    print(
        f"{method} on {store.data_set} {protocol}: "
        f"{len(sides.train)} {labelled}, {len(sides.test)} test sequences"
    )
    epochs, best = config.training.epochs, metrics.best_epoch
    print(f"{evaluation}, last of {epochs} epochs, seed {config.training.seed}")
    print(accuracy_lines(metrics))
    print(f"  best epoch by test data, not a result: {best.epoch} with top-1 {100 * best.top1:.1f} %")
