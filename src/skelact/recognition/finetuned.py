"""Fine-tuning as one more way to classify, measured on the same folds as the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from skelact.clips.source import ClipSource
from skelact.evaluation.features import extract_features, labels_of
from skelact.evaluation.finetune import finetune
from skelact.evaluation.folds import Folds
from skelact.evaluation.settings import FinetuneConfig
from skelact.models.pretrained import Pretrained, load_pretrained
from skelact.recognition.choice import Measured
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.store.protocols import Indices, Split
from skelact.training.devices import make_fabric


def measure_finetuned(
    pretrained: Pretrained,
    source: ClipSource,
    indices: Indices,
    folds: Folds,
    config: FinetuneConfig,
    scratch: Path,
    about: Mapping[str, Any],
) -> Measured:
    """Fine-tune on all folds but one, and classify that one, for each.

    Args:
        pretrained: the encoder to start from; it is not changed.
        source: where the clips come from.
        indices: (N,) the labelled sequences.
        folds: who is tested with whom.
        config: how.
        scratch: folder for the runs, which nobody needs afterwards.
        about: what their cards say of them.
    """
    labels = labels_of(source, indices)
    num_classes = len(source.store.class_names)
    scores = torch.full((len(labels), num_classes), -torch.inf)
    distances, tested = torch.full((len(labels),), torch.inf), torch.zeros(len(labels), dtype=torch.bool)
    for fold in range(folds.num):
        train, test = folds.learns(fold, labels)
        if not test.any():
            continue
        out = scratch / f"fold-{fold + 1}"
        sides = Split(indices[train.numpy()], indices[test.numpy()])
        scores[test] = run(
            pretrained, source, sides, config, out, about, f"fine-tuning {fold + 1}/{folds.num}"
        )
        encoder = load_pretrained(out).encoder
        known, _ = extract_features(encoder, source, sides.train)
        asked, _ = extract_features(encoder, source, sides.test)
        near = Neighbours.of(Examples(known, labels[train], num_classes)).distances(asked)
        distances[test] = near.min(1).values
        tested |= test
    return Measured("finetune", "mean", scores, distances, tested, labels)


def run(
    pretrained: Pretrained,
    source: ClipSource,
    sides: Split,
    config: FinetuneConfig,
    out: Path,
    about: Mapping[str, Any],
    title: str,
) -> torch.Tensor:
    """Fine-tune into the run folder ``out``; return the (N, K) scores of the test side."""
    fabric = make_fabric(config.training)
    metrics = finetune(pretrained, source, sides, config, out, fabric, about=about, title=title)
    return torch.from_numpy(metrics.scores)
