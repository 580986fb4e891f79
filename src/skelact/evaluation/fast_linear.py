"""Linear evaluation in seconds: logistic regression on features computed once.

The published recipe (:mod:`skelact.evaluation.linear`) sees each sequence in a new crop every epoch; here it
is seen in its centre crop and, if wanted, in a few random crops that stay. The strength of the regularisation
is chosen on sequences held out of the training side; the test side decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from skelact.clips.source import ClipSource
from skelact.errors import DataError
from skelact.evaluation.balance import weights_of
from skelact.evaluation.features import check_labels, extract_crops, extract_sides
from skelact.evaluation.linear_layer import LayerMetrics, LinearLayer, check_learnable
from skelact.evaluation.logistic import fit_path
from skelact.evaluation.metrics import evaluate_scores
from skelact.evaluation.settings import FastLinearConfig
from skelact.models.backbone import Backbone, frozen
from skelact.store.protocols import Split
from skelact.training.randomness import generator_for

ENOUGH_WORSE = 0.02
"""Held-out accuracy below the best at which weaker strengths are no longer tried, where that is no chance."""


@dataclass(frozen=True)
class FastLinearMetrics(LayerMetrics):
    """The accuracies, and how the strength was chosen."""

    converged: bool
    """Whether the classifier's gradient came below the tolerance."""

    def to_dict(self) -> dict[str, object]:
        """Return the numbers ready for JSON."""
        return {**super().to_dict(), "converged": self.converged}


def evaluate_fast_linear(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    config: FastLinearConfig,
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> FastLinearMetrics:
    """Fit logistic regression on frozen features of the training side; score the test side.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from.
        split: training and test sequences.
        config: crops, strengths, seed.
        fabric: the processes that share the clips; default: this one does all. Each fits the same classifier.
        title: what the progress line on a terminal calls it; none without a title.

    Raises:
        DataError: a sequence without a label, no test sequence, a feature that is not finite, or training
            sequences of one class alone.
    """
    check_labels(source, split)
    with frozen(encoder, source.device):
        (centre, labels), (test, test_labels) = extract_sides(
            encoder, source, split, fabric=fabric, title=title, pooling=config.pooling
        )
        crops = [
            extract_crops(
                encoder,
                source,
                split.train,
                config.seed,
                number,
                fabric=fabric,
                title=title,
                pooling=config.pooling,
            )
            for number in range(config.crops)
        ]
    num_classes = len(source.store.class_names)
    classifier, accuracy = fit_chosen(torch.stack([centre, *crops]), labels, num_classes, config)
    metrics = evaluate_scores(classifier(test), test_labels, num_classes)
    return FastLinearMetrics(
        **vars(metrics), l2=classifier.l2, held_out_accuracy=accuracy, converged=classifier.converged
    )


def fit_chosen(
    features: Tensor, labels: Tensor, num_classes: int, config: FastLinearConfig
) -> tuple[LinearLayer, dict[float, float]]:
    """Fit with the strength that does best on sequences held out; then on all sequences.

    Args:
        features: (crops, N, D) features of each sequence in each crop; held out is a sequence, not a crop,
            and it is judged by the first.
        labels: (N,) classes.
        num_classes: number of classes K.
        config: strengths, and how to choose among them.

    Returns:
        The classifier, and the accuracy on the sequences held out by strength; with classes balanced it is
        the mean of the classes' accuracies.

    Raises:
        DataError: features that are not finite, or of one class alone.
    """
    check_learnable(features, labels, num_classes)

    def path(chosen: Tensor, strengths: Sequence[float]) -> Iterator[LinearLayer]:
        classes = labels[chosen]
        weights = weights_of(config.balance, classes, num_classes)
        return fit_path(
            features[:, chosen].flatten(0, 1),
            classes.repeat(len(features)),
            num_classes,
            strengths,
            max_iterations=config.max_iterations,
            tolerance=config.tolerance,
            weights=None if weights is None else weights[classes].repeat(len(features)),
        )

    accuracy: dict[float, float] = {}
    strengths = sorted(config.l2, reverse=True)
    if len(strengths) > 1:
        is_held = hold_out(labels, config.held_out, config.seed)
        # of few sequences one more or less is much: two standard errors of a share, the largest there are
        enough = max(ENOUGH_WORSE, float(is_held.sum()) ** -0.5)
        for classifier in path(~is_held, strengths):
            held = evaluate_scores(classifier(features[0, is_held]), labels[is_held], num_classes)
            accuracy[classifier.l2] = held.top1 if config.balance == "none" else held.mean_class_accuracy
            if accuracy[classifier.l2] < max(accuracy.values()) - enough:
                break
    best = max(accuracy, key=lambda l2: (accuracy[l2], l2)) if accuracy else strengths[0]
    # again from strong to weak, for a start near the end
    *_, classifier = path(torch.ones(len(labels), dtype=torch.bool), [l2 for l2 in strengths if l2 >= best])
    return classifier, accuracy


def hold_out(labels: Tensor, share: float, seed: int) -> Tensor:
    """Return (N,) bool, True for the sequences held out: the share, at random, but of no class all.

    Raises:
        DataError: no class has two sequences, so that none can be held out.
    """
    is_held = torch.zeros(len(labels), dtype=torch.bool)
    left = torch.bincount(labels)  # of each class, not held out
    wanted = max(1, round(share * len(labels)))
    for place in torch.randperm(len(labels), generator=generator_for(seed, "held out")).tolist():
        if wanted and left[labels[place]] > 1:
            is_held[place] = True
            left[labels[place]] -= 1
            wanted -= 1
    if not is_held.any():
        raise DataError(
            "no class has two training sequences, so none can be held out; give one strength, --l2 0.001"
        )
    return is_held
