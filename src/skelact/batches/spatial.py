"""Space: random rotations of whole clips."""

from __future__ import annotations

import torch
from torch import Tensor


def rotation_matrices(angles: Tensor) -> Tensor:
    """Return ``R = Rz Ry Rx`` for each row of ``angles``, to be applied to column vectors.

    Each elementary matrix is the transpose of the usual counter-clockwise one, as in the published loaders.

    Args:
        angles: (N, 3) angles about x, y and z in rad.

    Returns:
        (N, 3, 3), of the angles' type.
    """
    cos, sin = torch.cos(angles), torch.sin(angles)
    one, zero = torch.ones_like(cos[:, 0]), torch.zeros_like(cos[:, 0])

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=1).view(-1, 3, 3)

    x, y, z = ((cos[:, axis], sin[:, axis]) for axis in range(3))
    about_x = matrix(one, zero, zero, zero, x[0], x[1], zero, -x[1], x[0])
    about_y = matrix(y[0], zero, -y[1], zero, one, zero, y[1], zero, y[0])
    about_z = matrix(z[0], z[1], zero, -z[1], z[0], zero, zero, zero, one)
    return about_z @ about_y @ about_x


def rotate(positions: Tensor, matrices: Tensor) -> Tensor:
    """Return ``matrices[n] @ position`` for every position of clip n.

    Args:
        positions: (N, ..., 3).
        matrices: (N, 3, 3).
    """
    flat = positions.reshape(len(positions), -1, 3)
    return torch.bmm(flat, matrices.transpose(1, 2)).view(positions.shape)
