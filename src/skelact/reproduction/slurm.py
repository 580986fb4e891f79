"""Job scripts for SLURM: one for each pre-training with all that is evaluated of it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from skelact.files import write_file
from skelact.reproduction.cells import Cell, Pretraining
from skelact.reproduction.commands import Place


def write_jobs(suite: str, cells: Sequence[Cell], place: Place, sbatch: Sequence[str]) -> list[Path]:
    """Write the scripts, and ``submit.sh`` that submits them in order; return their paths, that one last.

    A job runs 'skelact reproduce' for its cells, so it skips what is done, and goes on where it was stopped
    when it is submitted again.

    Args:
        suite: name of the suite, or its file.
        cells: what is left to compute.
        place: where.
        sbatch: further options of sbatch, e.g. ``--partition=gpu``.

    Raises:
        DataError: the folder of the scripts cannot be written.
    """
    folder = place.out / "jobs"
    jobs = group(cells)
    paths = {name: folder / f"{name.replace('/', '-')}.sh" for name in jobs}
    submit = [
        "#!/bin/bash",
        "# Submits every job; one that goes on from another's weights waits for it.",
        "set -e",
    ]
    for number, (name, members) in enumerate(jobs.items()):
        write_file(paths[name], script(suite, name, members, place, sbatch), "choose another --out")
        before = [each.name for each in members[0].line if each.name != name]
        needed = [list(jobs).index(other) for other in before if other in jobs]
        if not members[0].members:
            needed = needed[-1:]  # which waits for those before it
        after = ":".join(f"$job{each}" for each in needed)
        wait = f" --dependency=afterok:{after} --kill-on-invalid-dep=yes" if needed else ""
        submit.append(f"job{number}=$(sbatch --parsable{wait} {shlex.quote(str(paths[name].resolve()))})")
    submit_path = folder / "submit.sh"
    write_file(submit_path, "\n".join([*submit, ""]), "choose another --out")
    return [*paths.values(), submit_path]


def group(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Return the cells of each job, jobs whose weights others need before these.

    Cells of one pre-training are a job. Where what it starts from has no cells of its own, all that start
    from it are one job, so that no two jobs train the same. Sums of scores are jobs of their own, the last;
    those that may have to train the same, for their members have no jobs, are one.
    """
    own = {cell.pretraining.name for cell in cells if not cell.members}
    jobs: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: len(cell.line)):
        if not cell.members:
            jobs.setdefault(_job_of(cell.pretraining, own), []).append(cell)
    trains: dict[str, set[str]] = {}
    for cell in cells:
        if cell.members:
            name, needs = str(cell.run.relative_to("runs")), {run.name for run in cell.line} - {*jobs, *own}
            for other in [other for other, theirs in trains.items() if theirs & needs]:
                needs |= trains.pop(other)
                jobs[name] = [*jobs.get(name, []), *jobs.pop(other)]
            trains[name] = needs
            jobs[name] = [*jobs.get(name, []), cell]
    return jobs


def script(suite: str, name: str, cells: Sequence[Cell], place: Place, sbatch: Sequence[str]) -> str:
    """Return one job's script."""
    found_anywhere = str(Path(suite).resolve()) if suite.endswith(".yaml") else suite
    words = [
        *(sys.executable, "-m", "skelact.cli.main", "reproduce", found_anywhere),
        *("--stores", str(place.stores.resolve()), "--out", str(place.out.resolve())),
        *("--seeds", str(sorted({cell.seed for cell in cells})).replace(" ", "")),
        *place.hardware(""),
        *(word for cell in cells for word in ("--only", cell.name)),
    ]
    log = shlex.quote(str((place.out / "jobs").resolve() / "%x-%j.log"))
    options = [
        f"--job-name={name.replace('/', '-')}",
        f"--output={log}",
        "--ntasks=1",
        *([f"--gpus-per-node={place.devices}"] if place.accelerator != "cpu" else []),
        "--signal=B:TERM@300",  # five minutes before the end: time to write a checkpoint
        *sbatch,
    ]
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in options),
        "unset SLURM_NTASKS  # the command starts a process for each device itself",
        f"exec {shlex.join(words)}",
        "",
    ]
    return "\n".join(lines)


def _job_of(pretraining: Pretraining, own: set[str]) -> str:
    start = pretraining.start
    return pretraining.name if start is None or start.name in own else _job_of(start, own)
