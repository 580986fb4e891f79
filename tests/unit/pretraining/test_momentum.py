import pytest
import torch
from torch import nn

from skelact.errors import ConfigurationError
from skelact.pretraining.momentum import MomentumCopy


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_weights_follow_by_the_momentum():
    original = network()
    copy = MomentumCopy(original, 0.9)
    before = {name: value.clone() for name, value in original.named_parameters()}
    with torch.no_grad():
        for parameter in original.parameters():
            parameter.add_(torch.randn_like(parameter))
    copy.update(original)
    for name, value in copy.network.named_parameters():
        torch.testing.assert_close(value, 0.9 * before[name] + 0.1 * original.get_parameter(name).detach())
        assert not value.requires_grad


def test_the_copy_is_another_network():
    original = network()
    copy = MomentumCopy(original, 0.5)
    with torch.no_grad():
        original[0].weight.zero_()
    assert copy.network[0].weight.abs().sum() > 0


@pytest.mark.parametrize(("momentum", "moves"), [(1.0, False), (0.0, True)])
def test_the_extremes(momentum, moves):
    original = network()
    copy = MomentumCopy(original, momentum)
    with torch.no_grad():
        original[0].weight.add_(1)
    copy.update(original)
    assert torch.equal(copy.network[0].weight, original[0].weight) == moves


def test_running_statistics_are_its_own():
    original = network().train()
    copy = MomentumCopy(original, 0.5)
    original(torch.randn(8, 3) + 5)
    copy.update(original)
    assert not torch.equal(copy.network[1].running_mean, original[1].running_mean)
    assert copy.network[1].num_batches_tracked == 0


def test_gradients_pass_through_to_what_comes_in_and_stop_at_the_weights():
    copy = MomentumCopy(network().eval())
    x = torch.randn(5, 3, requires_grad=True)
    copy(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in copy.parameters())
    assert not copy(x.detach()).requires_grad


def test_bad_settings_and_strangers_are_refused():
    with pytest.raises(ConfigurationError, match=r"momentum is 1\.5"):
        MomentumCopy(network(), 1.5)
    with pytest.raises(ValueError, match="not the original"):
        MomentumCopy(network()).update(nn.Linear(3, 4))
