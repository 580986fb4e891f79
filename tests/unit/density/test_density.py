import math

import pytest
import torch

from skelact.density.kernel import density_change, joint_density
from skelact.density.published import FixedDensity


def slow_density(f, h, w, a):
    """The definition, written out: D(i) = (2 pi)^(-C/2) sum_j a_j prod_c w_c / h_jc exp(...)."""
    num_joints, channels = f.shape
    density = torch.zeros(num_joints, dtype=f.dtype)
    for i in range(num_joints):
        for j in range(num_joints):
            term = a[j].clone()
            for c in range(channels):
                term = term * w[c] / h[j, c] * torch.exp(-(((f[j, c] - f[i, c]) / h[j, c]) ** 2) / 2)
            density[i] += term
    return (2 * math.pi) ** (-channels / 2) * density


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_equals_the_definition(channels):
    generator = torch.Generator().manual_seed(channels)
    f = torch.randn(6, channels, generator=generator, dtype=torch.float64)
    h = torch.rand(6, channels, generator=generator, dtype=torch.float64) + 0.5
    w = torch.rand(channels, generator=generator, dtype=torch.float64) + 0.5
    a = torch.rand(6, generator=generator, dtype=torch.float64) + 0.5
    fast = joint_density(f, log_bandwidth=h.log(), log_channel_weight=w.log(), log_joint_weight=a.log())
    torch.testing.assert_close(fast, slow_density(f, h, w, a), rtol=1e-10, atol=0)
    average = joint_density(
        f, log_bandwidth=h.log(), log_channel_weight=w.log(), log_joint_weight=a.log(), average=True
    )
    torch.testing.assert_close(average, fast / 6, rtol=1e-12, atol=0)


def test_a_bandwidth_per_joint_is_that_bandwidth_in_every_channel():
    f = torch.randn(4, 6, 3, dtype=torch.float64)
    h = torch.randn(6, 1, dtype=torch.float64)
    torch.testing.assert_close(
        joint_density(f, log_bandwidth=h), joint_density(f, log_bandwidth=h.expand(6, 3))
    )


def test_closed_form_of_two_joints():
    distance = 0.3
    f = torch.tensor([[0.0, 0.0, 0.0], [distance, 0.0, 0.0]], dtype=torch.float64)
    expected = (2 * math.pi) ** -1.5 * (1 + math.exp(-(distance**2) / 2))
    torch.testing.assert_close(joint_density(f), torch.full((2,), expected, dtype=torch.float64))


def test_float32_is_close_to_float64_far_from_the_origin():
    f = torch.randn(50, 25, 16, dtype=torch.float64) + 3.0
    fast = joint_density(f.float()).double()
    torch.testing.assert_close(fast, joint_density(f), rtol=2e-5, atol=0)


def test_a_rigid_shift_changes_nothing_and_a_turn_of_positions_neither():
    f = torch.randn(8, 20, 3, dtype=torch.float64)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    torch.testing.assert_close(joint_density(f @ turn + torch.tensor([1.0, 0.0, 2.0])), joint_density(f))


def test_extreme_weights_neither_overflow_nor_vanish():
    f = torch.randn(5, 16)
    for exponent in (-2.0, 2.0):
        log_weight = torch.full((16,), exponent)
        density = joint_density(f, log_channel_weight=log_weight)
        torch.testing.assert_close(density, joint_density(f) * math.exp(16 * exponent), rtol=1e-4, atol=0)


def test_gradients_reach_every_parameter_and_agree_with_differences():
    f = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    h = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    w = torch.randn(3, dtype=torch.float64, requires_grad=True)
    a = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda f, h, w, a: joint_density(f, log_bandwidth=h, log_channel_weight=w, log_joint_weight=a),
        (f, h, w, a),
    )


def test_a_parameter_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"log_bandwidth has shape \(3, 3\), expected \(5, 1\) or \(5, 3\)"):
        joint_density(torch.zeros(5, 3), log_bandwidth=torch.zeros(3, 3))


def test_change_is_the_difference_of_neighbouring_steps():
    density = torch.tensor([[1.0, 5.0], [3.0, 4.0], [3.5, 1.0]])
    expected = torch.tensor([[2.0, 1.0], [0.5, 3.0]])
    change = density_change(density)
    assert torch.equal(change[1:], expected)
    assert not change[0].any()
    assert torch.equal(density_change(density, first="copy")[0], expected[0])
    assert not density_change(density[:1]).any()


def test_fixed_density_has_nothing_to_learn():
    density = FixedDensity(patch_size=12, num_joints=25)
    assert list(density.parameters()) == []
    assert density(torch.randn(2, 5, 25, 12)).shape == (2, 5, 25)
