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

WORTH_RECOMPUTING = 2**20
"""Numbers from which on memory counts for more than the few percent of time that keeping less costs."""
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
            q, k, v = rearrange(qkv, "B L (three H E) -> three B H L E", three=3, H=self.num_heads)
        else:
            width = qkv.shape[-1] // 3
            query, key_value = qkv[..., :width], qkv[..., width:]
            q = rearrange(gather_tokens(query, wanted), "B K (H E) -> B H K E", H=self.num_heads)
            k, v = rearrange(key_value, "B L (two H E) -> two B H L E", two=2, H=self.num_heads)
        out: Tensor = self.out(rearrange(attend(q, k, v), "B H L E -> B L (H E)"))
        return out


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
        return recomputed(lambda x: self.attention.qkv(self.attention_norm(x)), x)

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
        out: Tensor = x + self.branch(torch.cat([self.normed_mlp(part) for part in x.chunk(MLP_PARTS)]))
        return out

    def normed_mlp(self, x: Tensor) -> Tensor:
        """Return the MLP of normed (B, L, D) tokens."""
        into, gelu, out_of = self.mlp
        hidden = recomputed(lambda x: into(self.mlp_norm(x)), x)
        return recomputed(lambda hidden: out_of(gelu(hidden)), hidden)


def recomputed(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``function(x)``, a cheap step and then a linear layer, and keep ``x`` alone for the way back.

    The backward pass does the cheap step (a LayerNorm, a GELU) again instead of keeping its result, which
    would be a third of all memory; it stops before the linear layer. Compiled code decides by itself, and
    with few numbers there is little to save. The result is the same to the last bit.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_compiling() or x.numel() < WORTH_RECOMPUTING:
        return function(x)
    out: Tensor = checkpoint(function, x, use_reentrant=False, preserve_rng_state=False)
    return out


def initialise(module: nn.Module) -> None:
    """Start every linear layer Xavier-uniform with zero bias, in place, as MAE does."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
