"""Linear evaluation as published: a linear layer on frozen features of randomly cropped, rotated clips.

:mod:`skelact.evaluation.fast_linear` is the same in seconds, on features computed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from skelact.batches.dataset import Clips, ClipSource, draw
from skelact.errors import DataError
from skelact.evaluation.features import embed, extract_features
from skelact.evaluation.last_epoch import LastEpochMetrics, TestMonitor, follow_first_process
from skelact.evaluation.metrics import ClassificationMetrics, evaluate_scores
from skelact.models.backbone import Backbone
from skelact.models.heads import LinearHead
from skelact.preparation.protocols import Split
from skelact.training.config import TrainingConfig
from skelact.training.loop import Indices, Step, fit, make_fabric
from skelact.training.randomness import derive_seed


@dataclass(frozen=True)
class LinearConfig:
    """What a configuration file of the linear evaluation may set."""

    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How the layer is trained."""


class LinearTask:
    """Trains the head; the encoder only looks."""

    def __init__(self, encoder: Backbone, head: LinearHead, source: ClipSource) -> None:
        self.encoder, self.model, self.source = encoder, head, source

    def batch(self, step: Step) -> Clips:
        """Make the clips of a share of the batch."""
        draws = draw(len(step.indices), step.generator)
        return self.source.train(step.indices[step.share], draws=draws[step.share])

    def loss(self, model: nn.Module, batch: Clips) -> tuple[Tensor, int]:
        """Return the mean cross-entropy of a batch."""
        return cross_entropy(model(embed(self.encoder, batch)), batch.labels), len(batch.labels)

    def names(self, indices: Indices) -> list[str]:
        """Return what sequences are called in the store."""
        return [self.source.store.names[index] for index in indices.tolist()]


def evaluate_linear(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    config: TrainingConfig,
    *,
    fabric: Fabric | None = None,
    title: str = "linear",
    quiet: bool = False,
) -> LastEpochMetrics:
    """Train a linear layer on frozen features; return what it scores on the test side after the last epoch.

    The test side is looked at after every epoch, so that the best epoch can be named beside the last.

    Args:
        encoder: the representation; it is not changed.
        source: where clips come from; they are made on the device that the configuration chooses.
        split: training and test sequences.
        config: how the layer is trained.
        fabric: the devices; default: those of the configuration.
        title: what the progress line calls it.
        quiet: no progress line.

    Raises:
        DataError: a sequence without a label, or no test sequence.
    """
    check_labels(source, split)
    fabric = fabric or make_fabric(config)
    source = ClipSource(source.store, source.settings, fabric.device)
    encoder = encoder.eval().requires_grad_(False).to(fabric.device)
    num_classes = len(source.store.class_names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "head"))
        head = LinearHead(encoder.config.width, num_classes)
    embeddings, labels = extract_features(
        encoder, source, split.test, fabric=fabric, title="" if quiet else "test features"
    )

    def score(model: nn.Module) -> ClassificationMetrics:
        follow_first_process(model, fabric)
        with torch.no_grad():
            scores = model(embeddings.to(fabric.device)).cpu()
        return evaluate_scores(scores, labels, num_classes)

    monitor = TestMonitor(score, config.epochs)
    task = LinearTask(encoder, head, source)
    fit(task, split.train, config, fabric, title=title, monitors=[monitor], quiet=quiet)
    return monitor.result()


def check_labels(source: ClipSource, split: Split) -> None:
    """Raise DataError unless there is something to test and every sequence of the split has a label."""
    if not len(split.test):
        raise DataError(f"{source.store.path}: there is no test sequence to evaluate on")
    labels: np.ndarray[Any, Any] = np.asarray(source.store.labels)
    for side, indices in (("training", split.train), ("test", split.test)):
        without = indices[labels[indices] < 0]
        if len(without):
            name = source.store.names[int(without[0])]
            raise DataError(
                f"{source.store.path}: {len(without)} {side} sequences have no label, the first is {name}; "
                "choose a protocol without them, or prepare the data with their labels"
            )
