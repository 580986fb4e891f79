"""One step of the optimiser: what a method supplies to it, and what becomes of a loss that is not finite.

The batch is computed in parts, on one process or several; the gradients are those of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from skelact.errors import SkelactError
from skelact.files import write_json
from skelact.training.log import GO_ON
from skelact.training.steps import Indices, Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = TypeVar("Batch")


class Task(Protocol[Batch]):
    """What is trained."""

    @property
    def model(self) -> nn.Module:
        """Holds the parameters that are trained; those that need no gradient stay."""

    def batch(self, step: Step) -> Batch:
        """Make what :meth:`loss` needs of ``step.indices[step.share]``.

        Called in any thread, several steps ahead: it depends on the step alone, and draws from
        ``step.generator`` alone.
        """

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, int]:
        """Return the mean loss of a batch, and over how many terms it is a mean.

        ``model`` is :attr:`model` as the devices want it called.
        """

    def names(self, indices: Indices) -> Sequence[str]:
        """Return what sequences are called, for messages."""


Callback = Callable[[int, nn.Module], Mapping[str, float]]
"""Called after every epoch, in every process, with the number of epochs done and the task's model; what it
returns in the first process goes into the log. It leaves weights, mode and random numbers as they are."""

FigureCallback = Callable[[int, nn.Module], "Mapping[str, Figure]"]
"""The same for figures; called in the first process, with every checkpoint, if there is a log that shows
them."""


@dataclass(frozen=True)
class Update:
    """What a step did."""

    loss: float
    """Mean over all terms of the whole batch."""
    grad_norm: float
    """Norm of the gradient before it was clipped."""
    terms: int
    """Terms of the whole batch, over all processes."""
    stop: bool
    """Whether any process was asked to stop."""

    @property
    def is_finite(self) -> bool:
        """Whether loss and gradient were; if not, the weights stayed as they were."""
        return math.isfinite(self.loss) and math.isfinite(self.grad_norm)


def update(
    task: Task[Batch],
    model: nn.Module,
    optimiser: Optimizer,
    batches: Sequence[Batch],
    clip_grad: float | None,
    fabric: Fabric,
    signals: Sequence[int] = (),
) -> Update:
    """Take one step. Every term weighs the same, whichever part and process computed it.

    Args:
        task: gives the loss.
        model: the task's model as Fabric set it up.
        optimiser: the same.
        batches: the parts of this process's share of the batch.
        clip_grad: largest norm of the gradient; None does not clip.
        fabric: devices and precision.
        signals: those that asked this process to stop, so far; all processes learn of it.
    """
    local_sum, local_terms = torch.zeros((), device=fabric.device), 0
    for number, batch in enumerate(batches, 1):
        # the processes' gradients are summed once a step
        wait = fabric.world_size > 1 and number < len(batches)
        with fabric.no_backward_sync(model) if wait else nullcontext():  # type: ignore[arg-type]
            with fabric.autocast():
                loss, terms = task.loss(model, batch)
            # the mean over no terms is not a number; its gradient is zero
            part = loss.float() * terms if terms else loss.nan_to_num() * 0
            fabric.backward(part)
        local_sum, local_terms = local_sum + part.detach(), local_terms + terms
    loss_sum, num_terms, stop = _over_processes(fabric, local_sum, local_terms, bool(signals))
    # the gradients are sums over the terms, which Fabric averaged over the processes
    scale = fabric.world_size / max(1, num_terms)
    gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients)) * scale
    if clip_grad is not None:
        scale *= min(1.0, clip_grad / (norm + 1e-6))
    done = Update(loss_sum / max(1, num_terms), norm, num_terms, stop)
    if done.is_finite:
        torch._foreach_mul_(gradients, scale)
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return done


def _over_processes(fabric: Fabric, loss: Tensor, terms: int, stop: bool) -> tuple[float, int, bool]:
    """Sum over the processes in one exchange; ask any process to stop, and all do."""
    sums = torch.stack([loss, *torch.tensor([terms, stop], dtype=loss.dtype, device=loss.device)])
    reduced = fabric.all_reduce(sums, reduce_op="sum") if fabric.world_size > 1 else sums
    assert isinstance(reduced, Tensor)  # what went in was one
    loss_sum, num_terms, num_stopping = reduced.tolist()
    return loss_sum, round(num_terms), num_stopping > 0


REPORT = "not-finite.json"
MOST_NAMES = 4
"""Sequences that the message itself names."""


class NotFiniteError(SkelactError):
    """Loss or gradient are no longer finite; the weights are those before the step."""


def not_finite(
    update: Update, step: int, epoch: int, names: Sequence[str], folder: str | Path | None
) -> NotFiniteError:
    """Return the error of a step, its whole batch written to ``folder/not-finite.json`` if there is a folder.

    Args:
        update: what the step computed.
        step: steps done before it.
        epoch: its epoch, from 0.
        names: the sequences of the batch.
        folder: the run folder; None writes nothing.
    """
    more = len(names) - MOST_NAMES
    listed = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    if folder is not None:
        report = Path(folder) / REPORT
        content = {
            "step": step,
            "epoch": epoch,
            "loss": str(update.loss),
            "grad_norm": str(update.grad_norm),
            "sequences": list(names),
        }
        write_json(report, content, GO_ON)
        listed += f", all in {report}"
    return NotFiniteError(
        f"the loss is {update.loss} at step {step} (epoch {epoch}, norm of the gradient {update.grad_norm}; "
        f"sequences {listed}); the last checkpoint is kept; look at these sequences, or try a lower learning "
        "rate or --clip-grad"
    )
