"""The figures of a finished run: how it learned, what it confuses, what its density sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from skelact.clips.source import ClipSource
from skelact.density.prime import hard_prime_mask
from skelact.evaluation.metrics import ClassificationMetrics
from skelact.models.backbone import frozen
from skelact.models.embedding import patchify
from skelact.pretraining.masked.model import MaskedModel
from skelact.reports.figures import confusion_matrix, density_change_map, loss_curve
from skelact.reports.skeletons import skeleton_strip
from skelact.training.log import read_metrics

PRIME_SHARE = 0.15
"""Share of a clip's tokens that the strip marks as prime."""


def draw_training(run: Path) -> Path:
    """Draw ``figures/loss.png`` from the run's metrics and return its path."""
    path = run / "figures" / "loss.png"
    path.parent.mkdir(exist_ok=True)
    loss_curve(read_metrics(run / "metrics.jsonl"), path)
    return path


def draw_confusion(run: Path, metrics: ClassificationMetrics, class_names: list[str]) -> Path:
    """Draw ``figures/confusion.png``, of the classes that occur or were predicted; return its path."""
    path = run / "figures" / "confusion.png"
    path.parent.mkdir(exist_ok=True)
    shown = np.flatnonzero(metrics.confusion.sum(0) + metrics.confusion.sum(1))
    names = [class_names[index] for index in shown]
    title = "Linear evaluation, test sequences"
    confusion_matrix(metrics.confusion[np.ix_(shown, shown)], names, path, title=title)
    return path


@torch.no_grad()
def draw_density(run: Path, model: MaskedModel, source: ClipSource, sequence: int) -> list[Path]:
    """Draw one sequence as a strip with its prime joints, and its map of density change.

    Args:
        run: the run folder; the files are ``figures/strip.png`` and ``figures/density.png``.
        model: a model whose masking follows a signal.
        source: where the clip comes from.
        sequence: its number in the store; the first body is drawn.

    Raises:
        ValueError: the model masks by chance alone.
    """
    clips = source.test([sequence])
    body = clips.positions[0, :1].cpu()  # (1, T, V, C)
    patch_frames = model.encoder.config.patch_frames
    with frozen(model, "cpu"):
        change = model.signal(patchify(body, patch_frames))  # (1, T', V)
    if change is None:
        raise ValueError("a model that masks by chance alone has no signal to draw")
    is_prime = hard_prime_mask(change, PRIME_SHARE)[0].repeat_interleave(patch_frames, 0)
    store = source.store
    action = store.class_names[int(clips.labels[0])] if clips.labels[0] >= 0 else "no label"
    title = f"{store.names[sequence]}: {action}"
    folder = run / "figures"
    folder.mkdir(exist_ok=True)
    skeleton_strip(body[0].numpy(), store.topology, np.asarray(is_prime), folder / "strip.png", title=title)
    step_seconds = None
    if store.fps is not None:
        shown = int(store.array("num_frames")[sequence]) * source.settings.test_crop_share
        step_seconds = shown / store.fps / change.shape[1]
    density_change_map(
        change[0].numpy(), store.topology, folder / "density.png", step_seconds=step_seconds, title=title
    )
    return [folder / "strip.png", folder / "density.png"]
