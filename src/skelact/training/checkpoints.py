"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is one safetensors file: the model's and the optimiser's tensors, and as JSON in its header the
step and the running sums of the epoch. It is written beside its final name and renamed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from skelact.errors import DataError, SkelactWarning
from skelact.files import replacing
from skelact.training.log import GO_ON

MODEL, OPTIMISER = "model/", "optimiser/"


def save_checkpoint(
    folder: str | Path, model: nn.Module, optimiser: Optimizer, progress: Mapping[str, Any], keep: int
) -> Path:
    """Write ``folder/step-<step>.safetensors`` and remove all but the ``keep`` newest.

    Files of later steps are removed as well: the run went back behind them because they are damaged.

    Args:
        folder: where checkpoints lie; made if needed.
        model: its whole state is stored.
        optimiser: its moments are stored; rates and decays come from the configuration.
        progress: JSON-ready; ``progress["step"]`` is the number of steps done.
        keep: checkpoints to keep.

    Raises:
        DataError: the folder or the file cannot be written; older checkpoints stay.
    """
    tensors = {MODEL + name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"{OPTIMISER}{index}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    folder = Path(folder)
    path = folder / f"step-{progress['step']:09d}.safetensors"
    write_safetensors(path, tensors, {"progress": json.dumps(dict(progress))})
    known = sorted(folder.glob("step-*.safetensors"))
    own = known.index(path)
    for other in [*known[: max(own + 1 - keep, 0)], *known[own + 1 :]]:
        other.unlink()
    return path


def write_safetensors(
    path: str | Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write tensors to ``path`` so that the file is there whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        with replacing(path, GO_ON) as partial:
            save_file(tensors, partial, metadata)
    except SafetensorError as error:  # what it makes of an error of the operating system
        raise DataError(f"{path}: cannot be written ({error}); {GO_ON}") from error


def load_newest_checkpoint(folder: str | Path, model: nn.Module, optimiser: Optimizer) -> dict[str, Any]:
    """Load the newest readable checkpoint into ``model`` and ``optimiser``; return its progress.

    A damaged checkpoint is passed over with a warning.

    Raises:
        DataError: there is no readable checkpoint, or it belongs to another model.
    """
    for path in sorted(Path(folder).glob("step-*.safetensors"), reverse=True):
        try:
            with safe_open(path, framework="pt") as file:
                progress: dict[str, Any] = json.loads(file.metadata()["progress"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            problem = f"{path}: damaged ({error}); taking the checkpoint before it"
            warnings.warn(problem, SkelactWarning, stacklevel=2)
            continue
        _restore(path, tensors, model, optimiser)
        return progress
    raise DataError(f"{folder}: no readable checkpoint; start the run again without --resume in a new folder")


def _restore(path: Path, tensors: Mapping[str, Tensor], model: nn.Module, optimiser: Optimizer) -> None:
    own = {name.removeprefix(MODEL): value for name, value in tensors.items() if name.startswith(MODEL)}
    try:
        model.load_state_dict(own)
    except RuntimeError as error:
        raise DataError(f"{path}: belongs to another model: {' '.join(str(error).split())}") from error
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(OPTIMISER):
            index, entry = name.removeprefix(OPTIMISER).split("/")
            state.setdefault(int(index), {})[entry] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
