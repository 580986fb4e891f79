"""How long runs take on this machine, from a few batches: for data sets of which nothing is done yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from skelact.clips.mixture import MixedSource
from skelact.clips.source import ClipSource, draw_crops
from skelact.evaluation.features import embed
from skelact.pretraining.methods import family_of
from skelact.reproduction.cells import Cell, Pretraining
from skelact.reproduction.commands import Place
from skelact.reproduction.remaining import Task
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.training.config import TrainingConfig
from skelact.training.devices import make_fabric
from skelact.training.loop import Indices, Step
from skelact.training.randomness import generator_for

NUM_CLIPS = 4
"""Clips of the first steps that are measured."""
MORE_CLIPS = 4
"""Times as many in the next, up to a batch: a clip among many takes less time than one among few."""
SLOW = 0.25
"""Seconds of a step from which on more clips tell no more."""
LONG_ENOUGH = 0.5
"""Seconds of steps after which a measurement ends."""
TOO_LONG = 10.0
"""Seconds from which on even the first step counts, which warms up."""
ADDING_UP = 5.0
"""Seconds in which scores are added up, most of them the start of the command."""
BACKWARD = 3.0
"""A training pass through the encoder takes about as long as so many without gradients."""


class Measurement:
    """Measures a clip of each data set once, and multiplies.

    Args:
        place: the stores, and the kind of device. With several devices a run is taken to be so many times
            as fast as on one.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._device = make_fabric(TrainingConfig(accelerator=place.accelerator)).device
        self._seconds_a_clip: dict[str, tuple[float, float]] = {}

    def seconds(self, task: Task) -> float | None:
        """Return the seconds that a task takes from its start, or None where a store is not there."""
        what = task.what
        learned = what if isinstance(what, Pretraining) else what.pretraining
        needed = [learned.data] if isinstance(what, Pretraining) else [learned.data, what.on]
        if not all(self._place.store(data).exists() for data in needed):
            return None
        return self._pretraining(what) if isinstance(what, Pretraining) else self._evaluation(what)

    def _pretraining(self, pretraining: Pretraining) -> float:
        config = pretraining.config(str(self._place.store(pretraining.data)), None)
        num = len(split(self._store(pretraining), pretraining.data.protocol).train)
        learned, _ = self._measured(pretraining)
        return learned * num * config.training.epochs / self._place.devices

    def _evaluation(self, cell: Cell) -> float:
        if cell.members:
            return ADDING_UP
        sides = split(Store.open(self._place.store(cell.on)), cell.on.protocol)
        num_train, num_test = len(sides.train), len(sides.test)
        _, embedded = self._measured(cell.pretraining)
        if cell.evaluation.trains_encoder:
            epochs = cell.expected["training"]["epochs"]
            labelled = num_train * (cell.evaluation.share or 1.0)
            passes = BACKWARD * labelled * epochs + num_test * epochs / cell.expected["test_every"]
        elif "training" in cell.expected:
            passes = num_train * cell.expected["training"]["epochs"] + num_test
        else:
            passes = num_train + num_test
        return float(embedded * passes / self._place.devices)

    def _store(self, pretraining: Pretraining) -> Store:
        return Store.open(self._place.store(pretraining.data))

    def _measured(self, pretraining: Pretraining) -> tuple[float, float]:
        """Return the seconds a clip takes in pre-training, and in the encoder without gradients."""
        kind = f"{pretraining.data.name}/{pretraining.size}"  # which row matters little
        if kind not in self._seconds_a_clip:
            self._seconds_a_clip[kind] = self._measure(pretraining)
        return self._seconds_a_clip[kind]

    def _measure(self, pretraining: Pretraining) -> tuple[float, float]:
        store = self._store(pretraining)
        config = pretraining.config(str(store.path), None)
        family = family_of(config)
        source = MixedSource([ClipSource(store, family.clips(config), self._device)])
        train = split(store, pretraining.data.protocol).train[: config.training.batch_size]
        model = family.build(config, source).to(self._device)
        task = family.task(model, source)
        generator = generator_for(0, "measurement")

        def learn(indices: Indices) -> Tensor:
            step = Step(0, 0.5, indices, slice(len(indices)), generator)
            loss, _ = task.loss(model, task.batch(step))
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        @torch.no_grad()
        def look(indices: Indices) -> Tensor:
            return embed(model.encoder, source.train(indices, draws=draw_crops(len(indices), generator)))

        taken = seconds_a_clip(learn, train), seconds_a_clip(look, train)
        model.zero_grad(set_to_none=True)
        return taken


def seconds_a_clip(step: Callable[[Indices], Tensor], batch: Indices) -> float:
    """Return the seconds that a clip takes in a step of a few or, if that is quick, of the whole batch.

    Args:
        step: what is measured, of the clips with these indices.
        batch: (N,) indices of the clips of a batch.
    """
    num = min(NUM_CLIPS, len(batch))
    while True:
        seconds = mean_seconds(partial(step, batch[:num]))
        if seconds >= SLOW or num == len(batch):
            return seconds / num
        num = min(MORE_CLIPS * num, len(batch))


def mean_seconds(step: Callable[[], Tensor]) -> float:
    """Return the mean seconds of a step.

    Its first time does not count where it is not too long to do it again: it warms up.
    """
    taken: list[float] = []
    while sum(taken) < TOO_LONG and sum(taken[1:]) < LONG_ENOUGH:
        started = time.perf_counter()
        step().sum().item()  # waits for the device
        taken.append(time.perf_counter() - started)
    counting = taken[1:] or taken
    return sum(counting) / len(counting)
