"""Linear evaluation as published: a linear layer on frozen features of randomly cropped, rotated clips."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from skelact.batches.dataset import ClipSource, draw
from skelact.errors import DataError
from skelact.evaluation.features import embed, extract_features
from skelact.evaluation.metrics import ClassificationMetrics, evaluate_scores
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import LinearHead
from skelact.preparation.protocols import Split
from skelact.training.config import TrainingConfig
from skelact.training.loop import Step, fit, make_fabric
from skelact.training.randomness import derive_seed


@dataclass(frozen=True)
class LinearConfig:
    """What a configuration file of the linear evaluation may set."""

    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How the layer is trained."""


class LinearTask:
    """Trains the head; the encoder only looks."""

    def __init__(self, encoder: SkeletonEncoder, head: LinearHead, source: ClipSource) -> None:
        self.encoder, self.model, self.source = encoder, head, source

    def loss(self, model: nn.Module, step: Step) -> tuple[Tensor, int]:
        """Return the mean cross-entropy of this process's share of the batch."""
        draws = draw(len(step.indices), step.generator)
        clips = self.source.train(step.indices[step.share], draws=draws[step.share])
        return cross_entropy(model(embed(self.encoder, clips)), clips.labels), len(clips.labels)


def evaluate_linear(
    encoder: SkeletonEncoder,
    source: ClipSource,
    split: Split,
    config: TrainingConfig,
    *,
    title: str = "linear",
    quiet: bool = False,
) -> ClassificationMetrics:
    """Train a linear layer on frozen features; return what it scores on the test side after the last epoch.

    Args:
        encoder: the representation; it is not changed.
        source: where clips come from; they are made on the device that the configuration chooses.
        split: training and test sequences.
        config: how the layer is trained.
        title: what the progress line calls it.
        quiet: no progress line.

    Raises:
        DataError: a sequence without a label.
    """
    check_labels(source, split)
    fabric = make_fabric(config)
    source = ClipSource(source.store, source.settings, fabric.device)
    encoder = encoder.eval().requires_grad_(False).to(fabric.device)
    num_classes = len(source.store.class_names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "head"))
        head = LinearHead(encoder.config.width, num_classes)
    fit(LinearTask(encoder, head, source), split.train, config, fabric, title=title, quiet=quiet)
    embeddings, labels = extract_features(encoder, source, split.test)
    head = head.eval().cpu()
    with torch.no_grad():
        return evaluate_scores(head(embeddings), labels, num_classes)


def check_labels(source: ClipSource, split: Split) -> None:
    """Raise DataError unless every sequence of the split has a label."""
    labels: np.ndarray[Any, Any] = np.asarray(source.store.labels)
    for side, indices in (("training", split.train), ("test", split.test)):
        without = indices[labels[indices] < 0]
        if len(without):
            name = source.store.names[int(without[0])]
            raise DataError(
                f"{source.store.path}: {len(without)} {side} sequences have no label, the first is {name}"
            )
