"""Jobs of submitit, here or under SLURM: one for each pre-training with all that is evaluated of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from skelact.errors import ConfigurationError, SkelactError, install
from skelact.reproduction.cells import Cell, Pretraining
from skelact.reproduction.commands import Workspace
from skelact.reproduction.execution import run_all, shares_of_gpus, stop_commands
from skelact.reproduction.pending import Results, check_stores

Cluster = Literal["local", "slurm"]
MINUTES = 24 * 60
"""What a job may take where ``--sbatch time=...`` says nothing."""
_OURS = {"signal", "ntasks", "ntasks-per-node", "nodes", "array", "output", "error", "open-mode", "job-name"}
"""Settings of sbatch that jobs are stopped, queued again and told by."""
SECONDS_TO_STOP = 300
"""From the signal to stop to the end of a job's time: enough to write a checkpoint."""


@dataclass
class Job:
    """What a job does: it computes its cells, skips what is done, and goes on where it was stopped."""

    cells: Sequence[Cell]
    workspace: Workspace
    gpus: str | None = None
    """GPUs of this machine that it may use, as CUDA_VISIBLE_DEVICES names them; None: those it is given."""

    def __call__(self) -> None:
        """Compute the cells."""
        if self.gpus is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpus
        hashes = check_stores(self.cells, self.workspace)
        run_all(self.cells, self.workspace, Results([self.workspace.results], hashes))

    def checkpoint(self) -> Any:
        """Stop at a checkpoint and ask for another turn: the time is over, or somebody else's turn comes."""
        from submitit.helpers import DelayedSubmission

        stop_commands(wait=True)
        return DelayedSubmission(self)


def submit(
    cluster: Cluster, cells: Sequence[Cell], workspace: Workspace, sbatch: Sequence[str], jobs: int | None
) -> list[str]:
    """Submit the jobs, and on this machine wait for them; return their numbers.

    Args:
        cluster: ``slurm``, or ``local`` for this machine.
        cells: what is left to compute.
        workspace: where; its folder ``jobs`` gets the logs.
        sbatch: further settings of sbatch, e.g. ``partition=gpu``.
        jobs: at most so many at a time; None: all under SLURM, one on this machine.

    Raises:
        ConfigurationError: submitit or SLURM is not there, or a setting without a value.
        SkelactError: a job failed.
    """
    try:
        import submitit
    except ImportError as error:
        raise ConfigurationError(f"--launcher {cluster} needs submitit; {install('cluster')}") from error
    own = dict(_setting(text) for text in sbatch)
    workspace = Workspace(
        workspace.stores.resolve(), workspace.out.resolve(), workspace.devices, workspace.accelerator
    )
    devices = {} if workspace.accelerator == "cpu" else {"gpus_per_node": workspace.devices}
    try:
        executor = submitit.AutoExecutor(workspace.out / "jobs", cluster=cluster, slurm_max_num_timeout=20)
    except RuntimeError as error:
        raise ConfigurationError(f"--launcher {cluster}: {error}") from error
    executor.update_parameters(timeout_min=MINUTES if cluster == "slurm" else 365 * MINUTES, **devices)
    submitted: dict[str, Any] = {}
    places: dict[str, int] = {}
    shares = shares_of_gpus(workspace, jobs or 1) if cluster == "local" else []
    for name, members in group(cells).items():
        if cluster == "slurm":
            depends = _dependencies(members, submitted, jobs)
            if "dependency" in own and "dependency" in depends:
                depends = {**depends, "dependency": f"{depends['dependency']},{own['dependency']}"}
            executor.update_parameters(
                slurm_job_name=name.replace("/", "-"),
                slurm_ntasks_per_node=1,
                slurm_signal_delay_s=SECONDS_TO_STOP,
                slurm_additional_parameters={**own, **depends},
            )
        else:
            _wait(submitted, fewer_than=len(shares))
            taken = {places[other] for other, job in submitted.items() if not job.done()}
            places[name] = next(place for place in range(len(shares)) if place not in taken)
        gpus = shares[places[name]] if cluster == "local" else None
        if cluster == "local" and gpus is None:  # submitit would name the first of the machine
            gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
        submitted[name] = executor.submit(Job(members, workspace, gpus))
    if cluster == "local":
        _wait(submitted, fewer_than=1)
        for name, job in submitted.items():
            if job.exception() is not None:
                raise SkelactError(f"job {name} failed; its log is {job.paths.stderr}")
    return [str(job.job_id) for job in submitted.values()]


def group(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Return the cells of each job, jobs whose weights others need before these.

    Cells of one pre-training are a job. Where what it starts from has no cells of its own, all that start
    from it are one job, so that no job waits for another's training. Sums of scores are jobs of their own,
    the last; those that may have to train the same, for their members have no jobs, are one.
    """
    own = {cell.pretraining.name for cell in cells if not cell.members}
    jobs: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: len(cell.prerequisites)):
        if not cell.members:
            jobs.setdefault(_job_of(cell.pretraining, own), []).append(cell)
    trains: dict[str, set[str]] = {}
    for cell in cells:
        if cell.members:
            name = str(cell.run.relative_to("runs"))
            needs = {run.name for run in cell.prerequisites} - {*jobs, *own}
            for other in [other for other, theirs in trains.items() if theirs & needs]:
                needs |= trains.pop(other)
                jobs[name] = [*jobs.get(name, []), *jobs.pop(other)]
            trains[name] = needs
            jobs[name] = [*jobs.get(name, []), cell]
    return jobs


def _job_of(pretraining: Pretraining, own: set[str]) -> str:
    start = pretraining.start
    return pretraining.name if start is None or start.name in own else _job_of(start, own)


def _dependencies(members: Sequence[Cell], submitted: dict[str, Any], jobs: int | None) -> dict[str, str]:
    """Return what a job waits for: those whose weights it needs, and with a limit the one that makes room."""
    numbers = {name: job.job_id for name, job in submitted.items()}
    needed = [numbers[run.name] for cell in members for run in cell.prerequisites if run.name in numbers]
    parts = [f"afterok:{':'.join(dict.fromkeys(needed))}"] if needed else []
    if jobs is not None and len(numbers) >= jobs:
        parts.append(f"afterany:{list(numbers.values())[-jobs]}")
    return {"dependency": ",".join(parts), "kill-on-invalid-dep": "yes"} if parts else {}


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or key.startswith("-"):
        raise ConfigurationError(
            f"--sbatch {text}: expected a setting of sbatch, e.g. --sbatch partition=gpu"
        )
    if (name := key.replace("_", "-")) in _OURS:
        raise ConfigurationError(f"--sbatch {text}: {name} is set by the jobs themselves; leave it out")
    return key, value


def _wait(submitted: dict[str, Any], fewer_than: int) -> None:
    """Wait until fewer jobs than that are running."""
    while sum(not job.done() for job in submitted.values()) >= fewer_than:
        time.sleep(0.2)
