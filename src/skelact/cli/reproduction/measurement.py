"""How long runs take on this machine, from a few batches: for data sets of which nothing is done yet."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from skelact.batches.dataset import ClipSource, draw
from skelact.batches.mixture import MixedSource
from skelact.cli.reproduction.cells import Cell, Pretraining
from skelact.cli.reproduction.commands import Place
from skelact.cli.reproduction.remaining import Task
from skelact.evaluation.features import embed
from skelact.preparation.protocols import split
from skelact.preparation.store import Store
from skelact.pretraining.learners import build_learner, source_settings
from skelact.training.config import TrainingConfig
from skelact.training.devices import make_fabric
from skelact.training.loop import Step
from skelact.training.randomness import generator_for

NUM_CLIPS = 4
LONG_ENOUGH = 1.0
"""Seconds after which a measurement ends; its first step warms up and counts only where it took so long."""
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
        source = MixedSource([ClipSource(store, source_settings(config), self._device)])
        train = split(store, pretraining.data.protocol).train[:NUM_CLIPS]
        learner = build_learner(config, source)
        model = learner.model.to(self._device)
        generator = generator_for(0, "measurement")

        def learn() -> Tensor:
            step = Step(0, 0.5, train, slice(len(train)), generator)
            loss, _ = learner.task.loss(model, learner.task.batch(step))
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        @torch.no_grad()
        def look() -> Tensor:
            return embed(model.encoder, source.train(train, draws=draw(len(train), generator)))

        return self._time(learn, model) / len(train), self._time(look, model) / len(train)

    def _time(self, step: Callable[[], Tensor], model: nn.Module) -> float:
        """Return the seconds of one step."""
        taken: list[float] = []
        while not taken or sum(taken) < LONG_ENOUGH:
            started = time.perf_counter()
            step().sum().item()  # waits for the device
            taken.append(time.perf_counter() - started)
        model.zero_grad(set_to_none=True)
        counting = taken[1:] or taken
        return sum(counting) / len(counting)
