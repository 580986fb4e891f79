"""What a configuration trains: the model of its method, and how the training loop is to call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from skelact.batches.dataset import ClipSettings
from skelact.batches.mixture import MixedSource
from skelact.pretraining.config import ContrastConfig, PretrainConfig
from skelact.pretraining.contrastive import ContrastiveModel
from skelact.pretraining.contrastive_run import build_contrastive
from skelact.pretraining.contrastive_task import ContrastiveTask
from skelact.pretraining.masked_motion import MaskedMotionModel
from skelact.pretraining.masked_task import MaskedMotionTask
from skelact.training.loop import Monitor, Task
from skelact.training.randomness import derive_seed


class Learner(NamedTuple):
    """What a method gives the training loop."""

    model: MaskedMotionModel | ContrastiveModel
    """What is trained."""
    task: Task[Any]
    """How it is fed."""
    after_step: Callable[[], None] | None
    """What is to be done after every step of the optimiser."""
    monitors: Sequence[Monitor]
    """The method's own numbers for the log."""


def source_settings(config: PretrainConfig | ContrastConfig) -> ClipSettings:
    """Return how a run's sequences become clips.

    Contrastive methods get joint positions whatever their stream: they augment positions, and make the stream
    of the augmented ones.
    """
    return replace(config.clips, stream="joint") if isinstance(config, ContrastConfig) else config.clips


def build_learner(config: PretrainConfig | ContrastConfig, source: MixedSource) -> Learner:
    """Return the untrained model of ``config`` with its task; the seed decides the weights.

    Args:
        config: of the run.
        source: where the clips come from, with the settings of :func:`source_settings`.

    Raises:
        ConfigurationError: sizes that do not fit each other or the skeletons.
    """
    if isinstance(config, PretrainConfig):
        masked = build_model(config, source)
        return Learner(masked, MaskedMotionTask(masked, source), None, ())
    model = build_contrastive(config, source)
    task = ContrastiveTask(model, source)
    return Learner(model, task, task.after_step, (task.monitor,))


def build_model(config: PretrainConfig, source: MixedSource) -> MaskedMotionModel:
    """Return the untrained masked model of ``config`` for the skeletons of ``source``; the seed decides it.

    Raises:
        ConfigurationError: sizes that do not fit each other.
    """
    num_coordinates = source.stores[0].array("joints").shape[2]
    num_joints = source.topology.num_joints
    encoder = config.model.encoder(num_joints, num_coordinates, config.clips.num_frames)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.training.seed, "start"))
        return MaskedMotionModel(encoder, config.model.decoder(), config.objective)
