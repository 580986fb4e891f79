"""The commands of a cell, as a user would type them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skelact.configuration import flatten, option_text
from skelact.errors import ConfigurationError
from skelact.reproduction.cells import Cell, Pretraining
from skelact.reproduction.evaluations import Settings
from skelact.reproduction.recipes import DatasetSpec

Accelerator = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True)
class Workspace:
    """Where everything is, and what it runs on."""

    stores: Path
    """Folder of the stores; each is called like its data set."""
    out: Path
    """Folder that gets ``runs/``, ``results/`` and ``jobs/``."""
    devices: int = 1
    """Devices that share a run."""
    accelerator: Accelerator = "auto"
    """Of what kind."""

    def store(self, data: DatasetSpec) -> Path:
        """Return the folder of a data set's store."""
        return self.stores / data.data_set

    def run(self, pretraining: Pretraining) -> Path:
        """Return the run folder of a pre-training."""
        return self.out / "runs" / pretraining.name

    @property
    def results(self) -> Path:
        """The folder of the results of all cells."""
        return self.out / "results"

    def hardware(self, prefix: str) -> list[str]:
        """Return the options that say what a command runs on; none where they are the defaults."""
        devices = [f"--{prefix}devices", str(self.devices)] if self.devices != 1 else []
        return devices + ([f"--{prefix}accelerator", self.accelerator] if self.accelerator != "auto" else [])


def pretrain_arguments(pretraining: Pretraining, place: Workspace, *, resume: bool = False) -> list[str]:
    """Return the words of the command that pre-trains, after ``skelact``."""
    row = pretraining.row
    assert row.method is not None  # only rows with a method are pre-trained
    init = ["--init", str(place.run(pretraining.start))] if pretraining.start else []
    return [
        *("pretrain", "--data", str(place.store(pretraining.data)), "--protocol", pretraining.data.protocol),
        *("--method", row.method, "--size", pretraining.size, *init, *_options(pretraining.settings)),
        *("--seed", str(pretraining.seed), "--out", str(place.run(pretraining))),
        *place.hardware("training."),
        *(["--resume"] if resume else []),
    ]


def evaluate_arguments(
    cell: Cell, place: Workspace, *, resume: bool = False, found: Mapping[str, Path] | None = None
) -> list[str]:
    """Return the words of the command that evaluates, after ``skelact``.

    Args:
        cell: what is evaluated.
        place: where.
        resume: go on with a training that was stopped.
        found: of a sum, result files of its members by the members' names; the others' are in run folders.
    """
    evaluation = cell.evaluation
    if cell.members:
        known = found or {}
        runs = [str(known.get(member.name, place.out / member.run)) for member in cell.members]
        out = ["--evaluation", evaluation.command, "--out", str(place.out / cell.run)]
        return ["evaluate", "ensemble", "--runs", *runs, *out]
    has_training = "training" in cell.expected
    return [
        *("evaluate", evaluation.command, "--run", str(place.run(cell.pretraining))),
        *("--data", str(place.store(cell.on)), "--protocol", cell.on.protocol),
        *([] if evaluation.share is None else ["--share", str(evaluation.share)]),
        *_options(cell.settings),
        *("--seed", str(cell.seed)),
        *([] if cell.trained else ["--untrained"]),
        *(["--out", str(place.out / cell.run)] if evaluation.trains_encoder else []),
        *place.hardware("training." if has_training else ""),
        *(["--resume"] if resume else []),
    ]


def check_devices(cells: Sequence[Cell], devices: int) -> None:
    """Refuse devices among which a batch of a training does not divide, before anything runs.

    Raises:
        ConfigurationError: the first such training is named.
    """
    batches: dict[str, int] = {}
    for cell in cells:
        for run in cell.prerequisites:
            batches.setdefault(f"pretrain {run.name}", run.config("", None).training.batch_size)
        if not cell.members and "training" in cell.expected:
            batches[cell.name] = int(cell.expected["training"]["batch_size"])
    for name, batch in batches.items():
        if batch % devices:
            raise ConfigurationError(
                f"--devices {devices}: the batch of {batch} sequences of {name} does not divide among them"
            )


def command_line(words: Sequence[str]) -> str:
    """Return the command as it is typed in a shell."""
    return shlex.join(["skelact", *words])


def _options(settings: Settings) -> list[str]:
    """Return settings as options, dotted as the commands know them; what is not dotted and true is a flag."""
    words = []
    for key, value in flatten(settings).items():
        words += [f"--{key}"] if value is True and "." not in key else [f"--{key}", option_text(value)]
    return words
