"""Models that are used without being changed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from skelact.models.backbone import frozen


def mixed_model() -> nn.Sequential:
    """Return a model whose parts train and learn differently."""
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 2)))
    model[1].eval()
    model[0].bias.requires_grad_(False)
    return model


def state(model: nn.Module) -> list[object]:
    """Return all that a use may change of a model."""
    tensors: list[Tensor] = [*model.parameters(), *model.buffers()]
    return [
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [tensor.device for tensor in tensors],
        [tensor.tolist() for tensor in tensors if tensor.device.type != "meta"],
        [id(parameter) for parameter in model.parameters()],
    ]


def test_nothing_trains_or_learns_meanwhile_and_all_is_as_it_was_afterwards():
    model = mixed_model()
    before = state(model)
    with frozen(model) as same:
        assert same is model
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert not model(torch.ones(4, 3)).requires_grad
        with frozen(model):
            pass
        assert not any(module.training for module in model.modules())
    assert state(model) == before
    assert [module.training for module in model] == [True, False, True]


def test_an_error_changes_nothing_of_that():
    model = mixed_model()
    before = state(model)
    with pytest.raises(ZeroDivisionError), frozen(model):
        raise ZeroDivisionError
    assert state(model) == before


def test_the_model_goes_to_the_device_and_back(monkeypatch):
    """No other device is at hand: where the model is sent is written down, and it stays."""
    model, sent = mixed_model(), []
    monkeypatch.setattr(model, "to", lambda device: sent.append(str(device)) or model)
    with frozen(model, "meta"):
        assert sent == ["meta"]
    assert sent == ["meta", "cpu"]


def test_a_model_without_parameters():
    with frozen(nn.Dropout()) as dropout:
        assert not dropout.training
    assert dropout.training
