"""Features of labelled recordings in the scale that they span: what is near, and how far is far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from skelact.evaluation.knn import knn_scores

TAU = 0.05
"""Temperature of the neighbours' votes: every example votes, with weight ``exp(cosine / TAU)``. On MSR
Action3D, 1 to 10 examples a class, it is as good as the nearest one alone, and it scores every class."""
_QUERIES = 1024


@dataclass(frozen=True, eq=False)
class Examples:
    """N recordings of K classes as points in the space of features."""

    features: Tensor
    """(N, D) as an encoder gives them."""
    labels: Tensor
    """(N,) classes, in [0, K)."""
    num_classes: int

    @cached_property
    def mean(self) -> Tensor:
        """(D,) the mean feature."""
        return self.features.mean(0)

    @cached_property
    def scale(self) -> Tensor:
        """(D,) the standard deviation of every feature, of one that hardly varies a tenth of the usual one.

        It is 1 where none varies.
        """
        scale = self.features.std(0, correction=0)
        least = scale.median() / 10
        return scale.clamp(min=float(least)) if least > 0 else torch.where(scale > 0, scale, 1.0)

    def standard(self, features: Tensor) -> Tensor:
        """Return (Q, D) features in units of the examples' spread, from their mean."""
        return (features - self.mean) / self.scale

    def part(self, chosen: Tensor) -> Examples:
        """Return some of the examples, told by their places or by a bool each."""
        return Examples(self.features[chosen], self.labels[chosen], self.num_classes)

    def votes(self, features: Tensor) -> Tensor:
        """Return the (Q, K) scores of (Q, D) features by the examples near them, see :data:`TAU`.

        A class without an example scores minus infinity.
        """
        own, found = self.standard(self.features), self.standard(features)
        everyone = len(self.labels)
        return knn_scores(own, self.labels, found, self.num_classes, (everyone,), TAU)[everyone]

    def distances(self, features: Tensor) -> Tensor:
        """Return (Q,) how far (Q, D) features are from the nearest example.

        It is the root of the mean squared difference of a feature, in units of its standard deviation over
        the examples: about 1.4 between two of them drawn by chance.
        """
        own, found = self.standard(self.features), self.standard(features)
        nearest = found.new_empty(len(found))
        for begin in range(0, len(found), _QUERIES):
            part = slice(begin, begin + _QUERIES)
            between = torch.cdist(found[part], own, compute_mode="donot_use_mm_for_euclid_dist")
            nearest[part] = between.min(1).values
        root: float = found.shape[1] ** 0.5
        return nearest / root
