"""The pre-norm transformer block that encoder and decoder are made of.

Its attention has a faster backward pass for bfloat16 on a CPU; its branches can be skipped (stochastic depth,
Huang et al., ECCV 2016); what is cheap can be computed again instead of kept.

Shape legend: B bodies, L tokens, Q queries, D width, H heads, E width of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from skelact.errors import ConfigurationError
from skelact.models.embedding import gather_tokens

SCORES_AT_ONCE = 2**20
"""Scores that one step of :class:`PerHeadAttention` holds: 2 MiB, about the fast cache of a core."""


def attention(q: Tensor, k: Tensor, v: Tensor, is_there: Tensor | None = None) -> Tensor:
    """Return softmax(q k^T / sqrt(E)) v without keeping the scores.

    Args:
        q: (B, H, Q, E) queries.
        k: (B, H, L, E) keys.
        v: (B, H, L, E) values.
        is_there: (B, L) bool, the keys that may be asked; at least one of each body. Default: all.

    Returns:
        (B, H, Q, E).
    """
    if is_there is not None:
        return scaled_dot_product_attention(q, k, v, is_there[:, None, None])
    on_cpu_in_bf16 = q.device.type == "cpu" and q.dtype == torch.bfloat16
    if on_cpu_in_bf16 and torch.is_grad_enabled() and not torch.compiler.is_compiling():
        out: Tensor = PerHeadAttention.apply(q, k, v)  # type: ignore[no-untyped-call]
        return out
    return scaled_dot_product_attention(q, k, v)


class PerHeadAttention(torch.autograd.Function):
    """Attention whose backward pass takes a few heads at a time, each with its whole matrix of scores.

    torch's fused backward pass (2.13) is slower in bfloat16 than in float32 on a CPU, for it works in tiles
    that are too small for the matrix units. Whole heads are faster, the more so the fewer tokens there are;
    the scores of a few heads still fit into the cache. The forward pass is torch's.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return (B, H, Q, E) attended values; see :func:`attention`."""
        ctx.save_for_backward(q, k, v)
        return scaled_dot_product_attention(q, k, v)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of q, k and v."""
        q, k, v = ctx.saved_tensors
        all_q, all_k, all_v = (torch.empty_like(x) for x in (q, k, v))
        num_heads, num_queries, width = q.shape[1:]
        scale = width**-0.5
        at_once = max(1, SCORES_AT_ONCE // (num_queries * k.shape[2]))
        grad_q, grad_k, grad_v = (x.new_empty(x.shape[1:]) for x in (q, k, v))
        with torch.autocast("cpu", enabled=False):  # it would do the softmax in float32
            for body in range(len(q)):
                # a body's heads lie in one piece and in the cache, as the products want them
                query, key, value, out = (x[body].contiguous() for x in (q, k, v, grad))
                query = query * scale
                for start in range(0, num_heads, at_once):
                    # a single head as a matrix: batched products would copy what is transposed
                    part = start if at_once == 1 else slice(start, start + at_once)
                    weight = (query[part] @ key[part].mT).softmax(-1)  # (h, Q, L)
                    torch.matmul(weight.mT, out[part], out=grad_v[part])
                    grad_weight = out[part] @ value[part].mT
                    # d(softmax): weight * (grad_weight - the sum of weight * grad_weight over L)
                    grad_score = torch._softmax_backward_data(grad_weight, weight, -1, q.dtype)
                    torch.matmul(grad_score, key[part], out=grad_q[part])
                    torch.matmul(grad_score.mT, query[part], out=grad_k[part])
                all_q[body], all_k[body], all_v[body] = grad_q * scale, grad_k, grad_v
        return all_q, all_k, all_v


class StochasticDepth(nn.Module):
    """Drops a residual branch for some bodies and scales it up for the others, so that its mean stays.

    Does nothing in evaluation or at rate 0, and then draws nothing.
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Map the (B, ...) branch of B bodies to one of the same shape."""
        if not self.training or self.rate == 0:
            return branch
        keep = 1 - self.rate
        is_kept = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) < keep
        return branch * (is_kept.to(branch.dtype) / keep)


def set_stochastic_depth(encoder: nn.Module, rate: float) -> None:
    """Let the rate of an encoder's blocks rise evenly from 0 in the first to ``rate`` in the last.

    Raises:
        ConfigurationError: a rate outside [0, 1), or an encoder whose blocks cannot be skipped.
    """
    if not 0 <= rate < 1:
        raise ConfigurationError(f"stochastic_depth is {rate}, expected 0 or more and less than 1")
    blocks = encoder.get_submodule("blocks")
    assert isinstance(blocks, nn.ModuleList)  # encoders are stacks of blocks
    if rate > 0 and not all(hasattr(block, "branch") for block in blocks):
        raise ConfigurationError(
            f"stochastic_depth is {rate}, but blocks of {type(encoder).__name__} cannot be skipped; "
            "set it to 0 (--stochastic_depth 0)"
        )
    for block, each in zip(blocks, torch.linspace(0, rate, len(blocks)).tolist(), strict=True):
        if isinstance(branch := getattr(block, "branch", None), StochasticDepth):
            branch.rate = each


MIN_BODIES_TO_CHECKPOINT = 8
"""Bodies from which on memory counts for more than the time that keeping less costs."""
MIN_WIDTH_TO_CHECKPOINT = 256
"""Width from which on that time is a few percent; a LayerNorm is cheap only beside a wide linear layer."""
MLP_CHUNKS = 3
"""Parts in which a batch goes through an MLP, so that its wide hidden layer is at work for one only."""


class SelfAttention(nn.Module):
    """Multi-head self-attention with biases on query, key and value."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, qkv: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Attend with queries, keys and values that are already projected.

        Args:
            qkv: (B, L, 3 * D), what ``self.qkv`` makes of the tokens.
            wanted: (B, K) indices of the tokens that ask; default all L. Every token is asked.

        Returns:
            (B, K, D).
        """
        if wanted is None:
            q, k, v = self.heads(qkv, 3)
        else:
            width = qkv.shape[-1] // 3
            query, key_value = torch.split(qkv, [width, 2 * width], dim=-1)
            (q,) = self.heads(gather_tokens(query, wanted), 1)
            k, v = self.heads(key_value, 2)
        out: Tensor = self.out(rearrange(attention(q, k, v), "B H L E -> B L (H E)"))
        return out

    def heads(self, x: Tensor, number: int) -> tuple[Tensor, ...]:
        """Take ``number`` tables of (B, H, L, E) out of (B, L, number * D) tokens.

        They are views, split where they lie, so that the way back puts their gradients together in one copy.
        """
        parts = rearrange(x, "B L (n H E) -> B L n H E", n=number, H=self.num_heads).unbind(2)
        return tuple(part.transpose(1, 2) for part in parts)


class MLP(nn.Sequential):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class Block(nn.Module):
    """Attention and MLP, each behind a LayerNorm and added to what came in."""

    def __init__(self, width: int, num_heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = MLP(width, round(width * mlp_ratio))
        self.branch = StochasticDepth()  # does nothing unless fine-tuning gives it a rate

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, D) to (B, L, D)."""
        return self.after_qkv(x, self.qkv(x))

    def qkv(self, x: Tensor) -> Tensor:
        """Return the (..., 3 * D) queries, keys and values of (..., D) tokens."""
        return checkpointed(lambda x: self.attention.qkv(self.attention_norm(x)), x, should_checkpoint(x))

    def after_qkv(self, x: Tensor, qkv: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Do the rest of the block, for all tokens or for some.

        Args:
            x: (B, L, D) tokens.
            qkv: (B, L, 3 * D) what :meth:`qkv` makes of them.
            wanted: (B, K) indices of the tokens to return; default all L.

        Returns:
            (B, K, D).
        """
        attended = self.branch(self.attention(qkv, wanted))
        x = (x if wanted is None else gather_tokens(x, wanted)) + attended
        worth = should_checkpoint(x)
        parts = [self.normed_mlp(part, worth) for part in x.chunk(MLP_CHUNKS)]
        out: Tensor = x + self.branch(torch.cat(parts))
        return out

    def normed_mlp(self, x: Tensor, worth: bool) -> Tensor:
        """Return the MLP of normed (B, L, D) tokens."""
        into, gelu, out_of = self.mlp
        hidden = checkpointed(lambda x: into(self.mlp_norm(x)), x, worth)
        return checkpointed(lambda hidden: out_of(gelu(hidden)), hidden, worth)


def should_checkpoint(x: Tensor) -> bool:
    """Return whether the way back of (B, L, D) tokens should do cheap steps again rather than keep them."""
    return x.shape[-1] >= MIN_WIDTH_TO_CHECKPOINT and len(x) >= MIN_BODIES_TO_CHECKPOINT


def checkpointed(function: Callable[[Tensor], Tensor], x: Tensor, worth: bool) -> Tensor:
    """Return ``function(x)``, a cheap step and then a linear layer, and keep ``x`` alone for the way back.

    If that is ``worth`` it, the backward pass does the cheap step (a LayerNorm, a GELU) again instead of
    keeping its result, which would be a third of all memory; it stops before the linear layer. Compiled code
    decides by itself. The result is the same to the last bit.
    """
    if not worth or not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return function(x)
    out: Tensor = checkpoint(function, x, use_reentrant=False, preserve_rng_state=False)
    return out


def initialise(module: nn.Module) -> None:
    """Start every linear layer Xavier-uniform with zero bias, in place, as MAE does."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
