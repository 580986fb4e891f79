"""The demo's seeds side by side: a process and a thread each, under one display of the progress."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from skelact.api.demo_seed import Job, Scores, train_and_evaluate
from skelact.errors import SkelactError
from skelact.processor import THREADS
from skelact.training.loop import RunStoppedError, stop_signals

_EPOCHS_A_FILE = {"demo": 1 / 60, "tiny": 1 / 12}
"""What a file takes to write, or to prepare, in epochs: so that the display knows how much is left."""


class Overall:
    """The progress of the whole demo: a live line on a terminal, elsewhere about ten plain lines.

    Args:
        sequences: recordings that are written and then prepared.
        jobs: what follows.
        size: of the models, which decides how the two compare.
    """

    def __init__(self, sequences: int, jobs: Sequence[Job], size: str) -> None:
        self._a_file = _EPOCHS_A_FILE[size]
        self._data, self._all_data = 0.0, 2 * sequences * self._a_file
        self._epochs = {job.seed: 0 for job in jobs}
        self._doing = {job.seed: "" for job in jobs}
        self._total = self._all_data + sum(job.all_epochs for job in jobs)
        self._begun: tuple[float, float] | None = None
        self._tenth = 0
        console = Console(stderr=True)
        self._is_live = console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not self._is_live,
            transient=True,
        )
        self._task = self._progress.add_task("demo", total=self._total)

    def __enter__(self) -> Overall:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def data(self, doing: str, files: int) -> None:
        """Say that so many files are written or prepared, of twice as many as there are recordings."""
        self._data = files * self._a_file
        self._show(doing)

    def seed(self, seed: int, doing: str, epochs: int) -> None:
        """Say that so many epochs of a seed are done."""
        self._doing[seed], self._epochs[seed] = doing, epochs
        self._show("; ".join(f"seed {number} {text}" for number, text in self._doing.items() if text))

    def _show(self, doing: str) -> None:
        done, now = self._data + sum(self._epochs.values()), time.perf_counter()
        self._progress.update(self._task, completed=done, description=doing)
        self._begun = self._begun or (done, now)
        tenth = int(10 * done / self._total)
        if not self._is_live and self._tenth < tenth < 10:
            before, begun = self._begun
            left = (
                f", about {(now - begun) * (self._total - done) / (done - before):.0f} s left"
                if done > before
                else ""
            )
            print(f"{doing}: {10 * tenth} % of the demo{left}", file=sys.stderr, flush=True)
        self._tenth = tenth


def run_side_by_side(jobs: Sequence[Job], at_once: int, overall: Overall) -> list[dict[str, Scores]]:
    """Do the jobs, so many at once; return the scores of each, by encoder.

    SIGINT and SIGTERM stop them all: each finishes its step and writes a checkpoint, and the same call goes
    on from there.

    Raises:
        RunStoppedError: they were stopped.
        SkelactError: one of them failed; the others were stopped.
    """
    context = multiprocessing.get_context("spawn")  # a copy of a process that has threads may hang
    waiting, scores = list(jobs), {}
    running: dict[Connection, tuple[Job, SpawnProcess]] = {}
    with stop_signals() as received:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    job = waiting.pop(0)
                    ours, theirs = context.Pipe(duplex=False)
                    process = context.Process(target=_work, args=(job, theirs), name=f"seed {job.seed}")
                    _start(process)
                    theirs.close()
                    running[ours] = job, process
                for connection in wait(list(running), timeout=0.2):
                    assert isinstance(connection, Connection)
                    job, process = running[connection]
                    try:
                        message = connection.recv()
                    except EOFError:
                        del running[connection]
                        process.join()
                        if job.seed not in scores and not received:
                            raise _ended_error(job, process) from None
                        continue
                    if isinstance(message, SkelactError):
                        raise message
                    if isinstance(message, dict):
                        scores[job.seed] = message
                    else:
                        overall.seed(job.seed, *message)
                if received:
                    raise _stopped_error(received[0])
        finally:
            for _, process in running.values():
                process.terminate()
            for _, process in running.values():
                process.join()  # with the connection open, or telling of an epoch fails before it is saved
    return [scores[job.seed] for job in jobs]


def _start(process: SpawnProcess) -> None:
    """Start a process that Ctrl-C does not reach: this one passes the wish on."""
    before = signal.getsignal(signal.SIGINT)
    is_main = before is not None and _set_interrupt(signal.SIG_IGN)
    try:
        process.start()
    finally:
        if is_main:
            _set_interrupt(before)


def _set_interrupt(handler: Any) -> bool:
    try:
        signal.signal(signal.SIGINT, handler)
    except ValueError:  # not the main thread: signals are somebody else's
        return False
    return True


def _stopped_error(number: int) -> RunStoppedError:
    error = RunStoppedError("the demo was stopped; run the same command to go on")
    error.exit_status = 128 + number  # 130 for Ctrl-C, as of any command
    return error


def _ended_error(job: Job, process: SpawnProcess) -> SkelactError:
    return SkelactError(
        f"{job.run}: its process ended with status {process.exitcode}, perhaps for want of memory; "
        "run the same command to go on"
    )


def _work(job: Job, parent: Connection) -> None:
    """Do a job in a process of its own, and tell the parent how it goes."""
    if not any(name in os.environ for name in THREADS):
        torch.set_num_threads(1)
    try:
        parent.send(train_and_evaluate(job, lambda doing, epochs: parent.send((doing, epochs))))
    except RunStoppedError:
        pass  # as the parent wished
    except BrokenPipeError:
        pass  # the parent is gone
    except SkelactError as error:
        parent.send(SkelactError(f"seed {job.seed}: {error}"))
