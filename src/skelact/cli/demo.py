"""The main job, end to end, on a built-in data set: raw files, store, pre-training, evaluation, figures.

Writes synthetic recordings in the raw NTU RGB+D format, prepares them as real ones are prepared, pre-trains a
small STJD-MP model for every seed, and compares it on cross-subject with the same encoder untrained. Stopped
and started again, it goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser, Namespace
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from skelact.clips.source import ClipSource
from skelact.configuration import instantiate, named_config
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.knn import evaluate_knn
from skelact.evaluation.linear import evaluate_linear
from skelact.evaluation.metrics import ClassificationMetrics
from skelact.evaluation.settings import LinearConfig
from skelact.files import read_json, write_json
from skelact.models.pretrained import CARD, load_pretrained
from skelact.pretraining.config import MaskedRun
from skelact.pretraining.methods import find_method
from skelact.pretraining.run import pretrain
from skelact.reports.canvas import write_figure
from skelact.reports.figures import confusion_figure, loss_figure
from skelact.reports.skeletons import Recording, density_figure, strip_figure
from skelact.results.files import result, write_result
from skelact.results.statistics import mean_interval
from skelact.store.prepare import prepare
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.synthetic import write_data_set
from skelact.training.log import read_metrics
from skelact.training.loop import RunStoppedError
from skelact.training.randomness import derive_seed

PROTOCOL = "xsub"
DATA_SEED = 0
SETTINGS = "demo.json"


@dataclass(frozen=True)
class Scores:
    """Test accuracies of one encoder, as shares."""

    linear: float
    nearest: float


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--out", type=str, default="demo", help="folder for everything that is made")
    parser.add_argument("--sequences", type=int, default=800, help="recordings in the data set")
    parser.add_argument("--seeds", type=int, default=2, help="models to train, each from a start of its own")
    parser.add_argument("--epochs", type=int, default=80, help="epochs of pre-training")
    parser.add_argument("--linear-epochs", type=int, default=40, help="epochs of the linear evaluation")


def run(options: Namespace) -> None:
    """Do the whole job and print one table."""
    if options.seeds < 1:
        raise ConfigurationError(f"demo: --seeds is {options.seeds}, expected 1 or more")
    out, started = Path(options.out), time.perf_counter()
    remember_settings(out, options)
    store = make_store(out, options.sequences)
    scores: dict[str, list[Scores]] = {"untrained": [], "STJD-MP": []}
    for seed in range(options.seeds):
        run_folder = train(out, store, seed, options.epochs)
        for name, trained in (("untrained", False), ("STJD-MP", True)):
            scores[name].append(evaluate(run_folder, store, seed, trained, options.linear_epochs))
    show(scores, store)
    print(f"runs, weights, results and figures: {out}/run-seed*  ({time.perf_counter() - started:.0f} s)")


def remember_settings(out: Path, options: Namespace) -> None:
    """Write down what this demo is made with, or check that an earlier one was made with the same.

    Raises:
        DataError: the folder holds something else.
        ConfigurationError: the demo in it was made with other options.
    """
    names = ("sequences", "seeds", "epochs", "linear_epochs")
    settings = {name: options[name] for name in names}
    if not (out / SETTINGS).exists():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise DataError(f"{out}: exists and holds no demo; choose another --out")
        write_json(out / SETTINGS, settings)
    before = read_json(out / SETTINGS, "remove it, or choose another --out")
    if before != settings:
        made = " ".join(f"--{name} {value}" for name, value in before.items())
        raise ConfigurationError(f"{out}: holds a demo made with {made}; use these or choose another --out")


def make_store(out: Path, sequences: int) -> Store:
    """Write the raw data set and prepare it, unless that was done."""
    store, raw = out / "store", out / "raw"
    if not store.exists():
        if not (raw.is_dir() and len(list(raw.iterdir())) == sequences):
            unfinished = out / "raw.partial"
            for file in unfinished.iterdir() if unfinished.is_dir() else ():
                file.unlink()
            write_data_set(unfinished, sequences=sequences, seed=DATA_SEED)
            unfinished.rename(raw)
        prepare("ntu60", raw, store)
    opened = Store.open(store)
    sides = split(opened, PROTOCOL)
    actions = len(set(opened.labels.tolist()))
    print(
        f"data: {sequences} raw recordings -> {len(opened)} sequences of {actions} actions; "
        f"cross-subject: {len(sides.train)} training, {len(sides.test)} test",
        flush=True,
    )
    return opened


def train(out: Path, store: Store, seed: int, epochs: int) -> Path:
    """Pre-train the model of ``seed``, or go on with its training, unless that was done."""
    run_folder = out / f"run-seed{seed}"
    content = find_method("stjd-mp").settings(
        "demo",
        {
            "data": [str(store.path)],
            "protocol": [PROTOCOL],
            # motion measured against the whole clip's, not each patch's own: the better target on small sets
            "objective": {"normalisation": "sequence"},
            "training": {"epochs": epochs, "seed": seed, "accelerator": "cpu"},
        },
    )
    config = instantiate(MaskedRun, content)
    if not (run_folder / CARD).exists():
        try:
            pretrain(config, run_folder, resume=run_folder.exists())
        except RunStoppedError:
            raise RunStoppedError("the demo was stopped; run the same command to go on") from None
    draw(run_folder, "loss.png", loss_figure(read_metrics(run_folder / "metrics.jsonl")))
    return run_folder


def draw(run_folder: Path, name: str, figure: Figure) -> None:
    """Write a figure into the run's folder ``figures``."""
    (run_folder / "figures").mkdir(exist_ok=True)
    write_figure(figure, run_folder / "figures" / name)


def evaluate(run_folder: Path, store: Store, seed: int, trained: bool, epochs: int) -> Scores:
    """Score the run's encoder, or the same encoder untrained; write result files and figures."""
    pretrained = load_pretrained(run_folder)
    if not trained:
        pretrained = pretrained.untrained(derive_seed(seed, "untrained"))
    source, sides = ClipSource(store, pretrained.clips), split(store, PROTOCOL)
    training = instantiate(LinearConfig, named_config("evaluate", "linear")).training
    training = replace(training, batch_size=32, epochs=epochs, seed=seed, accelerator="cpu")
    title = f"linear, {'STJD-MP' if trained else 'untrained'}, seed {seed}"
    started = time.perf_counter()
    linear = evaluate_linear(pretrained.encoder, source, sides, training, title=title)
    between = time.perf_counter()
    nearest = evaluate_knn(pretrained.encoder, source, sides, ks=(1,))[1]
    finished = time.perf_counter()

    def record(
        evaluation: str, config: Mapping[str, Any], metrics: ClassificationMetrics, seconds: float
    ) -> None:
        content = result(
            evaluation,
            pretrained,
            store,
            PROTOCOL,
            sides,
            trained=trained,
            config=config,
            metrics=metrics.to_dict(),
            seconds=seconds,
        )
        write_result(run_folder, content, [store.names[index] for index in sides.test], {"": metrics})

    record("linear", {"seed": seed, "training": asdict(training)}, linear, between - started)
    record("knn", {"seed": seed, "k": [1]}, nearest, finished - between)
    if trained:
        occurring = np.flatnonzero(linear.confusion.sum(0) + linear.confusion.sum(1))
        names = [store.class_names[index] for index in occurring]
        shown = linear.confusion[np.ix_(occurring, occurring)]
        title = "Linear evaluation, test sequences"
        draw(run_folder, "confusion.png", confusion_figure(shown, names, title=title))
        recording = Recording.of(store, int(sides.test[0]))
        draw(run_folder, "strip.png", strip_figure(recording))
        draw(run_folder, "density.png", density_figure(recording))
    return Scores(linear.top1, nearest.top1)


def show(scores: Mapping[str, list[Scores]], store: Store) -> None:
    """Print one table: what pre-training gains, over the seeds."""
    num = len(next(iter(scores.values())))
    table = Table(title=f"Cross-subject test accuracy, % (last epoch, {num} seeds)", title_justify="left")
    table.add_column("encoder")
    for column in ("linear", "nearest neighbour"):
        table.add_column(column, justify="right")
    means: dict[str, tuple[float, float]] = {}
    for name, values in scores.items():
        linear = mean_interval([100 * each.linear for each in values]).mean
        nearest = mean_interval([100 * each.nearest for each in values]).mean
        means[name] = (linear, nearest)
        seeds = ", ".join(f"{100 * each.linear:.1f}" for each in values)
        table.add_row(name, f"{linear:.1f}  ({seeds})", f"{nearest:.1f}")
    (before, before_nearest), (after, after_nearest) = means["untrained"], means["STJD-MP"]
    table.add_section()
    table.add_row("gain", f"{after - before:+.1f}", f"{after_nearest - before_nearest:+.1f}")
    Console().print(table)
