"""The layer that says what a frame shows: logistic regression on a draw of frames of every recording."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from skelact.clips.sampling import IntArray
from skelact.detection.settings import LayerConfig
from skelact.errors import DataError
from skelact.evaluation.linear_layer import LinearLayer
from skelact.evaluation.logistic import fit_path
from skelact.training.randomness import generator_for

UNUSED = -1
"""Label of a place that no frame was drawn for."""


def draw_frames(
    labels: IntArray, background: int, config: LayerConfig, generator: torch.Generator
) -> IntArray:
    """Draw the frames of a recording to learn from: all frames of actions alike likely, all others too.

    Args:
        labels: (F,) of the frames to draw from.
        background: label of the background.
        config: how many, and what share of them background.
        generator: a CPU generator.

    Returns:
        Their places, ascending; fewer than wanted where there are too few frames of actions.
    """
    order = torch.randperm(len(labels), generator=generator).numpy()
    is_background = labels[order] == background
    others, actions = order[is_background], order[~is_background]
    share = config.background_share
    num_others = min(len(others), int(share * config.frames_per_recording))
    actions = actions[: config.frames_per_recording - num_others]
    # the small addend keeps a whole number that the division made too small by rounding
    num_others = min(num_others, int(len(actions) * share / (1 - share) + 1e-9))
    return np.sort(np.concatenate([others[:num_others], actions]))


def fit_layer(
    features: Tensor, labels: Tensor, num_classes: int, config: LayerConfig, seed: int
) -> tuple[LinearLayer, dict[float, float]]:
    """Fit with the strength that does best on recordings held out; then on all recordings.

    Args:
        features: (R, F, D) features of F frames of each of R recordings.
        labels: (R, F) their classes, the background's among them; UNUSED where there is no frame.
        num_classes: number of classes, the background's included.
        config: strengths, and how to choose among them.
        seed: decides which recordings are held out.

    Returns:
        The layer, and the mean log-probability of the right class in the recordings held out, by strength.
        Frames of classes that occur in those alone do not count; the dict is empty with one strength.

    Raises:
        DataError: features that are not finite or of one class alone, or nothing that can be held out.
    """
    if not features.isfinite().all():
        raise DataError(
            "a training recording has a feature that is not finite; did the pre-training diverge?"
        )
    is_used = labels != UNUSED
    _check_two_classes(labels[is_used], "the frames drawn from the training recordings")

    def path(is_chosen: Tensor, strengths: list[float]) -> Iterator[LinearLayer]:
        return fit_path(
            features[is_chosen],
            labels[is_chosen],
            num_classes,
            strengths,
            max_iterations=config.max_iterations,
            tolerance=config.tolerance,
        )

    likelihood: dict[float, float] = {}
    strengths = sorted(set(config.l2), reverse=True)
    if len(strengths) > 1:
        is_held = _hold_out(is_used, config.held_out, seed)[:, None]
        is_learned = is_used & ~is_held
        _check_two_classes(labels[is_learned], "the frames of the training recordings that are not held out")
        is_judged = is_used & is_held & torch.isin(labels, labels[is_learned])
        if not is_judged.any():
            raise DataError(
                "the recordings held out share no class with the others; give one strength, --layer.l2 0.001"
            )
        for classifier in path(is_learned, strengths):
            scores = classifier(features[is_judged]).log_softmax(1)
            right = scores.gather(1, labels[is_judged][:, None])
            likelihood[classifier.l2] = float(right.double().mean())
    best = max(likelihood, key=lambda l2: (likelihood[l2], l2)) if likelihood else strengths[0]
    # again from strong to weak, for a start near the end
    *_, classifier = path(is_used, [l2 for l2 in strengths if l2 >= best])
    return classifier, likelihood


def _hold_out(is_used: Tensor, share: float, seed: int) -> Tensor:
    """Return (R,) bool, True for the recordings held out, a share of those that (R, F) frames are used of."""
    with_frames = is_used.any(1).nonzero().flatten()
    if len(with_frames) < 2:
        raise DataError(
            "one training recording alone, so none can be held out; give one strength, --layer.l2 0.001"
        )
    order = torch.randperm(len(with_frames), generator=generator_for(seed, "held out"))
    num_held = min(max(1, round(share * len(with_frames))), len(with_frames) - 1)
    is_held = torch.zeros(len(is_used), dtype=torch.bool)
    is_held[with_frames[order[:num_held]]] = True
    return is_held


def _check_two_classes(labels: Tensor, what: str) -> None:
    if not len(labels) or bool((labels == labels[0]).all()):
        raise DataError(f"{what} are of one class alone; a layer needs two, so prepare more recordings")
