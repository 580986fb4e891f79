"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is one safetensors file: the model's and the optimiser's tensors, and in its header the step and
the running sums of the epoch. It is written beside its final name and renamed.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from skelact.errors import DataError, SkelactWarning
from skelact.files import checked
from skelact.models.tensor_file import TensorFile, difference, read_tensors, write_tensors
from skelact.training.log import GO_ON

MODEL, OPTIMISER = "model/", "optimiser/"
BEFORE = "taking the checkpoint before it"
"""What becomes of a checkpoint that cannot be used."""
Count = Annotated[int, msgspec.Meta(ge=0)]


class Sums(msgspec.Struct):
    """Running sums of an epoch."""

    loss: float = 0.0
    grad_norm: float = 0.0
    steps: Count = 0

    def add(self, loss: float, grad_norm: float) -> None:
        """Add those of a step."""
        self.loss, self.grad_norm, self.steps = self.loss + loss, self.grad_norm + grad_norm, self.steps + 1

    def means(self) -> dict[str, float]:
        """Return the means over the steps so far."""
        return {"loss": self.loss / self.steps, "grad_norm": self.grad_norm / self.steps}


class Progress(msgspec.Struct):
    """How far a run is."""

    step: Count
    """Steps done."""
    sums: Sums = msgspec.field(default_factory=Sums)
    """Of the epoch in progress."""


def save_checkpoint(
    folder: str | Path, model: nn.Module, optimiser: Optimizer, progress: Progress, keep: int
) -> Path:
    """Write ``folder/step-<step>.safetensors`` and remove all but the ``keep`` newest.

    Files of later steps are removed as well: the run went back behind them because they are damaged.

    Args:
        folder: where checkpoints lie; made if needed.
        model: its whole state is stored.
        optimiser: its moments are stored; rates and decays come from the configuration.
        progress: how far the run is.
        keep: checkpoints to keep.

    Raises:
        DataError: the folder or the file cannot be written; older checkpoints stay.
    """
    tensors = {MODEL + name: value for name, value in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"{OPTIMISER}{index}/{name}"] = torch.as_tensor(value)
    folder = Path(folder)
    path = folder / f"step-{progress.step:09d}.safetensors"
    write_tensors(path, tensors, msgspec.to_builtins(progress), GO_ON)
    known = sorted(folder.glob("step-*.safetensors"))
    own = known.index(path)
    for other in [*known[: max(own + 1 - keep, 0)], *known[own + 1 :]]:
        with contextlib.suppress(OSError):  # what cannot be removed is no file of ours
            other.unlink()
    return path


def load_newest_checkpoint(folder: str | Path, model: nn.Module, optimiser: Optimizer) -> Progress:
    """Load the newest readable checkpoint into ``model`` and ``optimiser``; return its progress.

    A damaged checkpoint is passed over with a warning.

    Raises:
        DataError: there is no readable checkpoint, or it belongs to another model.
    """
    for path in sorted(Path(folder).glob("step-*.safetensors"), reverse=True):
        try:
            file = read_tensors(path, BEFORE)
            progress = checked(file.about, Progress, f"{path}: its progress", BEFORE)
        except DataError as error:
            warnings.warn(str(error), SkelactWarning, stacklevel=2)
            continue
        _restore(path, file, model, optimiser)
        return progress
    raise DataError(f"{folder}: no readable checkpoint; start the run again without --resume in a new folder")


def _restore(path: Path, file: TensorFile, model: nn.Module, optimiser: Optimizer) -> None:
    """Load a checkpoint whose names, shapes and types are those of the model and of its optimiser."""
    own, moments = (
        {name.removeprefix(kind): value for name, value in file.tensors.items() if name.startswith(kind)}
        for kind in (MODEL, OPTIMISER)
    )
    problem = difference(own, model.state_dict()) or difference(moments, _expected(optimiser, moments))
    if problem is None and len(own) + len(moments) < len(file.tensors):
        problem = "it holds more than model and optimiser"
    if problem:
        raise DataError(f"{path}: belongs to another model ({problem}); resume with the run's own settings")
    model.load_state_dict(own)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in moments.items():
        index, entry = name.split("/")
        state.setdefault(int(index), {})[entry] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _expected(optimiser: Optimizer, moments: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what the optimiser keeps of the parameters that ``moments`` tell of, as it must be.

    A parameter that never had a gradient has no moments.
    """
    of_kind = ("momentum_buffer",) if isinstance(optimiser, SGD) else ("exp_avg", "exp_avg_sq", "step")
    seen = {name.partition("/")[0] for name in moments}
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    step = torch.zeros(())
    return {
        f"{index}/{entry}": step if entry == "step" else parameter
        for index, parameter in enumerate(parameters)
        for entry in of_kind
        if str(index) in seen
    }
