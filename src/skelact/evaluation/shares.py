"""Every sequence once, on any number of processes: each takes a share, then all have the whole."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor


def share_of(num: int, rank: int, world_size: int) -> slice:
    """Return the part of ``num`` sequences that process ``rank`` of ``world_size`` works on.

    The parts follow each other, cover all and do not overlap; their lengths differ by one at most.
    """
    return slice(num * rank // world_size, num * (rank + 1) // world_size)


def gather(share: Tensor, num: int, fabric: Fabric) -> Tensor:
    """Join the processes' shares in their order; every process gets the whole.

    Args:
        share: (rows of this process's :func:`share_of`, ...).
        num: rows of the whole.
        fabric: the processes.

    Returns:
        (num, ...), on the device of ``share``.
    """
    if fabric.world_size == 1:
        return share
    whole = torch.zeros(num, *share.shape[1:], dtype=share.dtype, device=fabric.device)
    whole[share_of(num, fabric.global_rank, fabric.world_size)] = share.to(fabric.device)
    summed = fabric.all_reduce(whole, reduce_op="sum")  # the others' rows are zero
    assert isinstance(summed, Tensor)  # what went in was one
    return summed.to(share.device)
