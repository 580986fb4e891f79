"""Runs the commands that are left, each in a process of its own, by one worker or several.

A worker takes the first command that is ready and that nobody has claimed. The result of a cell is copied
from its run folder to where the results of all cells are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from skelact.errors import SkelactError
from skelact.files import read_file, replacing, write_json
from skelact.locks import holder_of
from skelact.reproduction.cells import Cell
from skelact.reproduction.claims import claimed
from skelact.reproduction.commands import Workspace, command_line
from skelact.reproduction.pending import (
    PendingCommand,
    Results,
    not_collected,
    pending_commands,
    pretraining_state,
    what_is_left,
)
from skelact.results.files import FOLDER, has_scores
from skelact.training.loop import RunStoppedError

STOP_STATUSES = (RunStoppedError.exit_status, 130, 143, -signal.SIGTERM, -signal.SIGINT)
"""Exit statuses of a command that was asked to stop."""
LOOK_AGAIN_AFTER = 2.0
"""Seconds after which a worker without a ready command looks again what others have finished."""
_running: set[subprocess.Popen[bytes]] = set()


def run_all(cells: Sequence[Cell], workspace: Workspace, results: Results, jobs: int = 1) -> None:
    """Compute what is left of the cells, and collect each result as soon as it is there.

    Other workers, of this command or of others with the same ``workspace.out``, are left what they have
    claimed; what they finish counts.

    Args:
        cells: what is wanted.
        workspace: where.
        results: the results that are there already; the new ones are added.
        jobs: commands that run side by side; several get a thread of computation each, and their share of
            this machine's GPUs.

    Raises:
        RunStoppedError: it was asked to stop; the same command goes on.
        SkelactError: a command failed.
    """
    workers = _Workers(cells, workspace, results, one_thread=jobs > 1)
    with passed_on(workers.stop):
        if jobs == 1:
            workers.work(None)
            return
        shares = shares_of_gpus(workspace, jobs)
        with ThreadPoolExecutor(jobs) as pool:
            for done in as_completed([pool.submit(workers.work, gpus) for gpus in shares]):
                done.result()


def shares_of_gpus(workspace: Workspace, jobs: int) -> list[str | None]:
    """Return what CUDA_VISIBLE_DEVICES is to each of several jobs on this machine; None: what it is now.

    Jobs get GPUs of their own as far as there are some, and are dealt out evenly among them where not.

    Args:
        workspace: says how many devices a job takes, and of what kind.
        jobs: how many run side by side.
    """
    num = 0 if workspace.accelerator == "cpu" or jobs == 1 else torch.cuda.device_count()
    if num < workspace.devices or num < 2:
        return [None] * jobs
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(number) for number in range(num)] if given is None else given.split(",")[:num]
    each = workspace.devices
    return [",".join(names[(job * each + place) % num] for place in range(each)) for job in range(jobs)]


class _Workers:
    """What the workers of one process share."""

    def __init__(
        self, cells: Sequence[Cell], workspace: Workspace, results: Results, one_thread: bool
    ) -> None:
        self.cells, self.workspace, self.results, self.one_thread = cells, workspace, results, one_thread
        self.changed = threading.Condition()
        self.own: set[str] = set()
        """Titles of the commands that these workers are running."""
        self.failed = self.stopped = self.waits = False

    def stop(self) -> None:
        """Start nothing more."""
        self.stopped = True

    def work(self, gpus: str | None) -> None:
        """Do what is ready and free until nothing is left, on GPUs as :func:`shares_of_gpus` names them."""
        with self.changed:
            try:
                while not self.failed and self.do_next(gpus):
                    pass
            except BaseException:
                self.failed = True
                raise
            finally:
                self.changed.notify_all()

    def do_next(self, gpus: str | None) -> bool:
        """Do the first command that is ready and free, or wait for others; return whether any is left."""
        self.check_stopped()
        self.collect_finished()
        pending = pending_commands(self.cells, self.workspace, self.results)
        if not pending:
            return False
        ready = [each for each in pending if not each.waits_for and each.title not in self.own]
        left = "; ".join(what_is_left(pending, self.cells, self.workspace, self.results))
        if not any(self.start(each, left, gpus) for each in ready):
            if not self.waits and not self.own:
                self.waits = True
                print("the rest is being computed by others; waiting for them", file=sys.stderr)
            self.changed.wait(LOOK_AGAIN_AFTER)
            self.results.look_again()
        return True

    def check_stopped(self) -> None:
        """Raise RunStoppedError where nothing more is to be started."""
        if self.stopped:
            raise RunStoppedError("stopped; run the same command to go on")

    def claim(self, title: str) -> AbstractContextManager[bool]:
        """Claim a command by its title."""
        return claimed(self.workspace.out / "claims" / f"{title.replace('/', '-').replace(' ', '-')}.json")

    def collect_finished(self) -> None:
        """Copy results that commands left in run folders, unless whose command it is does so."""
        for cell in self.cells:
            if self.results.find(cell) is None and not_collected(cell, self.workspace, self.results):
                with self.claim(cell.name) as is_mine:
                    if is_mine:
                        collect_result(cell, self.workspace, self.results)

    def start(self, command: PendingCommand, left: str, gpus: str | None) -> bool:
        """Run a command, unless somebody else has claimed it; return whether it was run.

        Args:
            command: what to run.
            left: what is told beside it of the commands that are left, this one among them.
            gpus: those that it may use; None: all.
        """
        with self.claim(command.title) as is_mine:
            if not is_mine:
                return False
            self.check_stopped()
            now = self.still_pending(command)
            if now is None:
                return False
            command = now
            self.own.add(command.title)
            arguments = command.arguments(self.workspace, self.results)
            told = f"\n{command.title}\n{command_line(arguments)}\n{left}"
            print(told, file=sys.stderr, flush=True)
            self.changed.release()
            try:
                status = run_command(arguments, self.one_thread, gpus, lambda: self.stopped)
            finally:
                self.changed.acquire()
                self.own.remove(command.title)
            if status in STOP_STATUSES:
                raise RunStoppedError(f"stopped at {command.title}; run the same command to go on")
            if status != 0:
                raise SkelactError(
                    f"{command.title}: its command ended with status {status}, its message stands above; "
                    "run the same command again when it is mended"
                )
            if isinstance(command.what, Cell):
                collect_result(command.what, self.workspace, self.results)
            elif pretraining_state(command.what, self.workspace, self.results.known) != "done":
                raise SkelactError(
                    f"{self.workspace.run(command.what)}: no finished run, though its command ended well; "
                    "remove the folder and run the same command again"
                )
            self.changed.notify_all()
            return True

    def still_pending(self, command: PendingCommand) -> PendingCommand | None:
        """Look again at a command that is claimed now; None where it is done, or still runs.

        Others may have finished it since the last look, and the command of a worker that was killed lives on.
        """
        self.results.look_again()
        listed = pending_commands(self.cells, self.workspace, self.results)
        now = next((each for each in listed if each.title == command.title), None)
        folder = None if now is None else now.trained_in(self.workspace)
        return None if folder is not None and holder_of(folder) is not None else now


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
    if has_scores(content):
        scores = to.with_suffix(".npz")
        remedy = "remove the result that names them, and run the same command again"
        data = read_file(found.with_name(content["scores"]["file"]), "scores", remedy)
        with replacing(scores) as partial:
            partial.write_bytes(data)
        copied["scores"] = {**content["scores"], "file": scores.name}
    write_json(to, copied)
    return to


def collect_result(cell: Cell, workspace: Workspace, results: Results) -> None:
    """Copy the cell's result from its run folder to the others.

    Raises:
        SkelactError: its command wrote no result that is the cell's.
    """
    found = not_collected(cell, workspace, results)
    if found is None:
        folder = workspace.out / cell.run / FOLDER
        others = sorted(path.name for path in folder.glob("*.json"))
        raise SkelactError(
            f"{folder}: no result of {cell.name} ({', '.join(others) or 'none at all'}); "
            "if the run there is another's, move it away"
        )
    path = collect(*found, workspace.out / cell.file)
    results.add(path)


def run_command(
    arguments: Sequence[str],
    one_thread: bool = False,
    gpus: str | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Run ``skelact`` with ``arguments`` and return its exit status.

    Args:
        arguments: what comes after ``skelact``.
        one_thread: compute with a single thread, as commands side by side are fastest.
        gpus: those that it may use, as CUDA_VISIBLE_DEVICES names them; None: all.
        is_stopped: whether the command is asked to stop as soon as it runs.
    """
    # with SLURM_NTASKS, Lightning takes srun to have started a process for each device
    environment = {key: value for key, value in os.environ.items() if key != "SLURM_NTASKS"}
    if one_thread:
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpus
    command = [sys.executable, "-m", "skelact.cli.main", *arguments]
    with subprocess.Popen(command, env=environment) as process:
        _running.add(process)
        if is_stopped():  # since then, or before it could be found among those that run
            process.send_signal(signal.SIGTERM)
        try:
            # a thread waits, so that a signal's handler, which runs in this one, can see that it has ended
            waiter = threading.Thread(target=process.wait, daemon=True)
            waiter.start()
            waiter.join()
            return process.wait()
        finally:
            _running.discard(process)


def stop_commands(*, wait: bool = False) -> None:
    """Ask the commands that run to stop: each writes its checkpoint and ends; ``wait`` until they have."""
    processes = tuple(_running)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    while wait and any(process.returncode is None for process in processes):
        time.sleep(0.1)


@contextmanager
def passed_on(stop_workers: Callable[[], None]) -> Iterator[None]:
    """Pass SIGTERM and SIGINT on to the commands that run, wait for them to end, and start no more."""

    def stop(number: int, frame: FrameType | None) -> None:
        stop_workers()
        stop_commands()

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: signals are somebody else's
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
