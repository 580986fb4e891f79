"""Which sequences each step of a run sees, and how its batches are made while the model computes.

Orders of epochs, batches, shares of processes, parts; and the threads that make the next ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, TypeVar

import numpy as np
import torch

from skelact.errors import ConfigurationError
from skelact.training.config import TrainingConfig
from skelact.training.randomness import generator_for

Indices = np.ndarray[Any, np.dtype[np.int64]]
Order = Callable[[torch.Generator], Indices]


@dataclass(frozen=True)
class Step:
    """One step of the run, or with ``training.accumulate`` one part of it."""

    number: int
    """Steps done before this one."""
    progress: float
    """The same as a share of all steps of the run, in [0, 1)."""
    indices: Indices
    """The whole batch, over all devices."""
    share: slice
    """The sequences of ``indices`` to compute here and now: a part of what belongs to this process."""
    generator: torch.Generator
    """For all draws of the step, the same for every part; draw for the whole batch, then take ``share``."""


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


@dataclass(frozen=True)
class Plan:
    """All steps of a run, as one of its processes sees them.

    Raises:
        ConfigurationError: the batch does not divide among the processes, or has fewer sequences than parts.
    """

    indices: Indices
    """(N,) the sequences that train."""
    config: TrainingConfig
    """Decides epochs, batch size, parts and seed."""
    rank: int = 0
    """Number of this process."""
    world_size: int = 1
    """Processes in all."""
    order: Order | None = None
    """Gives the order of an epoch, as for :func:`epoch_batches`."""

    def __post_init__(self) -> None:
        if self.batch_size % self.world_size:
            fits = self.batch_size // self.world_size * self.world_size
            cut = self.batch_size < self.config.batch_size
            raise ConfigurationError(
                f"training.batch_size is {self.config.batch_size}"
                + (f", and {self.batch_size} sequences train" if cut else "")
                + f": {self.batch_size} do not divide among {self.world_size} processes; "
                + (f"choose {fits}, or fewer processes" if fits else "choose fewer processes")
            )
        per_process = self.batch_size // self.world_size
        if self.config.accumulate > per_process:
            raise ConfigurationError(
                f"training.accumulate is {self.config.accumulate}, but a process has only {per_process} "
                "sequences of a batch; choose fewer parts or a larger batch"
            )

    @property
    def batch_size(self) -> int:
        """Sequences of a step, over all processes."""
        return min(self.config.batch_size, len(self.indices))

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return len(self.indices) // self.batch_size

    def steps(self, done: int) -> Iterator[list[Step]]:
        """Yield the parts of every step that is left after ``done`` steps; all draw the same numbers."""
        for epoch in range(done // self.steps_per_epoch, self.config.epochs):
            batches = epoch_batches(
                len(self.indices), self.config.batch_size, self.config.seed, epoch, self.order
            )
            for batch in batches[done % self.steps_per_epoch :]:
                yield [
                    Step(
                        number=done,
                        progress=done / (self.steps_per_epoch * self.config.epochs),
                        indices=self.indices[batch],
                        share=share,
                        generator=generator_for(self.config.seed, "step", done),
                    )
                    for share in self.shares()
                ]
                done += 1

    def shares(self) -> list[slice]:
        """Return this process's parts of a batch, as even as can be."""
        size = self.batch_size // self.world_size
        num = self.config.accumulate
        bounds = [self.rank * size + size * part // num for part in range(num + 1)]
        return [slice(begin, end) for begin, end in pairwise(bounds)]


Item = TypeVar("Item")
Made = TypeVar("Made")


@contextmanager
def prefetch(
    make: Callable[[Item], Made], items: Iterable[Item], workers: int
) -> Iterator[Iterator[tuple[Item, Made]]]:
    """Give an iterator over the items, each with what ``make`` makes of it, in order, made ahead of time.

    At most ``workers + 1`` items are made ahead, so memory stays bounded. An error in ``make`` is raised
    where its item would have come. When the block ends, for whatever reason, what was not begun is dropped
    and the threads have ended.

    Args:
        make: called in any thread, for several items at once if there are several workers.
        items: taken in the calling thread.
        workers: threads; 0 makes each item when it is asked for.
    """
    if workers == 0:
        yield ((item, make(item)) for item in items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        yield _in_order(pool, make, iter(items), workers + 1)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, make: Callable[[Item], Made], items: Iterator[Item], ahead: int
) -> Iterator[tuple[Item, Made]]:
    waiting: deque[tuple[Item, Future[Made]]] = deque()
    waiting.extend((item, pool.submit(make, item)) for item in islice(items, ahead))
    while waiting:
        item, future = waiting.popleft()
        made = future.result()
        waiting.extend((item, pool.submit(make, item)) for item in islice(items, 1))
        yield item, made
