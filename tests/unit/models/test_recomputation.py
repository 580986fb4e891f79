import pytest
import torch

from skelact.models import blocks


def gradients(many, wide, monkeypatch):
    """Return how many calls were checkpointed, and the gradients of a block of width 16 for 6 bodies."""
    calls = []

    def counted(function, x, **options):
        calls.append(x.shape)
        return checkpoint(function, x, **options)

    checkpoint = blocks.checkpoint
    monkeypatch.setattr(blocks, "MIN_BODIES_TO_CHECKPOINT", many)
    monkeypatch.setattr(blocks, "MIN_WIDTH_TO_CHECKPOINT", wide)
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "checkpoint", counted)
        torch.manual_seed(0)
        block = blocks.Block(16, 2, 4.0)
        x = torch.randn(6, 10, 16, requires_grad=True)
        (block(x) * torch.randn(6, 10, 16)).sum().backward()
    return len(calls), [x.grad, *(parameter.grad for parameter in block.parameters())]


def test_what_is_recomputed_gives_the_same_gradients_to_the_last_bit(monkeypatch):
    too_few, kept = gradients(7, 16, monkeypatch)
    too_narrow, _ = gradients(6, 17, monkeypatch)
    every, checkpointed = gradients(6, 16, monkeypatch)
    assert (too_few, too_narrow, every) == (0, 0, 1 + 2 * blocks.MLP_CHUNKS)
    for first, second in zip(kept, checkpointed, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("many", [0, 10**9])
def test_nothing_is_recomputed_without_gradients(many, monkeypatch):
    monkeypatch.setattr(blocks, "MIN_BODIES_TO_CHECKPOINT", many)
    monkeypatch.setattr(blocks, "MIN_WIDTH_TO_CHECKPOINT", 16)
    monkeypatch.setattr(blocks, "checkpoint", None)  # a call would fail
    with torch.no_grad():
        assert blocks.Block(16, 2, 4.0)(torch.randn(2, 3, 16)).shape == (2, 3, 16)
