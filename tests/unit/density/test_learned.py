"""A density whose bandwidths learn."""

import math

import pytest
import torch

from skelact.density.learned import START, LearnedDensity


def clip(num_frames=6, num_joints=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, num_frames, num_joints, 3, dtype=torch.float64, generator=generator).cumsum(1)


def by_hand(positions, bandwidth):
    """The module's formula, joint by joint, on positions in body sizes; (T, V)."""
    centred = positions - positions.mean((0, 1))
    centred = centred / centred.square().sum(-1).mean().sqrt()
    num_frames, num_joints, num_channels = centred.shape
    density = torch.zeros(num_frames, num_joints, dtype=positions.dtype)
    for t in range(num_frames):
        for i in range(num_joints):
            for j in range(num_joints):
                distance = ((centred[t, j] - centred[t, i]) / bandwidth[j]).square().sum()
                density[t, i] += math.exp(-0.5 * distance) / bandwidth[j] ** num_channels
    return density * (2 * math.pi) ** (-num_channels / 2) / num_joints


def test_density_and_its_change_are_the_formula():
    positions = clip()
    learned = LearnedDensity(4, 3).double()
    bandwidth = torch.tensor([0.3, 0.5, 0.8, 0.4], dtype=torch.float64)
    learned.log_bandwidth.data = bandwidth.log()
    density = torch.stack([by_hand(body, bandwidth) for body in positions])
    torch.testing.assert_close(learned.density(positions), density)
    change = density.diff(dim=1).abs()
    change = torch.cat([change[:, :1], change], 1)
    torch.testing.assert_close(learned(positions, 3), change.reshape(2, 3, 2, 4).mean(2))


@pytest.mark.parametrize("projected", [None, 5])
def test_moving_or_scaling_the_body_changes_nothing(projected):
    torch.manual_seed(0)
    learned = LearnedDensity(4, 3, projected).double()
    positions = clip()
    signal = learned(positions, 6)
    torch.testing.assert_close(learned(positions + torch.tensor([5.0, -2.0, 3.0]), 6), signal)
    torch.testing.assert_close(learned(positions * 1000, 6), signal)
    assert not torch.allclose(signal[:, 1:], torch.zeros_like(signal[:, 1:]))


def test_joints_may_be_numbered_in_any_order():
    learned = LearnedDensity(4, 3).double()
    learned.log_bandwidth.data = torch.linspace(-1, 0, 4, dtype=torch.float64)
    renumbered = LearnedDensity(4, 3).double()
    order = torch.tensor([2, 0, 3, 1])
    renumbered.log_bandwidth.data = learned.log_bandwidth.data[order]
    torch.testing.assert_close(renumbered(clip()[:, :, order], 3), learned(clip(), 3)[:, :, order])


def test_bandwidths_are_positive_whatever_the_parameter():
    learned = LearnedDensity(3, 3)
    torch.testing.assert_close(learned.bandwidth, torch.full((3,), START))
    learned.log_bandwidth.data = torch.tensor([-30.0, 0.0, 30.0])
    assert (learned.bandwidth > 0).all()


@pytest.mark.parametrize("projected", [None, 5])
def test_a_body_that_does_not_move_or_has_no_size_changes_nothing_and_has_finite_gradients(projected):
    learned = LearnedDensity(4, 3, projected)
    still = torch.randn(1, 1, 4, 3).expand(1, 6, 4, 3)
    signal = learned(torch.cat([still, torch.zeros(1, 6, 4, 3)]), 3)
    assert signal.max() < 1e-6
    signal.sum().backward()
    for name, parameter in learned.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
