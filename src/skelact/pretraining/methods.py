"""What a configuration trains: the model of its method, and how the training loop is to call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from skelact.clips.mixture import MixedSource
from skelact.clips.settings import ClipSettings
from skelact.pretraining.config import ContrastiveRun, MaskedRun
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.run import build_contrastive
from skelact.pretraining.contrastive.task import ContrastiveTask
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.task import MaskedTask
from skelact.training.loop import Monitor, Task
from skelact.training.randomness import derive_seed


class Learner(NamedTuple):
    """What a method gives the training loop."""

    model: MaskedModel | ContrastiveModel
    """What is trained."""
    task: Task[Any]
    """How it is fed."""
    after_step: Callable[[], None] | None
    """What is to be done after every step of the optimiser."""
    monitors: Sequence[Monitor]
    """The method's own numbers for the log."""


def source_settings(config: MaskedRun | ContrastiveRun) -> ClipSettings:
    """Return how a run's sequences become clips.

    Contrastive methods get joint positions whatever their stream: they augment positions, and make the stream
    of the augmented ones.
    """
    return replace(config.clips, stream="joint") if isinstance(config, ContrastiveRun) else config.clips


def build_learner(config: MaskedRun | ContrastiveRun, source: MixedSource) -> Learner:
    """Return the untrained model of ``config`` with its task; the seed decides the weights.

    Args:
        config: of the run.
        source: where the clips come from, with the settings of :func:`source_settings`.

    Raises:
        ConfigurationError: sizes that do not fit each other or the skeletons.
    """
    if isinstance(config, MaskedRun):
        masked = build_model(config, source)
        return Learner(masked, MaskedTask(masked, source), None, ())
    model = build_contrastive(config, source)
    task = ContrastiveTask(model, source)
    return Learner(model, task, task.after_step, (task.monitor,))


def build_model(config: MaskedRun, source: MixedSource) -> MaskedModel:
    """Return the untrained masked model of ``config`` for the skeletons of ``source``; the seed decides it.

    Raises:
        ConfigurationError: sizes that do not fit each other.
    """
    num_coordinates = source.stores[0].array("joints").shape[2]
    num_joints = source.topology.num_joints
    encoder = config.model.encoder(num_joints, num_coordinates, config.clips.num_frames)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.training.seed, "start"))
        return MaskedModel(encoder, config.model.decoder(), config.objective)
