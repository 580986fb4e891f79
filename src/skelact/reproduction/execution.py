"""Runs the commands that are left, one after the other, each in a process of its own.

The result of a cell is copied from its run folder to where the results of all cells are.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from skelact.errors import DataError, SkelactError
from skelact.files import write_json
from skelact.reproduction.cells import Cell
from skelact.reproduction.commands import Place, command_line
from skelact.reproduction.estimate import Recorded, estimate
from skelact.reproduction.matching import Results, difference
from skelact.reproduction.remaining import Task, not_collected
from skelact.results.files import FOLDER, has_scores
from skelact.training.loop import RunStoppedError


def collect(found: Path, content: Mapping[str, Any], to: Path) -> Path:
    """Copy a result file, and the scores beside it, and return the copy's path.

    Args:
        found: the result file.
        content: what it holds.
        to: its new path.

    Raises:
        DataError: the scores that it names are not there, or the copy cannot be written.
    """
    copied = dict(content)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if has_scores(content):
            scores = to.with_suffix(".npz")
            shutil.copyfile(found.with_name(content["scores"]["file"]), scores)
            copied["scores"] = {**content["scores"], "file": scores.name}
        write_json(to, copied)
    except OSError as error:
        raise DataError(
            f"{found} cannot be copied to {to} ({error.strerror or error}: {error.filename}); "
            "if its scores are missing, remove it and run the same command again"
        ) from error
    return to


STOPPED = (RunStoppedError.exit_status, 130, -signal.SIGTERM, -signal.SIGINT)
"""Exit statuses of a command that was asked to stop."""


def run_all(tasks: Sequence[Task], place: Place, results: Results, recorded: Recorded) -> None:
    """Run the tasks, and collect the result of each cell as soon as it is there.

    Args:
        tasks: what is left, in order.
        place: where.
        results: the results that are there already.
        recorded: what done tasks took; the new ones are added.

    Raises:
        RunStoppedError: it was asked to stop; the same command goes on.
        SkelactError: a command failed.
    """
    for number, task in enumerate(tasks):
        words = task.words(place, results)
        left = estimate(tasks[number:], recorded)
        remaining = f"  [{left.brief()}]" if left.num_recorded else ""
        print(f"\n({number + 1} of {len(tasks)}) {task.title}{remaining}", file=sys.stderr)
        print(command_line(words), file=sys.stderr, flush=True)
        started = time.perf_counter()
        status = run_command(words)
        if status in STOPPED:
            raise RunStoppedError(f"stopped at {task.title}; run the same command to go on")
        if status != 0:
            raise SkelactError(
                f"{task.title}: its command ended with status {status}, its message stands above; "
                "run the same command again when it is mended"
            )
        seconds = time.perf_counter() - started
        if task.state == "absent":
            recorded.add(task.what, seconds)
        if isinstance(task.what, Cell):
            collect_result(task.what, place, results)


def collect_result(cell: Cell, place: Place, results: Results) -> None:
    """Copy the cell's result from its run folder to the others.

    Raises:
        SkelactError: its command wrote no result that is the cell's; the message says what differs.
    """
    found = not_collected(cell, place, results)
    if found is None:
        folder = place.out / cell.run / FOLDER
        others = Results([folder], results.hashes).files if folder.is_dir() else []
        problems = [f"{path.name}: {difference(content, cell, results.hashes)}" for path, content in others]
        raise SkelactError(f"{folder}: no result of {cell.name} ({'; '.join(problems) or 'none at all'})")
    path = collect(*found, place.out / cell.file)
    results.add(path)


def run_command(words: Sequence[str]) -> int:
    """Run ``skelact`` with ``words`` and return its exit status; a signal to stop goes on to it."""
    command = [sys.executable, "-m", "skelact.cli.main", *words]
    with subprocess.Popen(command) as process, _passed_on(process):
        return process.wait()


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass SIGTERM and SIGINT on, so that the command can write its checkpoint; wait for it meanwhile."""

    def stop(number: int, frame: FrameType | None) -> None:
        process.send_signal(signal.SIGTERM)

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: signals are somebody else's
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
