"""Space: random rotations of whole clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def rotation_matrices(angles: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ``R = Rz Ry Rx`` for each row of ``angles``, to be applied to column vectors.

    Each elementary matrix is the transpose of the usual counter-clockwise one, as in the published loaders.

    Args:
        angles: (N, 3) angles about x, y and z in rad.

    Returns:
        (N, 3, 3), of the angles' type.
    """
    # by numpy: torch takes cosines of a hundred numbers with several threads, which may wait for each other
    (cos_x, cos_y, cos_z), (sin_x, sin_y, sin_z) = np.cos(angles.T), np.sin(angles.T)
    entries = (
        *(cos_z * cos_y, cos_z * sin_y * sin_x + sin_z * cos_x, sin_z * sin_x - cos_z * sin_y * cos_x),
        *(-sin_z * cos_y, cos_z * cos_x - sin_z * sin_y * sin_x, sin_z * sin_y * cos_x + cos_z * sin_x),
        *(sin_y, -cos_y * sin_x, cos_y * cos_x),
    )
    return np.stack(entries, axis=1).reshape(-1, 3, 3)


def rotate(positions: Tensor, matrices: Tensor) -> Tensor:
    """Return ``matrices[n] @ position`` for every position of clip n.

    Args:
        positions: (N, ..., C).
        matrices: (N, C, C).
    """
    flat = positions.reshape(len(positions), -1, positions.shape[-1])
    return torch.bmm(flat, matrices.transpose(1, 2)).view(positions.shape)
