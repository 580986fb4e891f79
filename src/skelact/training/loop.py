"""The one training loop, on Lightning Fabric. It knows no method: a :class:`.Task` does.

A run that is asked to stop finishes the step in progress and saves it first.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType

import torch
from lightning_fabric import Fabric

from skelact.errors import DataError, SkelactError
from skelact.progress import progress
from skelact.training.checkpoints import Progress, Sums, load_newest_checkpoint, save_checkpoint
from skelact.training.config import TrainingConfig
from skelact.training.devices import beside_steps, compile_model, make_fabric, precision_here
from skelact.training.log import RunLog, open_log
from skelact.training.optimisers import build_optimiser
from skelact.training.randomness import derive_seed
from skelact.training.speed import Speed, peak_memory
from skelact.training.steps import Indices, Order, Plan, Step, prefetch
from skelact.training.update import Batch, Callback, FigureCallback, Task, not_finite, update


class RunStoppedError(SkelactError):
    """The run was asked to stop; its checkpoint is written."""

    exit_status = 3


STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR2") if hasattr(signal, name)
)
"""Signals that ask a run to stop; SIGUSR2 is what submitit has SLURM send before a job's time is over."""


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect the signals to stop instead of dying, so that the step in progress is finished and saved."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    try:
        before = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    except ValueError:  # not the main thread: signals are somebody else's
        before = {}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = [
    "Callback",
    "FigureCallback",
    "Indices",
    "Order",
    "RunStoppedError",
    "Step",
    "Task",
    "fit",
    "make_fabric",
]  # all that a caller of ``fit`` needs


def fit(
    task: Task[Batch],
    indices: Indices,
    config: TrainingConfig,
    fabric: Fabric,
    *,
    title: str,
    folder: str | Path | None = None,
    resume: bool = False,
    order: Order | None = None,
    rate_scales: Mapping[str, float] | None = None,
    after_step: Callable[[], None] | None = None,
    callbacks: Sequence[Callback] = (),
    figure_callbacks: Sequence[FigureCallback] = (),
) -> list[dict[str, float]]:
    """Train ``task`` on the sequences ``indices``.

    Its model is on the device of ``fabric`` from then on, and in evaluation mode when the training is done.

    Args:
        task: what is trained.
        indices: (N,) sequences of the store.
        config: how.
        fabric: devices and precision.
        title: what the progress line calls the run; none without a title.
        folder: where ``metrics.jsonl``, ``checkpoints/`` and ``tensorboard/`` go; None keeps nothing on disk.
        resume: go on from the newest checkpoint in ``folder``.
        order: gives the order of an epoch, as for :func:`skelact.training.steps.epoch_batches`.
        rate_scales: factors on the learning rate by parameter, as for
            :func:`skelact.training.optimisers.build_optimiser`.
        after_step: called in every process after every step of the optimiser, before any checkpoint: the
            place for what follows the weights, like a momentum copy.
        callbacks: called after every epoch; their numbers go into the log.
        figure_callbacks: called with every checkpoint; their figures go to TensorBoard, if it is on.

    Returns:
        The numbers of every epoch that this call trained.

    Raises:
        ConfigurationError: the batch does not divide among the processes and parts, or the machine lacks what
            a setting needs.
        DataError: the folder cannot be written; the last checkpoint is kept.
        NotFiniteError: loss or gradient are no longer finite; the last checkpoint is kept.
        RunStoppedError: SIGTERM or SIGINT came, to any of the processes; a checkpoint was written first.
    """
    folder = None if folder is None else Path(folder)
    plan = Plan(indices, config, fabric.global_rank, fabric.world_size, order)
    per_epoch, is_first = plan.steps_per_epoch, fabric.global_rank == 0
    plain_optimiser = build_optimiser(task.model, config, rate_scales)
    wanted = compile_model(task.model, fabric.device) if config.compile else task.model
    model, optimiser = fabric.setup(wanted, plain_optimiser)
    done, sums = 0, Sums()
    if resume:
        if folder is None:
            raise ValueError("a run that keeps nothing on disk cannot be resumed")
        state = load_newest_checkpoint(folder / "checkpoints", task.model, plain_optimiser)
        done, sums = state.step, state.sums
        if fabric.broadcast(done) != done:
            raise DataError(
                f"{folder}: process {fabric.global_rank} finds other checkpoints there than the first; "
                "give all machines the same storage"
            )
        if done > per_epoch * config.epochs or sums.steps != done % per_epoch:
            raise DataError(
                f"{folder}: its checkpoint is of step {done}, {sums.steps} steps into an epoch, where a run "
                f"of {config.epochs} epochs of {per_epoch} steps never is; start it again in a new folder"
            )
    history: list[dict[str, float]] = []

    def make(parts: list[Step]) -> list[Batch]:
        return [task.batch(part) for part in parts]

    def save() -> None:
        if folder is not None and is_first:
            state = Progress(done, sums)
            save_checkpoint(
                folder / "checkpoints", task.model, plain_optimiser, state, config.keep_checkpoints
            )

    def stopped_error() -> SkelactError:
        remedy = "; run the same command with --resume to go on" if folder else ""
        return told_by_first(
            RunStoppedError(
                f"stopped after step {done} (epoch {done / per_epoch:.2f} of {config.epochs}){remedy}"
            )
        )

    def told_by_first(error: SkelactError) -> SkelactError:
        fabric.barrier()  # a process that ends may take the others with it: first all is written
        error.is_told_elsewhere = not is_first  # all meet it together; one says so
        return error

    with ExitStack() as stack:
        log, speed = RunLog(), None
        if folder is not None and is_first:
            log = stack.enter_context(open_log(folder, done, per_epoch, config.tensorboard, config.logger))
            if fabric.world_size == 1 or not config.compile:
                speed = Speed(fabric.device, precision_here(config), fabric.world_size)
        show = stack.enter_context(
            progress(
                title if is_first else "", config.epochs, "epochs", start=done // per_epoch, plain_lines=10
            )
        )
        signals = stack.enter_context(stop_signals())
        on_gpu = [fabric.device] if fabric.device.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(on_gpu))  # what the caller draws stays the caller's
        steps = stack.enter_context(
            prefetch(beside_steps(make, fabric.device), plan.steps(done), config.workers)
        )
        for epoch in range(done // per_epoch, config.epochs):
            started, begun_at, must_stop = time.perf_counter(), done, False
            model.train()
            for position in range(done % per_epoch, per_epoch):
                rate = config.rate(epoch + position / per_epoch)
                for group in optimiser.param_groups:
                    group["lr"] = rate * group["rate_scale"]
                parts, batches = next(steps)
                torch.manual_seed(derive_seed(config.seed, "model", done, fabric.global_rank))
                # compiled code has no operations to count, so the step that is counted runs the plain model
                runs = task.model if speed and speed.is_counting and config.compile else model
                with speed.watch() if speed else nullcontext():
                    step = update(task, runs, optimiser, batches, config.clip_grad, fabric, signals)
                if not step.is_finite:
                    names = task.names(parts[0].indices)
                    raise told_by_first(not_finite(step, done, epoch, names, folder if is_first else None))
                if after_step:
                    after_step()
                if speed:
                    speed.add(step.terms)
                sums.add(step.loss, step.grad_norm)
                done, must_stop = done + 1, step.stop
                if must_stop and done % per_epoch:
                    save()
                    raise stopped_error()
            seconds = time.perf_counter() - started
            metrics = {
                "epoch": epoch,
                "step": done,
                **sums.means(),
                "lr": rate,
                "clips_per_second": (done - begun_at) * plan.batch_size / seconds,
                "seconds": seconds,
                "peak_memory_gib": peak_memory(fabric.device),
            }
            if speed:
                metrics["matmul_share"] = speed.share(seconds)
            for monitor in callbacks:
                metrics |= monitor(epoch + 1, task.model)
            sums = Sums()
            history.append(metrics)
            log.write(metrics)
            is_last = epoch + 1 == config.epochs
            if (epoch + 1) % config.checkpoint_every == 0 or is_last or must_stop:
                save()
                for drawing in figure_callbacks if log.shows_figures else ():
                    log.draw(drawing(epoch + 1, task.model), done)
            if must_stop and not is_last:
                raise stopped_error()
            show(epoch + 1, f"loss {metrics['loss']:.4f}  {metrics['clips_per_second']:,.0f} clips/s")
    task.model.eval()
    return history
