"""The main job, end to end, on the built-in data set: raw files, store, pre-training, evaluation, figures.

The seeds run side by side, a process and a thread each: models this small gain nothing from a second thread.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from skelact.configuration import PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError
from skelact.files import read_json, write_json, writing
from skelact.results.statistics import mean_interval
from skelact.store.prepare import default_workers, prepare
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.synthetic import write_data_set

if TYPE_CHECKING:
    from skelact.api.demo_processes import Overall
    from skelact.api.demo_seed import Scores

PROTOCOL = "xsub"
DATA_SEED = 0
SETTINGS = "demo.json"
FULL = {"sequences": 800, "seeds": 2, "epochs": 80, "linear_epochs": 40}
QUICK = {"sequences": 248, "seeds": 2, "epochs": 60, "linear_epochs": 20}


@dataclass(frozen=True)
class DemoResult:
    """What pre-training gains, over the seeds; ``print(result)`` shows it as the command does."""

    out: Path
    """Folder with everything that was made."""
    scores: Mapping[str, Sequence[Scores]]
    """Accuracies of each encoder, one for each seed."""
    quick: bool
    """Whether this was a quick look only."""
    data: str
    """What the models learned from, in one line."""
    seconds: float
    """What this call took."""

    def __str__(self) -> str:
        lines = [self.data, _table(self.scores)]
        if self.quick:
            lines.append(
                "A quick look, with little data and training: it shows that all works, not how well."
            )
        lines.append(f"runs, weights, results and figures: {self.out}/run-seed*  ({self.seconds:.0f} s)")
        return "\n".join(lines)


@checked_arguments
def demo(
    out: PathLike = "demo",
    *,
    sequences: int | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    linear_epochs: int | None = None,
    quick: bool = False,
) -> DemoResult:
    """Do the main job, end to end, on the built-in data set.

    Writes synthetic recordings in the raw NTU RGB+D format, prepares them as real ones are prepared,
    pre-trains a small STJD-MP model for every seed, and compares it on cross-subject with the same encoder
    untrained. Stopped and started again, it goes on where it was.

    Args:
        out: folder for everything that is made
        sequences: recordings in the data set (default: 800; quick: 248)
        seeds: models to train, each from a start of its own (default: 2)
        epochs: epochs of pre-training (default: 80; quick: 60)
        linear_epochs: epochs of the linear evaluation (default: 40; quick: 20)
        quick: a look within a minute: fewer recordings, a tiny model, few epochs

    Returns:
        The accuracies with and without pre-training.

    Raises:
        ConfigurationError: no seed, or the folder holds a demo made with other options.
        DataError: the folder holds something else.
        RunStoppedError: the demo was stopped; the same call goes on.
    """
    given = {"sequences": sequences, "seeds": seeds, "epochs": epochs, "linear_epochs": linear_epochs}
    preset = QUICK if quick else FULL
    settings = {name: preset[name] if value is None else value for name, value in given.items()}
    for name, value in settings.items():
        if value < 1:
            raise ConfigurationError(f"demo: --{name.replace('_', '-')} is {value}, expected 1 or more")
    from skelact.api.demo_processes import Overall, run_side_by_side
    from skelact.api.demo_seed import ENCODERS, Job

    out, started = Path(out), time.perf_counter()
    _remember_settings(out, {**settings, "quick": quick})
    size = "tiny" if quick else "demo"
    jobs = [
        Job(out, seed, size, settings["epochs"], settings["linear_epochs"])
        for seed in range(settings["seeds"])
    ]
    with Overall(settings["sequences"], jobs, size) as overall:
        store = _make_store(out, settings["sequences"], overall)
        scores = run_side_by_side(jobs, min(len(jobs), default_workers()), overall)
    by_encoder = {name: [each[name] for each in scores] for name in ENCODERS}
    return DemoResult(out, by_encoder, quick, _describe(store), time.perf_counter() - started)


def _remember_settings(out: Path, settings: Mapping[str, int]) -> None:
    """Write down what this demo is made with, or check that an earlier one was made with the same."""
    if not (out / SETTINGS).exists():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise DataError(f"{out}: exists and holds no demo; choose another --out")
        write_json(out / SETTINGS, settings, "choose another --out")
    remedy = "remove it, or choose another --out"
    before = read_json(out / SETTINGS, remedy)
    if not isinstance(before, dict) or not {*settings} - {"quick"} <= before.keys():
        raise DataError(f"{out / SETTINGS}: does not tell what the demo is made with; {remedy}")
    before = {"quick": False, **before}
    if before != settings:
        made = [f"--{name.replace('_', '-')} {before[name]}" for name in before if name != "quick"]
        made += ["--quick"] if before["quick"] else []
        raise ConfigurationError(
            f"{out}: holds a demo made with {' '.join(made)}; use these or choose another --out"
        )


def _make_store(out: Path, sequences: int, overall: Overall) -> Store:
    """Write the raw data set and prepare it, unless that was done."""
    store, raw = out / "store", out / "raw"
    if not store.exists():
        if not (raw.is_dir() and len(list(raw.iterdir())) == sequences):
            unfinished = out / "raw.partial"
            for file in unfinished.iterdir() if unfinished.is_dir() else ():
                file.unlink()
            with writing(out):
                write_data_set(
                    unfinished,
                    sequences=sequences,
                    seed=DATA_SEED,
                    on_progress=lambda done: overall.data("writing recordings", done),
                )
                unfinished.rename(raw)
        prepare(
            "synthetic",
            raw,
            store,
            on_progress=lambda done: overall.data("preparing", sequences + done.done),
        )
    overall.data("prepared", 2 * sequences)
    return Store.open(store)


def _describe(store: Store) -> str:
    sides = split(store, PROTOCOL)
    actions = len(set(store.labels.tolist()))
    return (
        f"data: {len(store)} sequences of {actions} actions; "
        f"cross-subject: {len(sides.train)} training, {len(sides.test)} test"
    )


def _table(scores: Mapping[str, Sequence[Scores]]) -> str:
    """Return one table: what pre-training gains, over the seeds."""
    num = len(next(iter(scores.values())))
    seeds = "1 seed" if num == 1 else f"{num} seeds"
    title = f"Cross-subject test accuracy, % (last epoch, {seeds})"
    table = Table()
    table.add_column("encoder")
    for column in ("linear", "nearest neighbour"):
        table.add_column(column, justify="right")
    means = []
    for name, values in scores.items():
        linear = mean_interval([100 * each.linear for each in values]).mean
        nearest = mean_interval([100 * each.nearest for each in values]).mean
        means.append((linear, nearest))
        single = ", ".join(f"{100 * each.linear:.1f}" for each in values)
        table.add_row(name, f"{linear:.1f}  ({single})", f"{nearest:.1f}")
    (before, before_nearest), (after, after_nearest) = means
    table.add_section()
    table.add_row("gain", f"{after - before:+.1f}", f"{after_nearest - before_nearest:+.1f}")
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(table)
    return f"{title}\n{captured.get().rstrip()}"
