import pytest
import torch

from skelact.models import blocks


def gradients(worth, monkeypatch):
    """Return how many calls were recomputed, and the gradients of a block."""
    calls = []

    def counted(function, x, **options):
        calls.append(x.shape)
        return checkpoint(function, x, **options)

    checkpoint = blocks.checkpoint
    monkeypatch.setattr(blocks, "WORTH_RECOMPUTING", worth)
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "checkpoint", counted)
        torch.manual_seed(0)
        block = blocks.Block(16, 2, 4.0)
        x = torch.randn(6, 10, 16, requires_grad=True)
        (block(x) * torch.randn(6, 10, 16)).sum().backward()
    return len(calls), [x.grad, *(parameter.grad for parameter in block.parameters())]


def test_what_is_recomputed_gives_the_same_gradients_to_the_last_bit(monkeypatch):
    none, kept = gradients(10**9, monkeypatch)
    some, again = gradients(6 * 10 * 16, monkeypatch)  # all but the thirds before the MLP
    every, recomputed = gradients(0, monkeypatch)
    assert (none, some, every) == (0, 1 + blocks.MLP_PARTS, 1 + 2 * blocks.MLP_PARTS)
    for first, second, third in zip(kept, again, recomputed, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)


@pytest.mark.parametrize("worth", [0, 10**9])
def test_nothing_is_recomputed_without_gradients(worth, monkeypatch):
    monkeypatch.setattr(blocks, "WORTH_RECOMPUTING", worth)
    monkeypatch.setattr(blocks, "checkpoint", None)  # a call would fail
    with torch.no_grad():
        assert blocks.Block(16, 2, 4.0)(torch.randn(2, 3, 16)).shape == (2, 3, 16)
