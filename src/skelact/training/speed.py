"""How fast a run is, measured against what its device can do, and how much memory it takes.

Fabric's own monitor knows the rates of some GPUs and of no CPU, and counts no attention on a CPU.
"""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

MEASURED_SECONDS = 0.2
SIZES = {"cpu": 1024}
SIZE = 8192  # of a matrix on other devices: large enough to keep one busy
GIB = 2**30


@cache
def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Measure the operations a second of square matrix products, for a fraction of a second, once a process.

    The fastest product counts, so that other work on the machine disturbs little.

    Args:
        device: where to multiply.
        dtype: of the matrices.

    Returns:
        Floating-point operations a second; a multiplication and an addition are two.
    """
    size = SIZES.get(device.type, SIZE)
    a = torch.ones(size, size, device=device, dtype=dtype)
    fastest, begun = float("inf"), None
    while begun is None or time.perf_counter() - begun < MEASURED_SECONDS:
        started = time.perf_counter()
        torch.mm(a, a)
        _wait(device)
        if begun is None:  # the first product starts libraries
            begun = time.perf_counter()
        else:
            fastest = min(fastest, time.perf_counter() - started)
    if device.type == "cuda":  # the run's peak is its own
        del a
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    return 2 * size**3 / fastest


class Speed:
    """Compares a run's useful operations with the rate that its devices reach in matrix products.

    The operations of the run's first step are counted; later steps count by their terms.

    Args:
        device: this process's.
        precision: of the run, which decides in what matrices are multiplied.
        world_size: processes with a device each.
    """

    def __init__(self, device: torch.device, precision: str, world_size: int) -> None:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._rate = matmul_rate(device, dtype) * world_size
        self._world_size, self._terms = world_size, 0
        self._counter = operation_counter()
        self._operations_per_term: float | None = None

    @property
    def is_counting(self) -> bool:
        """Whether the operations of the next step will be counted."""
        return self._operations_per_term is None

    def watch(self) -> AbstractContextManager[object]:
        """Return a context for a step; in the first it counts the operations."""
        return self._counter if self.is_counting else nullcontext()

    def add(self, terms: int) -> None:
        """Take the number of terms of the step that was watched, over all processes."""
        if self.is_counting:
            self._operations_per_term = self._counter.get_total_flops() * self._world_size / max(1, terms)
        self._terms += terms

    def share(self, seconds: float) -> float:
        """Return the share of the matmul rate that the steps added since the last call reached.

        Args:
            seconds: how long they took.
        """
        terms, self._terms = self._terms, 0
        return terms * (self._operations_per_term or 0.0) / seconds / self._rate


def operation_counter() -> FlopCounterMode:
    """Return a context that counts the operations of matrix products and of attention in its block.

    Only useful operations count: what a fused attention computes again in its backward pass does not.
    ``get_total_flops()`` tells the number.
    """
    aten = torch.ops.aten
    fused = ("flash_attention", "efficient_attention", "cudnn_attention", "flash_attention_for_cpu")
    known: dict[Any, Any] = {}
    for name in fused:
        known[getattr(aten, f"_scaled_dot_product_{name}")] = _attention
        known[getattr(aten, f"_scaled_dot_product_{name}_backward")] = _attention_backward
    return FlopCounterMode(display=False, custom_mapping=known)


def peak_memory(device: torch.device) -> float:
    """Return the most memory taken so far, in GiB: of the GPU by tensors, on a CPU by the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    if sys.platform == "win32":
        return float("nan")
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / GIB if sys.platform == "darwin" else peak * 1024 / GIB


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Count the two products of attention, from the shapes (..., L, E), (..., S, E) and (..., S, F)."""
    return int(2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _attention_backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return 2 * _attention(query, key, value)


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
