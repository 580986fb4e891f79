"""The pre-norm transformer block that encoder and decoder are made of.

Shape legend: B bodies, L tokens, D width, H heads, E width of a head.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from skelact.models.attention import attend
from skelact.models.embedding import gather_tokens
from skelact.models.stochastic_depth import StochasticDepth

MANY = 8
"""Bodies from which on memory counts for more than the time that keeping less costs."""
WIDE = 256
"""Width from which on that time is a few percent; a LayerNorm is cheap only beside a wide linear layer."""
MLP_PARTS = 3
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
        out: Tensor = self.out(rearrange(attend(q, k, v), "B H L E -> B L (H E)"))
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
        return recomputed(lambda x: self.attention.qkv(self.attention_norm(x)), x, is_worth_recomputing(x))

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
        worth = is_worth_recomputing(x)
        parts = [self.normed_mlp(part, worth) for part in x.chunk(MLP_PARTS)]
        out: Tensor = x + self.branch(torch.cat(parts))
        return out

    def normed_mlp(self, x: Tensor, worth: bool) -> Tensor:
        """Return the MLP of normed (B, L, D) tokens."""
        into, gelu, out_of = self.mlp
        hidden = recomputed(lambda x: into(self.mlp_norm(x)), x, worth)
        return recomputed(lambda hidden: out_of(gelu(hidden)), hidden, worth)


def is_worth_recomputing(x: Tensor) -> bool:
    """Return whether the way back of (B, L, D) tokens should do cheap steps again rather than keep them."""
    return x.shape[-1] >= WIDE and len(x) >= MANY


def recomputed(function: Callable[[Tensor], Tensor], x: Tensor, worth: bool) -> Tensor:
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
