import math

import numpy as np
import torch

from skelact.clips.rotation import rotate, rotation_matrices


def test_a_quarter_turn_about_each_axis() -> None:
    matrices = torch.from_numpy(rotation_matrices(np.eye(3) * math.pi / 2))
    x, y, z = torch.eye(3, dtype=torch.float64)
    # transposed elementary matrices: y -> -z about x, z -> -x about y, x -> -y about z
    torch.testing.assert_close(matrices[0] @ y, -z)
    torch.testing.assert_close(matrices[1] @ z, -x)
    torch.testing.assert_close(matrices[2] @ x, -y)


def test_the_turn_about_x_comes_first() -> None:
    angles = np.array([[0.3, -0.2, 0.1]])
    about_x, about_y, about_z = rotation_matrices(np.diag(angles[0]))
    np.testing.assert_allclose(rotation_matrices(angles)[0], about_z @ about_y @ about_x, atol=1e-15)


def test_rotation_keeps_distances_and_acts_on_columns() -> None:
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(4, 2, 5, 6, 3, generator=generator)
    matrices = torch.from_numpy(rotation_matrices(np.random.default_rng(0).normal(size=(4, 3)))).float()
    turned = rotate(positions, matrices)
    torch.testing.assert_close(turned.norm(dim=-1), positions.norm(dim=-1))
    torch.testing.assert_close(turned[2, 1, 4, 3], matrices[2] @ positions[2, 1, 4, 3])
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(4))
