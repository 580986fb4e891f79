"""Retrieval: a test sequence asks, the training sequences answer in the order of their cosine."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from skelact.clips.source import ClipSource
from skelact.evaluation.features import check_labels, extract_sides
from skelact.evaluation.knn import SIMILARITIES_AT_A_TIME, check_features
from skelact.evaluation.metrics import ClassificationMetrics, check_classes, evaluate_scores
from skelact.models.backbone import Backbone
from skelact.models.sizes import Pooling
from skelact.store.protocols import Split


@dataclass(frozen=True)
class RetrievalMetrics(ClassificationMetrics):
    """Accuracies of the class nearest, and how early all the right answers come.

    A class's score is the cosine of its nearest training sequence: top-1 is the share of queries whose
    nearest sequence is of their class (recall at 1). Of classes whose nearest are equally near the first
    counts, as in every classification; in the average precision equal cosines count in the training side's
    order.
    """

    mean_average_precision: float
    """Mean over the queries of the average precision over all training sequences, in [0, 1]."""
    num_without_answer: int
    """Queries of a class that the training side does not have; the mean leaves them out."""

    def to_dict(self) -> dict[str, object]:
        """Return the numbers ready for JSON."""
        return {
            **super().to_dict(),
            "mean_average_precision": self.mean_average_precision,
            "num_without_answer": self.num_without_answer,
        }


def retrieve(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    num_classes: int,
) -> RetrievalMetrics:
    """Rank the training sequences for every test sequence; works through the queries in parts.

    The average precision of a query is the mean, over the training sequences of its class, of the share of
    right ones among all up to and with that sequence; equal cosines count in the training side's order.

    Args:
        train_features: (N, D).
        train_labels: (N,) classes in [0, K).
        test_features: (Q, D).
        test_labels: (Q,) classes in [0, K).
        num_classes: number of classes K.

    Raises:
        DataError: shapes that do not fit, a feature that is not finite, or a label that is not a class.
    """
    check_features(train_features, train_labels, test_features)
    check_classes(train_labels, num_classes)
    train, test = F.normalize(train_features, dim=1), F.normalize(test_features, dim=1)
    nearest = test.new_full((len(test), num_classes), -torch.inf)
    precision = test.new_zeros(len(test), dtype=torch.float64)
    place = torch.arange(1, len(train) + 1, device=test.device)
    step = max(1, SIMILARITIES_AT_A_TIME // len(train))
    for begin in range(0, len(test), step):
        part = slice(begin, begin + step)
        cosine = test[part] @ train.T  # (queries, N)
        to_class = train_labels.long().expand(len(cosine), -1)
        nearest[part] = nearest[part].scatter_reduce(1, to_class, cosine, "amax")
        order = cosine.argsort(dim=1, descending=True, stable=True)
        is_right = train_labels[order] == test_labels[part, None]
        share = is_right.cumsum(1) / place
        precision[part] = (share.double() * is_right).sum(1) / is_right.sum(1).clamp(min=1)
    has_answer = torch.isin(test_labels, train_labels)
    metrics = evaluate_scores(nearest, test_labels, num_classes)
    mean = float(precision[has_answer].mean()) if has_answer.any() else 0.0
    return RetrievalMetrics(
        **vars(metrics), mean_average_precision=mean, num_without_answer=int((~has_answer).sum())
    )


def evaluate_retrieval(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    *,
    fabric: Fabric | None = None,
    title: str = "",
    pooling: Pooling = "mean",
) -> RetrievalMetrics:
    """Let the test side of a protocol ask its training side; nothing is trained.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from; both sides are read as test clips.
        split: training and test sequences.
        fabric: the processes that share the clips; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.
        pooling: what stands side by side in an embedding.

    Raises:
        DataError: a sequence without a label, or no test sequence.
    """
    check_labels(source, split)
    (train_features, train_labels), (test_features, test_labels) = extract_sides(
        encoder, source, split, fabric=fabric, title=title, pooling=pooling
    )
    num_classes = len(source.store.class_names)
    return retrieve(train_features, train_labels, test_features, test_labels, num_classes)
