"""Probabilities that mean what they say, and what is too far from all examples to be any of them.

Both are learned from recordings that the classifier did not learn from: the folds of a cross-validation.

Source: temperature and expected calibration error, Guo et al., ICML 2017; targets short of certainty, Platt,
Advances in Large Margin Classifiers, 1999.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BINS = 10
"""Bins of the expected calibration error, of equal width in confidence."""
_LOG_TEMPERATURES = (math.log(1e-3), math.log(1e3))


def probabilities(scores: Tensor, temperature: float) -> Tensor:
    """Return the (N, K) probabilities of (N, K) scores; minus infinity is impossible.

    Args:
        scores: higher for a likelier class.
        temperature: above 1 is less sure than the scores, below 1 surer.
    """
    return (scores.double() / temperature).softmax(1)


def fit_temperature(scores: Tensor, labels: Tensor) -> float:
    """Return the temperature under which the true classes are likeliest, had one more been missed.

    Without that, a classifier that is right about all N recordings would be sure of everything it is ever
    asked. So of each recording a share of 1 / (N + 2) is taken to be of another class that is possible.

    Args:
        scores: (N, K) of recordings that the classifier did not learn from.
        labels: (N,) their true classes.

    Returns:
        A number from 0.001 to 1,000; 1 where no true class is possible.
    """
    from scipy.optimize import minimize_scalar  # whoever only predicts does not load it

    possible = scores.gather(1, labels[:, None])[:, 0] > -torch.inf
    if not possible.any():
        return 1.0
    table, truth = scores[possible].double(), labels[possible]

    missed = 1 / (len(truth) + 2)
    others = (table > -torch.inf).scatter(1, truth[:, None], False)
    num_others = others.sum(1).clamp(min=1)

    def surprise(log_temperature: float) -> float:
        chances = (table / math.exp(log_temperature)).log_softmax(1)
        of_truth = chances.gather(1, truth[:, None])[:, 0]
        of_others = torch.where(others, chances, 0.0).sum(1) / num_others
        return -float(((1 - missed) * of_truth + missed * of_others).mean())

    found = minimize_scalar(surprise, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-3})
    return math.exp(float(found.x))


def temperature_of_others(scores: Tensor, labels: Tensor, folds: Tensor) -> Tensor:
    """Return (N, K) probabilities, those of each fold by the temperature that all other folds ask for.

    Args:
        scores: (N, K) of recordings that the classifier did not learn from.
        labels: (N,) their true classes.
        folds: (N,) the fold of each.
    """
    made = torch.empty(scores.shape, dtype=torch.float64)
    for fold in set(folds.tolist()):
        here = folds == fold
        made[here] = probabilities(scores[here], fit_temperature(scores[~here], labels[~here]))
    return made


def calibration_error(chances: Tensor, labels: Tensor) -> float:
    """Return the expected calibration error: the mean distance between confidence and share of hits.

    Args:
        chances: (N, K) probabilities.
        labels: (N,) the true classes.

    Returns:
        The distance in each of :data:`BINS` bins of confidence, weighed by the recordings in it; in [0, 1].
    """
    confidence, guess = chances.double().max(1)
    hit = (guess == labels).double()
    place = (confidence * BINS).long().clamp(max=BINS - 1)
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add_(0, place, confidence - hit)
    return float(gaps.abs().sum() / len(labels))


def threshold_of(distances: Tensor, false_alarms: float) -> float:
    """Return the distance beyond which a recording is taken for none of the classes.

    Args:
        distances: (N,) of known recordings to the examples of the other folds.
        false_alarms: share of known recordings that may lie beyond, in (0, 1).

    Returns:
        The ``ceil((N + 1) (1 - share))``-th smallest distance, so that a further known recording lies beyond
        with at most this chance; the largest one where there are too few to promise that, see
        :func:`fewest_false_alarms`.
    """
    place = math.ceil((len(distances) + 1) * (1 - false_alarms))
    return float(distances.sort().values[min(place, len(distances)) - 1])


def fewest_false_alarms(num_tested: int) -> float:
    """Return the chance with which a further known recording is farther away than all that were tested."""
    return 1 / (num_tested + 1)
