"""Joint-aware pooling: one embedding from the part of a feature map that a mask chooses."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6


def masked_pool(
    features: Tensor, mask: Tensor, present: Tensor, joint_present: Tensor | None = None
) -> Tensor:
    """Return the mean over bodies, time and joints, weighted by a mask.

    With a mask of ones and all joints there, it is the mean of :func:`skelact.models.heads.pool`.

    Args:
        features: (N, M, T', V, D).
        mask: (N, M, T', V) in [0, 1]: how much each place counts. Gradients pass to it.
        present: (N, M) bool, True for bodies in the clip.
        joint_present: (N, M, V) bool, True for joints that were seen; default all.

    Returns:
        (N, D); zero where nothing counts: nobody is there, or the mask is zero (sums to less than 1e-6).

    Raises:
        ValueError: shapes that do not fit each other.
    """
    if mask.shape != features.shape[:-1] or present.shape != features.shape[:2]:
        raise ValueError(
            f"features of {tuple(features.shape)}, a mask of {tuple(mask.shape)} and bodies of "
            f"{tuple(present.shape)} do not fit"
        )
    weight = mask * present[:, :, None, None]
    if joint_present is not None:
        weight = weight * joint_present[:, :, None]
    weight = weight.flatten(1)  # (N, L)
    total = weight.sum(1, keepdim=True)
    total = torch.where(total < EPSILON, 1.0, total)
    pooled = (weight / total).unsqueeze(1).to(features.dtype) @ features.flatten(1, 3)  # (N, 1, D)
    return pooled.squeeze(1)


def prime_pool(
    features: Tensor, prime_mask: Tensor, present: Tensor, joint_present: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the embeddings of the prime joints and of the others: both (N, D).

    Gunasekara et al., IEEE TBIOM 7(4), 2025: the feature map pooled with m, and with 1 - m.

    Args:
        features: (N, M, T', V, D).
        prime_mask: (N, M, T', V) in [0, 1], how prime each joint is.
        present: as for :func:`masked_pool`.
        joint_present: as for :func:`masked_pool`.

    Raises:
        ValueError: shapes that do not fit each other.
    """
    prime = masked_pool(features, prime_mask, present, joint_present)
    return prime, masked_pool(features, 1 - prime_mask, present, joint_present)
