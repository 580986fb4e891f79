"""The one training loop, on Lightning Fabric. It knows no method: a :class:`Task` does."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from skelact.errors import ConfigurationError, SkelactError
from skelact.training.checkpoints import load_newest_checkpoint, save_checkpoint
from skelact.training.config import TrainingConfig
from skelact.training.log import MetricsLog, ProgressLine
from skelact.training.optimisers import build_optimiser
from skelact.training.randomness import derive_seed, generator_for

Indices = np.ndarray[Any, np.dtype[np.int64]]
Order = Callable[[torch.Generator], Indices]
PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed"}


@dataclass(frozen=True)
class Step:
    """One step of the run."""

    number: int
    """Steps done before this one."""
    progress: float
    """The same as a share of all steps of the run, in [0, 1)."""
    indices: Indices
    """The whole batch, over all devices."""
    share: slice
    """The part of ``indices`` that belongs to this process."""
    generator: torch.Generator
    """For all draws of the step; draw for the whole batch, then take ``share``."""


class Task(Protocol):
    """What is trained."""

    @property
    def model(self) -> nn.Module:
        """Holds the parameters that are trained; those that need no gradient stay."""

    def loss(self, model: nn.Module, step: Step) -> tuple[Tensor, int]:
        """Return the mean loss of this process's share, and over how many terms it is a mean.

        ``model`` is :attr:`model` as the devices want it called.
        """


class RunStoppedError(SkelactError):
    """The run was asked to stop; its checkpoint is written."""

    exit_status = 3


Monitor = Callable[[int, nn.Module], dict[str, float]]
"""Called after every epoch with the number of epochs done; what it returns goes into the log."""


def make_fabric(config: TrainingConfig) -> Fabric:
    """Return the configured Fabric, launched.

    Raises:
        ConfigurationError: the devices asked for are not there.
    """
    try:
        fabric = Fabric(
            accelerator=config.accelerator,
            devices=config.devices,
            precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
        )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"training.accelerator, training.devices: {' '.join(str(error).split())}"
        ) from error
    return fabric


def epoch_batches(num: int, batch_size: int, seed: int, epoch: int, order: Order | None = None) -> Indices:
    """Return the batches of an epoch, (steps, batch size) positions in 0 .. num - 1.

    Full batches only; what is left over differs from epoch to epoch. With fewer sequences than a batch takes,
    the one batch holds them all.

    Args:
        num: sequences that train.
        batch_size: sequences of a batch.
        seed: the run's seed.
        epoch: number of the epoch, from 0.
        order: gives the order of an epoch; default: every sequence once, at random.
    """
    generator = generator_for(seed, "order", epoch)
    places = torch.randperm(num, generator=generator).numpy() if order is None else order(generator)
    batch_size = min(batch_size, num)
    steps = num // batch_size
    return places[: steps * batch_size].reshape(steps, batch_size)


def fit(
    task: Task,
    indices: Indices,
    config: TrainingConfig,
    fabric: Fabric,
    *,
    title: str,
    folder: Path | None = None,
    resume: bool = False,
    order: Order | None = None,
    monitors: Sequence[Monitor] = (),
    quiet: bool = False,
) -> list[dict[str, float]]:
    """Train ``task`` on the sequences ``indices``.

    Args:
        task: what is trained.
        indices: (N,) sequences of the store.
        config: how.
        fabric: devices and precision.
        title: what the progress line calls the run.
        folder: where ``metrics.jsonl`` and ``checkpoints/`` go; None keeps nothing on disk.
        resume: go on from the newest checkpoint in ``folder``.
        order: gives the order of an epoch, as for :func:`epoch_batches`.
        monitors: called after every epoch.
        quiet: no progress line.

    Returns:
        The numbers of every epoch that this call trained.

    Raises:
        ConfigurationError: the batch does not divide among the processes.
        SkelactError: the loss is no longer finite; the last checkpoint is kept.
        RunStoppedError: SIGTERM or SIGINT came; a checkpoint was written first.
    """
    batches = epoch_batches(len(indices), config.batch_size, config.seed, 0, order)
    num_steps, batch_size = batches.shape
    if batch_size % fabric.world_size:
        raise ConfigurationError(
            f"a batch of {batch_size} sequences does not divide among {fabric.world_size} processes"
        )
    per_process = batch_size // fabric.world_size
    share = slice(fabric.global_rank * per_process, (fabric.global_rank + 1) * per_process)
    plain_optimiser = build_optimiser(task.model, config)
    model, optimiser = fabric.setup(task.model, plain_optimiser)
    done, sums = 0, _Sums()
    if resume:
        if folder is None:
            raise ValueError("a run that keeps nothing on disk cannot be resumed")
        progress = load_newest_checkpoint(folder / "checkpoints", task.model, plain_optimiser)
        done, sums = int(progress["step"]), _Sums(**progress["sums"])
    is_first = fabric.global_rank == 0
    if folder and is_first:
        folder.mkdir(parents=True, exist_ok=True)
    log = MetricsLog(folder / "metrics.jsonl", done // num_steps) if folder and is_first else None
    schedule, history = config.schedule(), []

    def save(step: int) -> None:
        if folder is not None and is_first:
            progress = {"step": step, "sums": vars(sums)}
            save_checkpoint(
                folder / "checkpoints", task.model, plain_optimiser, progress, config.keep_checkpoints
            )

    def stopped_at(step: int) -> str:
        remedy = "; run the same command with --resume to go on" if folder else ""
        return f"stopped after step {step} (epoch {step / num_steps:.2f} of {config.epochs}){remedy}"

    line = ProgressLine(title, config.epochs, start=done // num_steps, quiet=quiet or not is_first)
    with line, _stop_signals() as stopped:
        for epoch in range(done // num_steps, config.epochs):
            batches = epoch_batches(len(indices), config.batch_size, config.seed, epoch, order)
            started, clips = time.perf_counter(), 0
            model.train()
            for position in range(done % num_steps, num_steps):
                rate = schedule.rate(epoch + position / num_steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                torch.manual_seed(derive_seed(config.seed, "model", done, fabric.global_rank))
                generator = generator_for(config.seed, "step", done)
                step = Step(
                    done, done / (num_steps * config.epochs), indices[batches[position]], share, generator
                )
                loss, norm = _train_step(task, model, optimiser, step, config, fabric)
                if not math.isfinite(loss):
                    raise SkelactError(
                        f"the loss is {loss} at step {done} (epoch {epoch}, batch {position}); "
                        "the last checkpoint is kept; try a lower learning rate or --training.clip_grad"
                    )
                sums.add(loss, norm)
                done, clips = done + 1, clips + batch_size
                if stopped and done % num_steps:
                    save(done)
                    raise RunStoppedError(stopped_at(done))
            seconds = time.perf_counter() - started
            metrics = {
                "epoch": epoch,
                "step": done,
                **sums.means(),
                "lr": rate,
                "clips_per_second": clips / seconds,
                "seconds": seconds,
            }
            for monitor in monitors:
                metrics |= monitor(epoch + 1, task.model)
            sums = _Sums()
            history.append(metrics)
            if log is not None:
                log.write(metrics)
            if (epoch + 1) % config.checkpoint_every == 0 or epoch + 1 == config.epochs or stopped:
                save(done)
            if stopped and epoch + 1 < config.epochs:
                raise RunStoppedError(stopped_at(done))
            line.update(epoch + 1, f"loss {metrics['loss']:.4f}  {metrics['clips_per_second']:,.0f} clips/s")
    return history


@dataclass
class _Sums:
    """Running sums of an epoch."""

    loss: float = 0.0
    grad_norm: float = 0.0
    steps: int = 0

    def add(self, loss: float, grad_norm: float) -> None:
        self.loss, self.grad_norm, self.steps = self.loss + loss, self.grad_norm + grad_norm, self.steps + 1

    def means(self) -> dict[str, float]:
        return {"loss": self.loss / self.steps, "grad_norm": self.grad_norm / self.steps}


def _train_step(
    task: Task, model: nn.Module, optimiser: Optimizer, step: Step, config: TrainingConfig, fabric: Fabric
) -> tuple[float, float]:
    """Take one step; return the loss over the whole batch and the gradient's norm."""
    loss, terms = task.loss(model, step)
    if fabric.world_size > 1:  # every term weighs the same, whichever process computed it
        weight = torch.tensor(float(terms), device=loss.device)
        loss = loss * weight * fabric.world_size / _over_processes(fabric, weight, "sum")
    fabric.backward(loss)
    gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if config.clip_grad is not None:
        for gradient in gradients:
            gradient.mul_((config.clip_grad / (norm + 1e-6)).clamp(max=1.0))
    value = float(_over_processes(fabric, loss.detach(), "mean"))
    if math.isfinite(value):
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return value, float(norm)


def _over_processes(fabric: Fabric, value: Tensor, operation: str) -> Tensor:
    reduced = fabric.all_reduce(value.clone(), reduce_op=operation)  # it may write into what it is given
    assert isinstance(reduced, Tensor)  # what went in was one
    return reduced


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT instead of dying, so that the step in progress can be finished and saved."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: signals are somebody else's
        before = {}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
