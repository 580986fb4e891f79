"""Linear evaluation by ridge regression: exact in a moment, its strength chosen among the training people.

Where features are many and sequences few, least squares on the classes' indicators finds a better layer than
logistic regression does (docs/encoders.md). All strengths share one eigendecomposition, of the smaller of the
features' and the sequences' products.

Source: Hoerl and Kennard, Technometrics 12, 1970; as a classifier, scikit-learn's ``RidgeClassifier``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from skelact.clips.source import ClipSource
from skelact.errors import DataError
from skelact.evaluation.features import check_labels, extract_features, extract_sides
from skelact.evaluation.folds import Folds, make_folds
from skelact.evaluation.linear_layer import LayerMetrics, LinearLayer, check_learnable, standardising
from skelact.evaluation.metrics import evaluate_scores
from skelact.evaluation.settings import RidgeConfig
from skelact.models.backbone import Backbone
from skelact.store.protocols import Indices, Split

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # which takes its time to load

ROUNDS = 10
"""In which sequences without a label come to learn along."""


@dataclass(frozen=True)
class RidgeMetrics(LayerMetrics):
    """The accuracies, and how the strength was chosen."""

    folds: str
    """Who was held out."""

    def to_dict(self) -> dict[str, object]:
        """Return the numbers ready for JSON."""
        return {**super().to_dict(), "folds": self.folds}


def evaluate_ridge(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    config: RidgeConfig,
    people: Mapping[str, npt.NDArray[Any]],
    *,
    unlabelled: Indices | None = None,
    fabric: Fabric | None = None,
    title: str = "",
) -> RidgeMetrics:
    """Fit ridge regression on frozen features of the training side; score the test side.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from.
        split: training and test sequences.
        config: strengths and pooling.
        people: (all sequences of the store,) numbers that tell who was recorded, -1 where unknown, by their
            names; the strength is chosen on people held out where they are known.
        unlabelled: (U,) sequences that teach without their labels, see :func:`fit_with_unlabelled`; the
            strength is chosen without them.
        fabric: the processes that share the clips; default: this one does all. Each fits the same classifier.
        title: what the progress line on a terminal calls it; none without a title.

    Raises:
        DataError: a sequence without a label, no test sequence, a feature that is not finite, training
            sequences of one class alone, or strengths to choose from and nobody to be held out.
    """
    check_labels(source, split)
    (train, labels), (test, test_labels) = extract_sides(
        encoder, source, split, fabric=fabric, title=title, pooling=config.pooling
    )
    num_classes = len(source.store.class_names)
    check_learnable(train, labels, num_classes)
    own = {name: column[split.train] for name, column in people.items()}
    folds = make_folds(labels.numpy(), own)
    accuracy = held_out_accuracy(train, labels, num_classes, config.l2, folds) if len(config.l2) > 1 else {}
    best = max(accuracy, key=lambda l2: (accuracy[l2], l2)) if accuracy else config.l2[0]
    if unlabelled is None:
        (layer,) = fit_ridge(train, labels, num_classes, [best])
    else:
        others, _ = extract_features(
            encoder, source, unlabelled, fabric=fabric, title=title, pooling=config.pooling
        )
        layer = fit_with_unlabelled(train, labels, others, num_classes, best)
    metrics = evaluate_scores(layer(test), test_labels, num_classes)
    return RidgeMetrics(**vars(metrics), l2=best, held_out_accuracy=accuracy, folds=folds.rule)


def held_out_accuracy(
    features: Tensor, labels: Tensor, num_classes: int, strengths: Sequence[float], folds: Folds
) -> dict[float, float]:
    """Return the share of (N, D) sequences recognised by layers that learned from the other folds.

    Raises:
        DataError: no sequence can be tested by others of its class.
    """
    right, num_tested = np.zeros(len(strengths)), 0
    for fold in range(folds.num):
        train, test = folds.learns(fold, labels)
        if not test.any() or len(torch.unique(labels[train])) < 2:
            continue
        layers = fit_ridge(features[train], labels[train], num_classes, strengths)
        right += [int((layer(features[test]).argmax(1) == labels[test]).sum()) for layer in layers]
        num_tested += int(test.sum())
    if not num_tested:
        raise DataError(
            "no training sequence can be tested by others of its class; give one strength, --l2 0.1"
        )
    return dict(zip(strengths, (right / num_tested).tolist(), strict=True))


def fit_ridge(
    features: Tensor, labels: Tensor, num_classes: int, strengths: Sequence[float]
) -> Iterator[LinearLayer]:
    """Fit a layer of each strength: the least squares to the classes' indicators, with its weights held back.

    The layer that a strength gives minimises the sum of squared errors plus strength times D times the
    squared norm of the weights, on standardised features; so a strength means the same for any width.

    Args:
        features: (N, D) float32.
        labels: (N,) classes in [0, K).
        num_classes: number of classes K.
        strengths: of the regularisation, each above 0.
    """
    mean, scale = standardising(features)
    x = ((features - mean) / scale).double()
    targets = F.one_hot(labels, num_classes).double()
    bias = targets.mean(0)
    targets -= bias
    width = x.shape[1]
    wide = len(x) < width
    values, axes = torch.linalg.eigh((x @ x.T if wide else x.T @ x) / width)
    seen = axes.T @ (targets if wide else x.T @ targets / width)
    rule_out = torch.where(bias > 0, bias, -torch.inf).to(features)
    for l2 in strengths:
        solved = axes @ (seen / (values.clamp(min=0) + l2)[:, None])
        weight = (x.T @ solved / width if wide else solved).T
        yield LinearLayer(weight.to(features).contiguous(), rule_out, mean, scale, l2)


def fit_with_unlabelled(
    features: Tensor, labels: Tensor, others: Tensor, num_classes: int, l2: float
) -> LinearLayer:
    """Fit a layer to sequences with labels, and to others with the labels that it gives them itself.

    In each of ten rounds more of the others learn along: of each class those that the last round's layer is
    surest of, up to a tenth of the class's even share in the first round and all of it in the last. The even
    share keeps one class from taking the others over; so it suits classes of about the same size.

    Source: self-training, Scudder, IEEE Trans. Inf. Theory 11, 1965; in rounds, as the easiest first,
    Cascante-Bonilla et al., AAAI 2021.

    Args:
        features: (N, D) float32.
        labels: (N,) classes in [0, K).
        others: (U, D) features of sequences without a label.
        num_classes: number of classes K; those without an example are given to none of the others.
        l2: strength of the regularisation.
    """
    share = len(others) / len(torch.unique(labels))
    (layer,) = fit_ridge(features, labels, num_classes, [l2])
    for done in range(1, ROUNDS + 1):
        sure, given = layer(others).max(1)
        most = math.ceil(share * done / ROUNDS)
        chosen = torch.cat(
            [
                places[sure[places].argsort(descending=True, stable=True)[:most]]
                for places in ((given == label).nonzero()[:, 0] for label in range(num_classes))
            ]
        )
        joined = torch.cat([features, others[chosen]])
        (layer,) = fit_ridge(joined, torch.cat([labels, given[chosen]]), num_classes, [l2])
    return layer
