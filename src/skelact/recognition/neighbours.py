"""Labelled recordings as points in a space in which classes lie apart, and what is near or far in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHRINKAGE = 0.1
"""How much of the spread within classes is taken to be alike in all directions. Among the training people of
NW-UCLA, 2 to 10 examples a class, 0.1 is within 1.8 points of the best of 0.1, 0.3, 0.5, 0.8 and 0.95, which
is another in every case (``benchmarks/few_examples.py``)."""
_QUERIES = 1024
_LEAST = 1e-6
"""Directions in which features spread less than this share of the largest spread are none."""


@dataclass(frozen=True, eq=False)
class Examples:
    """N labelled recordings of K classes."""

    features: Tensor
    """(N, D) as an encoder gives them."""
    labels: Tensor
    """(N,) classes, in [0, K)."""
    num_classes: int
    pieces: Tensor | None = None
    """(N, P, D) of P pieces of each recording, from which is learned as well; None: none."""

    def part(self, chosen: Tensor) -> Examples:
        """Return some of the examples, told by their places or by a bool each."""
        pieces = None if self.pieces is None else self.pieces[chosen]
        return Examples(self.features[chosen], self.labels[chosen], self.num_classes, pieces)

    def lessons(self) -> tuple[Tensor, Tensor]:
        """Return features and labels of all that is learned from, (N (1 + P), D) and (N (1 + P),)."""
        if self.pieces is None:
            return self.features, self.labels
        num = 1 + self.pieces.shape[1]
        return torch.cat([self.features, *self.pieces.unbind(1)]), self.labels.repeat(num)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """N labelled points, and how to bring features to where they are."""

    mean: Tensor
    """(D,) what features are measured from."""
    axes: Tensor
    """(D, R) the directions of the space, in its unit."""
    points: Tensor
    """(N, R)."""
    labels: Tensor
    """(N,) classes, in [0, K)."""
    num_classes: int

    @classmethod
    def of(cls, examples: Examples) -> Neighbours:
        """Return examples in the space that tells their classes apart best.

        It has as many directions as classes less one, those of Fisher's linear discriminants, with the
        spread within classes shrunk towards the same in all directions. Its unit is how far the nearest
        example of another class usually is: from few examples and from many, distances then mean the same.

        Source: Fisher, Annals of Eugenics 7, 1936; shrinkage: Friedman, JASA 84, 1989.
        """
        features, labels = examples.lessons()
        mean, axes = _discriminants(features.double(), labels)
        points = (features.double() - mean) @ axes
        unit = _apart(points, labels)
        mean, axes, points = mean.float(), (axes / unit).float(), (points / unit).float()
        return cls(mean, axes, points, labels, examples.num_classes)

    def distances(self, features: Tensor) -> Tensor:
        """Return (Q, K) how far (Q, D) features are from the nearest example of each class.

        The distance is the root of the mean squared difference along the space's directions; infinity for a
        class without an example.
        """
        found = (features - self.mean) @ self.axes
        nearest = found.new_full((len(found), self.num_classes), torch.inf)
        root: float = self.points.shape[1] ** 0.5
        for begin in range(0, len(found), _QUERIES):
            part = slice(begin, begin + _QUERIES)
            between = (
                torch.cdist(found[part], self.points, compute_mode="donot_use_mm_for_euclid_dist") / root
            )
            labels = self.labels.expand(len(between), -1)
            nearest[part].scatter_reduce_(1, labels, between, "amin")
        return nearest


def _apart(points: Tensor, labels: Tensor) -> float:
    """Return the median distance of an example to the nearest one of another class; 1 where there is none."""
    nearest = []
    for begin in range(0, len(points), _QUERIES):
        part = slice(begin, begin + _QUERIES)
        between = torch.cdist(points[part], points)
        between[labels[part, None] == labels] = torch.inf
        nearest.append(between.min(1).values)
    usual = float(torch.cat(nearest).median()) / points.shape[1] ** 0.5
    return usual if 0 < usual < float("inf") else 1.0


def _discriminants(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return (D,) the mean and (D, R) the directions of a space; all in double precision."""
    mean = features.mean(0)
    scale = features.std(0, correction=0)
    scale = scale.clamp(min=float(scale.median()) / 10)  # of what hardly varies
    scale = torch.where(scale > 0, scale, 1.0)
    standard = (features - mean) / scale
    basis, corner = torch.linalg.qr(standard.T)  # of fewer rows than features several times as fast
    own, spread, _ = torch.linalg.svd(corner, full_matrices=False)
    directions = (basis @ own).T[spread > _LEAST * spread.max()]  # (R', D)
    if not len(directions):  # all examples are one
        return mean, torch.eye(len(mean), dtype=torch.float64)[:, :1]
    points = standard @ directions.T
    occurring, row, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    centres = points.new_zeros(len(occurring), points.shape[1]).index_add_(0, row, points)
    centres /= counts[:, None]
    within = points - centres[row]
    covariance = within.T @ within / len(points)
    level = covariance.trace() / len(covariance)
    if level <= 0:  # one example of every class
        return mean, directions.T / scale[:, None]
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * torch.eye(len(covariance)).double()
    factor = torch.linalg.cholesky(covariance)
    weighed = centres * (counts / len(points)).sqrt()[:, None]
    between = torch.linalg.solve_triangular(factor, weighed.T, upper=False)  # (R', K)
    own, sizes, _ = torch.linalg.svd(between, full_matrices=False)
    num = max(1, min(len(occurring) - 1, int((sizes > _LEAST * sizes.max()).sum())))
    axes = torch.linalg.solve_triangular(factor.T, own[:, :num], upper=True)
    return mean, (directions.T @ axes) / scale[:, None]
