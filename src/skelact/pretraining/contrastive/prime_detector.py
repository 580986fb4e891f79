"""The prime-joint detector of STJD-CL: from features to a soft mask of the joints that matter most.

Features are projected, their joint density is computed, and how much it changes from step to step decides how
prime each joint is. The mask passes gradients to projection and bandwidths; features come in without any.
Joint positions may stand in for the features; then there is nothing to project.
Source: Gunasekara et al., IEEE TBIOM 7(4), 2025; docs/methods.md says what of it is derived.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d

from skelact.density.arrays import MOTIONLESS_CHANGE
from skelact.density.kernel import density_change
from skelact.density.learned import LearnedDensity
from skelact.pretraining.contrastive.objective import DetectorConfig


class PrimeDetector(nn.Module):
    """Gives the soft prime mask of a feature map.

    Args:
        config: how; kind ``density`` or ``random``.
        num_joints: joints V.
        width: size D of a feature.
        num_coordinates: size C of a position.
    """

    def __init__(self, config: DetectorConfig, num_joints: int, width: int, num_coordinates: int = 3) -> None:
        super().__init__()
        self.config = config
        self.density: LearnedDensity | None = None
        if config.kind == "density":
            of_features = config.source == "features"
            self.density = (
                LearnedDensity(num_joints, width, config.num_projected)
                if of_features
                else LearnedDensity(num_joints, num_coordinates)
            )
            self.density.requires_grad_(config.density == "learned")

    def forward(
        self,
        features: Tensor,
        counts: Tensor,
        scores: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Return how prime each joint is.

        Args:
            features: (N, M, T', V, D), without gradient.
            counts: (N, M, V) bool, True for joints of bodies that are there and were seen.
            scores: (N, M, T', V) random numbers in [0, 1), which the kind ``random`` takes for the change.
            positions: (N, M, T, V, C) joint positions of the same clips, for the source ``coordinates``.

        Returns:
            (N, M, T', V) in [0, 1]; 0 for joints that do not count, and 1/2 in a sequence without motion.

        Raises:
            ValueError: the kind is ``random`` and there are no scores, or the source is ``coordinates`` and
                there are no positions.
        """
        if self.density is None:
            if scores is None:
                raise ValueError("a random mask needs scores")
            change, smallest = scores, scores.new_zeros(len(scores))
        elif self.config.source == "features":
            change, smallest = self.change(features, counts)
        else:
            if positions is None:
                raise ValueError("the density of coordinates needs positions")
            change, smallest = self.change(positions, counts)
            change = to_steps(change, features.shape[2])
        config = self.config
        mask = prime_mask(
            change,
            counts.unsqueeze(2).expand(change.shape),
            share=None if config.threshold is not None else config.share,
            threshold=config.threshold,
            tau=config.tau,
            smallest=smallest,
        )
        return straight_through(mask) if config.hard else mask

    def change(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the change of density, 0 for joints that do not count, and (N,) what is no motion.

        Args:
            features: (N, M, T, V, C) features, or positions where their density is taken.
            counts: as for :meth:`forward`.

        Returns:
            (N, M, T, V) and (N,).
        """
        assert self.density is not None  # the kind is density
        is_there = counts.any(-1)  # (N, M)
        with torch.autocast(features.device.type, enabled=False):  # small differences: float32
            of_bodies = self.density.density(features[is_there].float())  # (B, T', V)
        density = of_bodies.new_zeros(features.shape[:-1])
        density[is_there] = of_bodies
        density = density * counts.unsqueeze(2)
        total = counts.flatten(1).sum(1).clamp(min=1) * density.shape[2]
        mean = density.detach().flatten(1).sum(1) / total
        return density_change(density, first="copy"), MOTIONLESS_CHANGE * mean


def to_steps(change: Tensor, num_steps: int) -> Tensor:
    """Return the mean change of the frames of each time step: (N, M, T, V) to (N, M, T', V)."""
    num, bodies, frames, joints = change.shape
    by_joint = change.movedim(2, 3).reshape(num * bodies, joints, frames)
    return adaptive_avg_pool1d(by_joint, num_steps).view(num, bodies, joints, num_steps).movedim(3, 2)


def prime_mask(
    change: Tensor,
    counts: Tensor,
    *,
    share: float | None = None,
    threshold: float | None = None,
    tau: float = 0.25,
    smallest: Tensor | None = None,
) -> Tensor:
    """Return a soft mask of the places whose change is large, normalised by the sequence.

    The border, at which the mask is 1/2, lies halfway between the last place of the share and the next, or at
    a share of the largest change.

    Args:
        change: (N, M, T', V), not negative.
        counts: (N, M, T', V) bool; places that do not count get 0 and do not move the border.
        share: share of the places that count which get more than 1/2, rounded up; or
        threshold: share of the sequence's largest change at which a place gets 1/2.
        tau: temperature, by the sequence's mean change (share) or largest (threshold).
        smallest: (N,) largest change of a sequence that counts as one without motion; default 0.

    Returns:
        (N, M, T', V) in [0, 1], with gradients to ``change``; 1/2 throughout in a sequence without motion.

    Raises:
        ValueError: both or neither of ``share`` and ``threshold``.
    """
    if (share is None) == (threshold is None):
        raise ValueError("a mask needs either a share or a threshold")
    is_counted = counts.flatten(1)  # (N, L)
    values = change.flatten(1) * is_counted
    num = is_counted.sum(1, keepdim=True).clamp(min=1)
    largest = values.amax(1, keepdim=True)
    moves = largest > (0.0 if smallest is None else smallest.unsqueeze(1))
    if threshold is not None:
        border, scale = threshold * largest, largest
    else:
        assert share is not None  # one of the two is given
        ordered = values.masked_fill(~is_counted, -1).sort(1, descending=True).values
        # the small subtrahend keeps a whole number that the product made too large by rounding
        wanted = (num.double() * share - 1e-9).ceil().long()
        last = wanted.clamp(min=1).minimum(num) - 1  # place of the last that is prime
        following = (last + 1).clamp(max=num - 1)
        border = (ordered.gather(1, last) + ordered.gather(1, following)) / 2
        scale = values.sum(1, keepdim=True) / num
    # what does not move is kept out of the division, so that no gradient becomes NaN
    logits = (values - border) / (tau * torch.where(moves, scale, 1.0))
    mask = torch.sigmoid(torch.where(moves, logits, 0.0)) * is_counted
    return mask.view(change.shape)


def straight_through(mask: Tensor) -> Tensor:
    """Return 1 where a mask is above 1/2 and 0 where it is below, with the gradient of the mask itself.

    What is 1/2 exactly, as in a sequence without motion, stays.
    """
    rounded = torch.where(mask == 0.5, mask, (mask > 0.5).to(mask.dtype)).detach()
    return mask + (rounded - mask.detach())
