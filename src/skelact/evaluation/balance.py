"""Classes of unequal size, made to count alike while a classifier learns.

In two ways: ``sampling`` shows each class equally often, ``loss`` shows every sequence once and weighs its
loss by one over its class's size. Accuracy over all test sequences may fall by either, the mean of the
classes' accuracies is what they are for.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from skelact.clips.mixture import even_order
from skelact.evaluation.settings import Balance
from skelact.training.steps import Order


def order_of(balance: Balance, labels: Tensor) -> Order | None:
    """Return the order of an epoch that shows each class equally often, or None for every sequence once.

    An epoch stays as long as it is: a small class comes several times, a large one in part.

    Args:
        balance: only ``sampling`` changes the order.
        labels: (N,) classes of the training sequences.
    """
    if balance != "sampling":
        return None
    return partial(even_order, [np.flatnonzero(labels == label) for label in torch.unique(labels)])


def weights_of(balance: Balance, labels: Tensor, num_classes: int) -> Tensor | None:
    """Return (K,) what the loss of a sequence of each class is multiplied by, or None for 1 throughout.

    The mean over the training sequences is 1; a class that does not occur has 0.

    Args:
        balance: only ``loss`` gives weights.
        labels: (N,) classes of the training sequences.
        num_classes: number of classes K.
    """
    if balance != "loss":
        return None
    counts = torch.bincount(labels, minlength=num_classes)
    weights = len(labels) / ((counts > 0).sum() * counts.clamp(min=1))
    return torch.where(counts > 0, weights, 0.0)


def weighted_loss(
    scores: Tensor, labels: Tensor, weights: Tensor | None, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean over a batch of the cross-entropy times its class's weight.

    The mean is over sequences, not over weights, so that parts of a batch add up to the whole.

    Args:
        scores: (N, K).
        labels: (N,).
        weights: (K,) of :func:`weights_of`.
        label_smoothing: share of the probability that is spread over all classes.
    """
    if weights is None:
        return cross_entropy(scores, labels, label_smoothing=label_smoothing)
    each = cross_entropy(scores, labels, label_smoothing=label_smoothing, reduction="none")
    return (each * weights.to(each)[labels]).mean()
