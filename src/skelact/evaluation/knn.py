"""Nearest neighbours: classify a sequence by the training sequences whose features point the same way."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.evaluation.features import check_labels, extract_sides
from skelact.evaluation.linear_layer import standardising
from skelact.evaluation.metrics import ClassificationMetrics, check_classes, evaluate_scores
from skelact.models.backbone import Backbone
from skelact.models.sizes import Pooling
from skelact.store.protocols import Split

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # which takes its time to load

KS = (1, 10, 20)
SMALLEST_TAU = 1e-6  # a cosine divided by it is a number in single precision, with digits to spare
SIMILARITIES_AT_A_TIME = 2**22  # 16 MiB of float32


def knn_scores(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    num_classes: int,
    ks: Sequence[int] = KS,
    tau: float = 0.1,
) -> dict[int, Tensor]:
    """Score each class by the votes of the k nearest training sequences, by cosine.

    A neighbour of cosine s votes for its class with weight ``exp(s / tau)``; a class's score is the logarithm
    of its votes' sum, minus infinity without a vote. Works through the test side in parts, so that memory
    stays bounded.

    Args:
        train_features: (N, D).
        train_labels: (N,) classes, in [0, K).
        test_features: (Q, D).
        num_classes: number of classes K.
        ks: numbers of neighbours k.
        tau: temperature of the votes.

    Returns:
        For every k the (Q, K) scores.

    Raises:
        ConfigurationError: no k, a k below 1 or above N, or a temperature that is not positive.
        DataError: shapes that do not fit, a feature that is not finite, or a label that is not a class.
    """
    check_options(ks, tau, len(train_features))
    check_features(train_features, train_labels, test_features)
    check_classes(train_labels, num_classes)
    train, test = F.normalize(train_features, dim=1), F.normalize(test_features, dim=1)
    scores = {k: test.new_empty(len(test), num_classes) for k in ks}
    step = max(1, SIMILARITIES_AT_A_TIME // len(train))
    for begin in range(0, len(test), step):
        cosine, neighbour = (test[begin : begin + step] @ train.T).topk(max(ks), dim=1)
        label = train_labels.long()[neighbour]
        for k, table in scores.items():
            of, votes = label[:, :k], cosine[:, :k] / tau
            # a class's strongest vote is taken out of its exponents, which leave the range at a small tau
            strongest = votes.new_full((len(votes), num_classes), -torch.inf)
            strongest.scatter_reduce_(1, of, votes, "amax")
            shares = torch.exp(votes - strongest.gather(1, of))
            table[begin : begin + step] = (
                torch.zeros_like(strongest).scatter_add_(1, of, shares).log() + strongest
            )
    return scores


def evaluate_knn(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    *,
    ks: Sequence[int] = KS,
    tau: float = 0.1,
    fabric: Fabric | None = None,
    title: str = "",
    pooling: Pooling = "mean",
    standardise: bool = False,
) -> dict[int, ClassificationMetrics]:
    """Classify the test side of a protocol by its training side; nothing is trained.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from; both sides are read as test clips.
        split: training and test sequences.
        ks: numbers of neighbours k.
        tau: temperature of the votes.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.
        pooling: what stands side by side in an embedding.
        standardise: measure each feature from its mean over the training side, in its standard deviation.

    Returns:
        The metrics for every k.

    Raises:
        ConfigurationError: a k or a temperature out of range.
        DataError: a sequence without a label.
    """
    check_options(ks, tau, len(split.train))
    check_labels(source, split)
    (train_features, train_labels), (test_features, test_labels) = extract_sides(
        encoder, source, split, fabric=fabric, title=title, pooling=pooling
    )
    if standardise:
        check_features(train_features, train_labels, test_features)
        mean, scale = standardising(train_features)
        train_features, test_features = ((each - mean) / scale for each in (train_features, test_features))
    num_classes = len(source.store.class_names)
    scores = knn_scores(train_features, train_labels, test_features, num_classes, ks, tau)
    return {k: evaluate_scores(each, test_labels, num_classes) for k, each in scores.items()}


def possible_ks(num_train: int) -> tuple[int, ...]:
    """Return the usual numbers of neighbours that ``num_train`` sequences have; warn of those left out."""
    possible = tuple(k for k in KS if k <= num_train)
    if len(possible) < len(KS):
        left = " and ".join(str(k) for k in KS if k > num_train)
        warnings.warn(
            f"{num_train} training sequences have no {left} nearest; such k are left out",
            SkelactWarning,
            stacklevel=2,
        )
    return possible


def check_options(ks: Sequence[int], tau: float, num_train: int) -> None:
    """Raise ConfigurationError unless there are so many neighbours and the temperature is positive."""
    if not ks or min(ks) < 1:
        raise ConfigurationError(f"k={list(ks)}: needs at least one number of neighbours, each at least 1")
    if max(ks) > num_train:
        raise ConfigurationError(
            f"k={max(ks)}: there are only {num_train} training sequences; choose fewer (--k)"
        )
    if not tau >= SMALLEST_TAU:
        raise ConfigurationError(
            f"tau={tau}: the temperature of the votes must be above 0, {SMALLEST_TAU:g} or more"
        )


def check_features(train_features: Tensor, train_labels: Tensor, test_features: Tensor) -> None:
    """Raise DataError unless (N, D) features, (N,) labels and (Q, D) features fit and are finite."""
    shapes = [tuple(tensor.shape) for tensor in (train_features, train_labels, test_features)]
    if [len(shape) for shape in shapes] != [2, 1, 2] or shapes[0] != (*shapes[1], shapes[2][1]):
        raise DataError(
            f"training features {shapes[0]}, labels {shapes[1]} and test features {shapes[2]}: "
            "expected (sequences, width), (sequences,) and (sequences, width)"
        )
    for side, features in (("training", train_features), ("test", test_features)):
        rows = (~features.isfinite().all(1)).nonzero()
        if len(rows):
            raise DataError(f"{side} sequence {int(rows[0])} has a feature that is not finite")
