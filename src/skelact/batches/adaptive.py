"""Adaptive augmentation: mild where joints are prime, strong elsewhere."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate


def mask_to_frames(mask: Tensor, num_frames: int) -> Tensor:
    """Resize a mask over time steps to frames, linearly, with half-pixel centres.

    Args:
        mask: (N, M, T', V).
        num_frames: frames T.

    Returns:
        (N, M, T, V); gradients pass.
    """
    if mask.shape[2] == num_frames:
        return mask
    rows = mask.mT.flatten(0, 1)  # (N * M, V, T')
    resized = interpolate(rows, size=num_frames, mode="linear", align_corners=False)
    return resized.view(*mask.shape[:2], *resized.shape[1:]).mT


def adaptive(mild: Tensor, strong: Tensor, prime_mask: Tensor) -> Tensor:
    """Return ``up(m) * mild + (1 - up(m)) * strong``: the view T1 of STJD-CL.

    Gunasekara et al., IEEE TBIOM 7(4), 2025. The two views should show the same moments, or a frame of the
    mixture has joints of two: give :func:`.augmentation.augment` the mild view's moments for the strong one.

    Args:
        mild: (N, M, T, V, C) the mildly augmented clips.
        strong: (N, M, T, V, C) the strongly augmented ones.
        prime_mask: (N, M, T', V) in [0, 1], how prime each joint is; gradients pass to it.

    Returns:
        (N, M, T, V, C).

    Raises:
        ValueError: shapes that do not fit each other.
    """
    num, bodies, num_frames, num_joints, _ = mild.shape
    steps = prime_mask.shape[2]
    if mild.shape != strong.shape or prime_mask.shape != (num, bodies, steps, num_joints):
        raise ValueError(
            f"views of {tuple(mild.shape)} and {tuple(strong.shape)} and a mask of {tuple(prime_mask.shape)}"
        )
    share = mask_to_frames(prime_mask, num_frames).unsqueeze(-1)
    return strong + share * (mild - strong)
