"""Semantic tubes: which tokens are hidden - runs of joints along a limb over stretches of time.

Tubes are drawn one after the other until as many tokens are hidden as wanted; of the last one only so many as
are still needed. Where a tube lies, chance decides, or a signal: every tube is drawn around a seed token, and
tokens are seeds as their logits say. All bodies and tubes are drawn at once.

Shape legend: B bodies, K tubes, T' time steps, V joints.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from skelact.skeleton.limbs import limbs
from skelact.skeleton.topology import Topology

MOST_TUBES = 64
"""Tubes that are drawn of a body. Where they hide too little, single tokens by chance make up the rest."""
NUMBERS_PER_TUBE = 5


class TubeDraws(NamedTuple):
    """The random numbers of B bodies' tubes."""

    uniform: Tensor
    """(B, K, 5) in [0, 1): the seed token; length and start of the run of joints; the same of the stretch."""
    order: Tensor
    """(B, T', V) in [0, 1): which tokens of the last tube are hidden, the smaller first."""


class LimbTable(NamedTuple):
    """Where each joint stands in its limb."""

    limb: Tensor
    """(V,) the number of its limb."""
    place: Tensor
    """(V,) its place there, from 0."""
    length: Tensor
    """(V,) the joints of its limb."""

    @classmethod
    def of(cls, topology: Topology) -> LimbTable:
        """Return the table of a skeleton."""
        rows = torch.empty(3, topology.num_joints, dtype=torch.int64)
        for number, limb in enumerate(limbs(topology)):
            for place, joint in enumerate(limb):
                rows[:, joint] = torch.tensor([number, place, len(limb)])
        return cls(*rows)


def draw_tubes(
    bodies: tuple[int, ...], num_steps: int, num_joints: int, generator: torch.Generator
) -> TubeDraws:
    """Draw the random numbers of bodies, of any shape; on the CPU."""
    uniform = torch.rand(*bodies, MOST_TUBES, NUMBERS_PER_TUBE, generator=generator)
    return TubeDraws(uniform, torch.rand(*bodies, num_steps, num_joints, generator=generator))


def stratified_ratios(num: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Return (num,) shares in (low, high), one in each of ``num`` equal parts of it, in random order."""
    return low + (high - low) * (torch.randperm(num, generator=generator) + 0.5) / num


def hide_tubes(
    draws: TubeDraws, ratio: Tensor, is_there: Tensor, table: LimbTable, logits: Tensor | None = None
) -> Tensor:
    """Return which tokens are hidden.

    Args:
        draws: of the B bodies.
        ratio: (B,) share of the tokens there that is hidden: rounded, at least one and all but one.
        is_there: (B, T', V) bool; a token that is missing is neither a seed nor hidden.
        table: of the skeleton.
        logits: (B, T', V) of being a seed; None: chance.

    Returns:
        (B, T', V) bool; nothing is hidden of a body with a single token.
    """
    num_steps, num_joints = is_there.shape[1:]
    table = LimbTable(*(part.to(is_there.device) for part in table))
    covers = _tubes(draws.uniform, is_there, table, logits)  # (B, K, T', V)
    # the first tube of each token; K where none covers it
    first = torch.where(covers.any(1), covers.to(torch.uint8).argmax(1), covers.shape[1])
    key = (first + draws.order).masked_fill(~is_there, torch.inf).flatten(1)
    num_there = is_there.flatten(1).sum(1)
    wanted = (ratio.double() * num_there + 0.5).long()
    wanted = torch.minimum(wanted.clamp(min=1), (num_there - 1).clamp(min=0))
    rank = key.argsort(1).argsort(1)
    return (rank < wanted.unsqueeze(1)).view(-1, num_steps, num_joints)


def _tubes(uniform: Tensor, is_there: Tensor, table: LimbTable, logits: Tensor | None) -> Tensor:
    """Return (B, K, T', V) bool: what each tube covers."""
    num_steps, num_joints = is_there.shape[1:]
    weight = is_there.flatten(1).float()
    if logits is not None:
        weight = logits.float().flatten(1).masked_fill(weight == 0, -torch.inf).softmax(1).nan_to_num()
    sums = weight.cumsum(1)
    seed = torch.searchsorted(sums, (uniform[..., 0] * sums[:, -1:]).contiguous(), right=True)
    seed = seed.clamp(max=num_steps * num_joints - 1)  # (B, K)
    step, joint = seed // num_joints, seed % num_joints
    place, length = table.place[joint], table.length[joint]
    begin, end = _stretch(place, length, uniform[..., 1], uniform[..., 2])
    of_limb = (table.limb == table.limb[joint].unsqueeze(-1)) & _between(table.place, begin, end)
    begin, end = _stretch(step, torch.full_like(step, num_steps), uniform[..., 3], uniform[..., 4])
    at_time = _between(torch.arange(num_steps, device=uniform.device), begin, end)
    return at_time.unsqueeze(-1) & of_limb.unsqueeze(-2)


def _stretch(place: Tensor, total: Tensor, length: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return begin and end of a stretch of 0 .. total - 1 that holds ``place``, by two uniform numbers."""
    num = 1 + (length * total).long()
    low, high = (place - num + 1).clamp(min=0), torch.minimum(place, total - num)
    begin = low + (start * (high - low + 1)).long()
    return begin, begin + num


def _between(numbers: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """Return (B, K, n) bool, which of (n,) numbers lie from begin up to before end."""
    return (numbers >= begin.unsqueeze(-1)) & (numbers < end.unsqueeze(-1))
