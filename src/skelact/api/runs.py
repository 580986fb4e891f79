"""What became of the runs in a folder: which run, stopped, are finished or damaged, how far, how good."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from skelact.configuration import PathLike, checked_arguments
from skelact.errors import DataError, SkelactError, SkelactWarning, padded, printable, width_of
from skelact.locks import holder_of
from skelact.models.card import CARD, read_card
from skelact.models.pretrained import WEIGHTS
from skelact.results.files import result_files, result_marks
from skelact.results.tables import ResultEntry, read_entries
from skelact.training.log import METRICS, read_metrics
from skelact.training.run_folder import CONFIG
from skelact.yaml_files import read_yaml

State = Literal["running", "stopped", "finished", "damaged"]


@dataclass(frozen=True)
class RunResult:
    """What an evaluation found."""

    data_set: str
    protocol: str
    evaluation: str
    trained: bool
    """False for the run's network before it learned."""
    mean: float
    """Top-1 accuracy, of a detection mAP_a, in percent."""
    seeds: int
    """Result files that differ in their seeds alone."""
    marks: tuple[str, ...] = ()
    """What tells it from others of its name, as in its file's name: labels, what was left out, pooling,
    balance, content of the data."""

    def __str__(self) -> str:
        return " ".join([self.evaluation, self.data_set, self.protocol, *self.marks, f"{self.mean:.1f}"])


@dataclass(frozen=True)
class RunState:
    """A run folder as it stands now."""

    run: str
    """The folder, from the one that was searched."""
    state: State
    method: str
    epochs_done: int
    epochs: int
    clips_per_second: float | None
    """Of the last epoch."""
    seconds_left: float | None
    """At the speed of the last epoch; of runs that are running or stopped."""
    results: tuple[RunResult, ...]
    remark: str = ""
    """Who runs it, or what is damaged."""


@dataclass(frozen=True)
class Runs:
    """The runs of a folder; its text is a table, or one JSON object a line."""

    folder: Path
    runs: tuple[RunState, ...]
    as_json: bool = False

    @property
    def exit_status(self) -> int:
        """2 where a run is damaged, else 0."""
        return 2 if any(run.state == "damaged" for run in self.runs) else 0

    def __str__(self) -> str:
        if self.as_json:
            return "\n".join(json.dumps(asdict(run)) for run in self.runs)
        if not self.runs:
            return f"{self.folder}: no runs (folders with {CONFIG})"
        head = ("run", "state", "method", "epochs", "clips/s", "left", "")
        rows = [head, *(_row(run) for run in self.runs)]
        widths = [max(width_of(row[column]) for row in rows) for column in range(len(head) - 1)]
        right = (3, 4, 5)
        lines = []
        for row in rows:
            cells = [
                cell.rjust(width) if column in right else padded(cell, width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=False))
            ]
            lines.append("  ".join([*cells, row[-1]]).rstrip())
        return "\n".join(lines)


@checked_arguments
def runs(folder: PathLike = "runs", *, json: bool = False) -> Runs:
    """List the runs in a folder: running, stopped, finished or damaged, how far, how fast, how good.

    A stopped run goes on with its command and --resume. Whether the bytes of weights are right is not looked
    at here; commands that open them do. The exit status is 2 where a run is damaged.

    Args:
        folder: searched with all below it
        json: print one JSON object a line

    Raises:
        DataError: there is no such folder, or it cannot be read.

    Example:
        >>> for run in skelact.runs("runs").runs:
        ...     print(run.run, run.state)
        ntu60-seed1 stopped
    """
    top = Path(folder)
    if not top.is_dir():
        what = "is a file" if top.exists() else "no such folder"
        raise DataError(f"{top}: {what}; give a folder with run folders in it")
    found = []
    for place, below, files in os.walk(top, onerror=partial(_cannot_be_listed, top)):
        if CONFIG in files:
            below.clear()
            found.append(Path(place))
        below.sort()
    listed = (look(place, "." if place == top else str(place.relative_to(top))) for place in sorted(found))
    return Runs(top, tuple(listed), json)


def _cannot_be_listed(top: Path, error: OSError) -> None:
    """Refuse a folder that cannot be listed; of one below it warn, for the others are shown."""
    if Path(error.filename) == top:
        raise DataError(f"{top}: cannot be read ({error.strerror}); check that you may read it") from error
    warnings.warn(
        f"{error.filename}: cannot be read ({error.strerror}), so its runs are not listed; check that you "
        "may read it",
        SkelactWarning,
        stacklevel=2,
    )


def look(place: Path, name: str, *, with_results: bool = True) -> RunState:
    """Return what became of the run in a folder.

    Args:
        place: the folder.
        name: what it is called.
        with_results: whether its result files are read.
    """
    method, epochs, done, problem = "", 0, [], ""
    results: tuple[RunResult, ...] = ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lines of a metrics file that are left out are damage, said below
        try:
            config = read_yaml(place / CONFIG)
            method, epochs = _plan(place / CONFIG, config)
            done = read_metrics(place / METRICS)
            if (place / CARD).exists():
                read_card(place / CARD)
                if not (place / WEIGHTS).is_file():
                    problem = f"{WEIGHTS} is missing"
                elif (place / METRICS).exists() and not (done and done[-1]["epoch"] + 1 >= epochs):
                    problem = f"{METRICS} does not tell of the last epoch"
            results = _results(place) if with_results else ()
        except SkelactError as error:
            problem = str(error).replace(f"{place}{os.sep}", "")
    holder = holder_of(place)
    state: State = "stopped"
    if problem:
        state = "damaged"
    elif holder:
        state = "running"
    elif (place / CARD).exists():
        state = "finished"
    last = done[-1] if done else {}
    epochs_done = min(epochs, int(last["epoch"]) + 1) if last else 0
    is_open = state in ("running", "stopped")
    return RunState(
        run=printable(name),
        state=state,
        method=printable(method),
        epochs_done=epochs_done,
        epochs=epochs,
        clips_per_second=last.get("clips_per_second"),
        seconds_left=(epochs - epochs_done) * last["seconds"] if is_open and "seconds" in last else None,
        results=results,
        remark=printable(problem or (holder or "")),
    )


def _plan(path: Path, config: Any) -> tuple[str, int]:
    """Return a run's method and its number of epochs."""
    training = config.get("training") if isinstance(config, Mapping) else None
    epochs = training.get("epochs") if isinstance(training, Mapping) else None
    if not isinstance(epochs, int) or isinstance(epochs, bool):
        raise DataError(f"{path}: training.epochs is missing")
    size = config.get("size")
    return str(config.get("method", "?")) + (f" ({size})" if isinstance(size, str) else ""), epochs


def _results(run: Path) -> tuple[RunResult, ...]:
    """Return what the result files say, seeds of one evaluation together; of variants the first."""
    found: dict[str, list[ResultEntry]] = {}
    for file in result_files(run):
        entry = read_entries([file])[0]
        found.setdefault(entry.identity, []).append(entry)
    return tuple(_mean(entries) for entries in found.values())


def _mean(entries: Sequence[ResultEntry]) -> RunResult:
    data_set, protocol, evaluation = map(printable, entries[0].table)
    trained = bool(entries[0].content.get("trained", True))
    mean = sum(entry.main for entry in entries) / len(entries)
    marks = tuple(map(printable, result_marks(entries[0].content, entries[0].path)))
    return RunResult(data_set, protocol, evaluation, trained, mean, len(entries), marks)


def _row(run: RunState) -> tuple[str, ...]:
    told = "" if run.state == "finished" else run.remark
    results = "; ".join(str(result) for result in run.results if result.trained)
    return (
        run.run,
        run.state,
        run.method,
        f"{run.epochs_done}/{run.epochs}",
        "" if run.clips_per_second is None else f"{run.clips_per_second:,.0f}",
        "" if run.seconds_left is None else _duration(run.seconds_left),
        "; ".join(part for part in (told, results) if part),
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes >= 60 else f"{minutes} min"
