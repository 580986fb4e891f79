"""What a method needs of the other processes, so that several learn what one would."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """Return the (n, D) rows of all processes, in their order; n may differ between them.

    Without other processes these are the rows themselves. Gradients do not pass.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return rows
    num_processes = dist.get_world_size()
    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(num_processes)]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    most = max(int(count) for count in counts)
    padded = rows.new_zeros(most, rows.shape[1])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(num_processes)]
    dist.all_gather(parts, padded)
    return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; gradients do not pass."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return values
    summed = values.detach().clone()
    dist.all_reduce(summed)
    return summed


def rows_before(num: int, device: torch.device) -> int:
    """Return how many rows the processes before this one have."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return 0
    counts = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=device)
    counts[dist.get_rank()] = num
    return int(sum_over_processes(counts)[: dist.get_rank()].sum())
