"""Fine-tuning: encoder and head learn from labels together. From a pre-trained start, or from chance.

Supervised training from scratch, semi-supervised learning and transfer are this with another start, fewer
labels or other data.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from skelact.clips.scale import measures
from skelact.clips.source import Clips, ClipSource
from skelact.evaluation.balance import order_of, weights_of
from skelact.evaluation.features import check_labels, in_batches, labels_of
from skelact.evaluation.linear import ClassifierTask, LastEpochMetrics, TestMonitor, follow_first_process
from skelact.evaluation.metrics import ClassificationMetrics, evaluate_scores
from skelact.evaluation.settings import FinetuneConfig
from skelact.files import write_file, write_json
from skelact.models.backbone import frozen
from skelact.models.blocks import set_stochastic_depth
from skelact.models.card import CARD, MEASURES
from skelact.models.heads import Classifier, FinetuneHead
from skelact.models.pretrained import WEIGHTS, Pretrained, model_card
from skelact.models.tensor_file import write_tensors
from skelact.pretraining.identity import (
    IDENTITY,
    LEFT_OUT,
    SEEDS,
    card_seeds,
    changed,
    encoder_identity,
    evaluation_identity,
)
from skelact.processor import choose_threads
from skelact.store.protocols import Split
from skelact.training.config import Resume
from skelact.training.devices import check_same_data, other_arithmetic
from skelact.training.log import GO_ON, METRICS, read_metrics
from skelact.training.loop import Indices, fit
from skelact.training.optimisers import layer_decay_scales
from skelact.training.randomness import derive_seed
from skelact.training.run_folder import beginning, run_folder

TEST_BATCH_SIZE = 64


def scores_of(model: nn.Module, clips: Clips) -> Tensor:
    """Return the (N, K) class scores that a classifier gives to a batch of clips."""
    scores: Tensor = model(clips.positions, clips.present, clips.seen)
    return scores


def build_classifier(pretrained: Pretrained, num_classes: int, config: FinetuneConfig) -> Classifier:
    """Return a copy of the encoder with a new head; the seed decides the head's weights.

    Raises:
        ConfigurationError: stochastic depth is asked of an encoder that has none.
    """
    encoder = deepcopy(pretrained.encoder).requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.training.seed, "head"))
        head = FinetuneHead(
            pretrained.topology.num_joints,
            encoder.config.width,
            num_classes,
            config.hidden_width,
            config.dropout,
            encoder.absent,
        )
    set_stochastic_depth(encoder, config.stochastic_depth)
    return Classifier(encoder, head)


def left_over(num: int, batch_size: int) -> list[str]:
    """Return a line that tells what every epoch leaves out; none where that is up to a tenth.

    Args:
        num: sequences that train.
        batch_size: sequences of a batch.
    """
    lost = num % batch_size if num > batch_size else 0
    if 10 * lost <= num:
        return []
    fits = num // -(-num // batch_size)
    return [
        f"  an epoch takes {num - lost} of these {num}, in whole batches of {batch_size}; "
        f"with --training.batch_size {fits} it takes {num // fits * fits}"
    ]


def finetune(
    pretrained: Pretrained,
    source: ClipSource,
    split: Split,
    config: FinetuneConfig,
    out: str | Path,
    fabric: Fabric,
    *,
    about: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
    resume: Resume = False,
    title: str = "finetune",
) -> LastEpochMetrics:
    """Train a classifier on the training side and leave it in ``out``; score the test side.

    Args:
        pretrained: the encoder to start from; it is copied, not changed.
        source: where the clips come from, on the device of ``fabric``.
        split: the labelled training sequences, and the test sequences.
        config: how.
        out: the run folder; new, or with ``resume`` that of the interrupted run. It gets ``config.yaml``,
            ``metrics.jsonl``, ``checkpoints/``, ``card.json`` and ``weights.safetensors``.
        fabric: the devices, launched.
        about: what else decides the run and stands in its configuration and card: ``method``, data, protocol,
            start.
        texts: further files of the run folder, by their names.
        resume: go on from the newest checkpoint; ``auto``: if the run has begun.
        title: what the progress line calls it; none without a title.

    Returns:
        The accuracies on the test side after the last epoch, with the best tested epoch beside them.

    Raises:
        DataError: a sequence without a label, no test sequence, or a folder that is taken or has nothing to
            resume.
        ConfigurationError: settings that are not those of the run to resume, or do not fit the encoder.
        RunStoppedError: the run was asked to stop; a checkpoint was written.
    """
    out = Path(out)
    check_labels(source, split)
    check_same_data(fabric, str(source.store.path), source.store.content_hash, split.train)
    class_names = source.store.class_names
    model = build_classifier(pretrained, len(class_names), config)
    choose_threads(sum(parameter.numel() for parameter in model.parameters()))
    settings = {**about, **asdict(config), "data_hash": source.store.content_hash}
    goes_on, has_checkpoint = beginning(out, resume, fabric)
    labels, seen = labels_of(source, split.test), labels_of(source, split.train)

    def score(module: nn.Module) -> ClassificationMetrics:
        follow_first_process(module, fabric)
        scores = classify(module, source, split.test, fabric=fabric, title=title and "test")
        return evaluate_scores(scores, labels, len(class_names))

    with run_folder(out, settings, goes_on, fabric):
        for name, text in (texts or {}).items() if fabric.global_rank == 0 else ():
            write_file(out / name, text, GO_ON)
        epochs = config.training.epochs
        before = read_metrics(out / METRICS) if has_checkpoint else []
        monitor = TestMonitor(score, epochs, config.test_every, before)
        fit(
            ClassifierTask(
                model,
                source,
                scores_of,
                weights_of(config.balance, seen, len(class_names)),
                config.label_smoothing,
            ),
            split.train,
            config.training,
            fabric,
            title=title,
            folder=out,
            resume=has_checkpoint,
            order=order_of(config.balance, seen),
            rate_scales=layer_decay_scales(model, config.layer_decay),
            callbacks=[monitor],
        )
        if monitor.last is None:  # it had been trained to the end before it was resumed
            monitor.test(epochs, model)
        if fabric.global_rank == 0:
            write_tensors(out / WEIGHTS, model.state_dict(), remedy=GO_ON)
            head = {"kind": "finetune", "hidden_width": config.hidden_width, "dropout": config.dropout}
            card = model_card(
                model.encoder,
                pretrained.topology,
                source.settings,
                {
                    "method": about["method"],
                    "config": settings,
                    **_identity(pretrained, config, source, split, about),
                    "data_set": source.store.data_set,
                    "data_hash": source.store.content_hash,
                    MEASURES: measures([source.store]),
                    "num_training_sequences": len(split.train),
                    **other_arithmetic(config.training),
                    "head": head,
                    "class_names": class_names,
                },
            )
            write_json(out / CARD, card, GO_ON)  # the mark of a finished run, so the last
    return monitor.result()


def _identity(
    pretrained: Pretrained, config: FinetuneConfig, source: ClipSource, split: Split, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a classifier's card tells of its identity: that of the encoder it started from counts."""
    subset, trained = about.get("subset") or {}, not about.get("start", {}).get("untrained", False)
    identity = evaluation_identity(
        about.get("evaluation", "finetune"),
        changed(config),
        data_hash=source.store.content_hash,
        protocol=about.get("protocol", ""),
        encoder=encoder_identity(pretrained.card, trained),
        num_labelled=len(split.train) if subset else None,
        left_out=about.get(LEFT_OUT, {}).get("sha256"),
    )
    seeds = [config.training.seed, *([subset["seed"]] if subset else [])]
    return {IDENTITY: identity, SEEDS: seeds + (card_seeds(pretrained.card) if trained else [])}


@torch.no_grad()
def classify(
    model: nn.Module,
    source: ClipSource,
    indices: Indices,
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> Tensor:
    """Return the (N, K) class scores of the test clips of N sequences, on the CPU, in every process.

    Args:
        model: maps clips and present bodies to scores; it is not changed.
        source: where the clips come from.
        indices: (N,) sequences of the store.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.
    """

    def score(part: slice) -> Tensor:
        clips = source.test(indices[part])
        return scores_of(model, clips).float()

    with frozen(model, source.device):
        return in_batches(score, len(indices), TEST_BATCH_SIZE, fabric=fabric, title=title)
