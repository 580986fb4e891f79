"""Multi-head attention, and a faster way back for bfloat16 on a CPU.

Shape legend: B bodies, H heads, Q queries, L tokens, E width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

SCORES_AT_ONCE = 2**20
"""Scores that one step of :class:`HeadByHead` holds: 2 MiB, about the fast cache of a core."""


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax(q k^T / sqrt(E)) v without keeping the scores.

    Args:
        q: (B, H, Q, E) queries.
        k: (B, H, L, E) keys.
        v: (B, H, L, E) values.

    Returns:
        (B, H, Q, E).
    """
    on_cpu_in_bf16 = q.device.type == "cpu" and q.dtype == torch.bfloat16
    if on_cpu_in_bf16 and torch.is_grad_enabled() and not torch.compiler.is_compiling():
        out: Tensor = HeadByHead.apply(q, k, v)  # type: ignore[no-untyped-call]
        return out
    return scaled_dot_product_attention(q, k, v)


class HeadByHead(torch.autograd.Function):
    """Attention whose backward pass takes a few heads at a time, each with its whole matrix of scores.

    torch's fused backward pass (2.13) is slower in bfloat16 than in float32 on a CPU, for it works in tiles
    that are too small for the matrix units. Whole heads are faster, the more so the fewer tokens there are;
    the scores of a few heads still fit into the cache. The forward pass is torch's.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return (B, H, Q, E) attended values; see :func:`attend`."""
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
