import pytest
import torch

from skelact.models import blocks
from skelact.models.blocks import Block, PerHeadAttention, attention
from skelact.models.decoder import Decoder
from skelact.models.sizes import DecoderConfig, EncoderConfig


def by_hand(q, k, v):
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v


def inputs(num_queries, dtype):
    generator = torch.Generator().manual_seed(0)
    sizes = (num_queries, 9, 9)
    return [
        torch.randn(2, 3, n, 8, generator=generator).to(dtype).requires_grad_() for n in sizes
    ], torch.randn(2, 3, num_queries, 8, generator=generator).to(dtype)


@pytest.mark.parametrize("scores_at_once", [1, 2 * 7 * 9, 2**20])  # one head, two of three, all
@pytest.mark.parametrize("num_queries", [7, 9])
def test_gradients_head_by_head_are_those_of_the_whole(monkeypatch, scores_at_once, num_queries):
    monkeypatch.setattr(blocks, "SCORES_AT_ONCE", scores_at_once)
    qkv, grad = inputs(num_queries, torch.float64)
    expected = torch.autograd.grad(by_hand(*qkv), qkv, grad)
    torch.testing.assert_close(torch.autograd.grad(PerHeadAttention.apply(*qkv), qkv, grad), expected)


def test_bfloat16_on_a_cpu_goes_head_by_head_and_keeps_its_accuracy():
    qkv, grad = inputs(9, torch.bfloat16)
    out = attention(*qkv)
    assert "PerHeadAttention" in type(out.grad_fn).__name__
    exact = [x.detach().float().requires_grad_() for x in qkv]
    expected = torch.autograd.grad(by_hand(*exact), exact, grad.float())
    for ours, wanted in zip(torch.autograd.grad(out, qkv, grad), expected, strict=True):
        assert (ours.float() - wanted).norm() < 0.01 * wanted.norm()


def test_a_block_for_some_tokens_gives_those_of_the_whole_block():
    torch.manual_seed(0)
    block, x = Block(16, 2, 2.0), torch.randn(4, 6, 16)
    wanted = torch.tensor([[5, 0, 2]]).expand(4, -1)
    some = block.after_qkv(x, block.qkv(x), wanted)
    torch.testing.assert_close(some, block(x)[:, [5, 0, 2]])


def test_recomputing_changes_no_gradient():
    torch.manual_seed(0)
    block, x = Block(16, 2, 2.0), torch.randn(4, 6, 16, requires_grad=True)
    parameters = [x, *block.parameters()]
    q, k, v = block.attention.qkv(block.attention_norm(x)).view(4, 6, 3, 2, 8).permute(2, 0, 3, 1, 4)
    middle = x + block.attention.out(by_hand(q, k, v).transpose(1, 2).flatten(2))
    plain = middle + block.mlp(block.mlp_norm(middle))
    grad = torch.randn_like(plain)
    expected = torch.autograd.grad(plain, parameters, grad)
    torch.testing.assert_close(torch.autograd.grad(block(x), parameters, grad), expected)


@pytest.mark.parametrize("depth", [1, 3])
def test_the_decoder_is_the_plain_one(depth):
    torch.manual_seed(0)
    sizes = EncoderConfig(num_joints=5, num_frames=16, width=16, depth=1, num_heads=2)
    decoder = Decoder(DecoderConfig(width=16, depth=depth, num_heads=2), sizes)
    latent = torch.randn(2, 3, 16)
    order = torch.rand(2, 20).argsort(1)
    keep, hidden = order[:, :3], order[:, 3:]
    x = (decoder.mask_token + decoder.positions()).repeat(2, 1, 1)
    for body in range(2):
        x[body, keep[body]] = decoder.embed(latent[body]) + decoder.positions()[keep[body]]
    for block in decoder.blocks:
        x = block(x)
    everything = decoder.predict(decoder.norm(x))
    torch.testing.assert_close(decoder(latent, keep), everything)
    torch.testing.assert_close(
        decoder(latent, keep, hidden), everything.gather(1, hidden.unsqueeze(-1).expand(-1, -1, 12))
    )


def test_gradients_in_bfloat16_are_near_those_in_float32():
    """The residual stream stays float32: in bfloat16 the decoder's norms lost nine tenths of theirs."""
    torch.manual_seed(0)
    sizes = EncoderConfig(num_joints=25, num_frames=60, width=32, depth=1, num_heads=2)
    decoder = Decoder(DecoderConfig(width=32, depth=2, num_heads=2), sizes)
    latent, keep = torch.randn(4, 37, 32), torch.rand(4, 375).argsort(1)[:, :37]
    target, names = torch.randn(4, 375, 12), [name for name, _ in decoder.named_parameters()]
    gradients = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            prediction = decoder(latent, keep)
        loss = (prediction.float() - target).square().mean()
        gradients.append(torch.autograd.grad(loss, list(decoder.parameters())))
    for name, exact, rounded in zip(names, *gradients, strict=True):
        assert (rounded - exact).norm() < 0.05 * exact.norm() + 1e-6, name
