import math

import pytest
import torch

from skelact.pretraining.distilled.tubes import (
    LimbTable,
    TubeDraws,
    draw_tubes,
    hide_tubes,
    stratified_ratios,
)
from skelact.skeleton.limbs import limbs
from skelact.skeleton.tables import TOPOLOGIES

KINECT = TOPOLOGIES["kinect-20"]


def slow(uniform, order, ratio, is_there, topology, logits):
    """Draw one tube after the other until enough tokens of a body are hidden."""
    num_steps, num_joints = is_there.shape
    tokens = [(t, v) for t in range(num_steps) for v in range(num_joints) if is_there[t, v]]
    wanted = min(max(int(ratio * len(tokens) + 0.5), 1), max(len(tokens) - 1, 0))
    if logits is None:
        weights = dict.fromkeys(tokens, 1.0)
    else:
        largest = max(float(logits[token]) for token in tokens)
        weights = {token: math.exp(float(logits[token]) - largest) for token in tokens}
    hidden = []
    for seed, run_length, run_start, length, start in uniform.tolist():
        if len(hidden) >= wanted:
            break
        left = seed * sum(weights.values())
        for token in tokens:
            left -= weights[token]
            if left < 0:
                break
        t0, v0 = token
        limb = next(limb for limb in limbs(topology) if v0 in limb)

        def stretch(place, total, length, start):
            num = 1 + int(length * total)
            low, high = max(0, place - num + 1), min(place, total - num)
            begin = low + int(start * (high - low + 1))
            return range(begin, begin + num)

        joints = [limb[place] for place in stretch(limb.index(v0), len(limb), run_length, run_start)]
        tube = [
            (t, v)
            for t in stretch(t0, num_steps, length, start)
            for v in joints
            if is_there[t, v] and (t, v) not in hidden
        ]
        hidden += sorted(tube, key=lambda token: float(order[token]))[: wanted - len(hidden)]
    rest = sorted((token for token in tokens if token not in hidden), key=lambda token: float(order[token]))
    hidden += rest[: wanted - len(hidden)]
    found = torch.zeros(num_steps, num_joints, dtype=torch.bool)
    for token in hidden:
        found[token] = True
    return found


@pytest.mark.parametrize("steered", [False, True])
@pytest.mark.parametrize("num_steps", [1, 6])
def test_equals_tubes_drawn_one_after_the_other(num_steps, steered):
    generator = torch.Generator().manual_seed(num_steps + steered)
    draws = draw_tubes((12,), num_steps, 20, generator)
    ratio = stratified_ratios(12, 0.5, 0.9, generator)
    is_there = torch.rand(12, num_steps, 20, generator=generator) < 0.8
    is_there[0] = True
    logits = 3 * torch.randn(12, num_steps, 20, generator=generator) if steered else None
    hidden = hide_tubes(draws, ratio, is_there, LimbTable.of(KINECT), logits)
    for body in range(12):
        expected = slow(
            draws.uniform[body],
            draws.order[body],
            float(ratio[body]),
            is_there[body],
            KINECT,
            None if logits is None else logits[body],
        )
        assert torch.equal(hidden[body], expected), body


def test_few_tubes_are_made_up_for_by_single_tokens_and_one_token_stays_visible():
    generator = torch.Generator().manual_seed(0)
    draws = draw_tubes((3,), 8, 20, generator)
    few = TubeDraws(draws.uniform[:, :1], draws.order)
    is_there = torch.zeros(3, 8, 20, dtype=torch.bool)
    is_there[0] = True
    is_there[1, 2, 3] = True  # a single token
    hidden = hide_tubes(few, torch.full((3,), 0.9), is_there, LimbTable.of(KINECT))
    assert hidden.flatten(1).sum(1).tolist() == [144, 0, 0]


def test_ratios_are_spread_over_the_batch():
    ratios = stratified_ratios(8, 0.5, 0.9, torch.Generator().manual_seed(0))
    assert sorted(((ratios - 0.5) / 0.05).long().tolist()) == list(range(8))
    assert ratios.tolist() != sorted(ratios.tolist())


def test_steered_tubes_lie_where_the_signal_is_or_spare_it():
    generator = torch.Generator().manual_seed(0)
    draws = draw_tubes((200,), 8, 20, generator)
    logits = torch.zeros(200, 8, 20)
    logits[:, :, 7] = 8.0  # nearly every seed
    everywhere = torch.ones(200, 8, 20, dtype=torch.bool)
    ratio, table = torch.full((200,), 0.15), LimbTable.of(KINECT)
    shares = {
        sign: hide_tubes(draws, ratio, everywhere, table, sign * logits).float().mean((0, 1))[7].item()
        for sign in (-1, 0, 1)
    }
    assert shares[-1] < 0.75 * shares[0]  # seeds of the same limb still reach it
    assert shares[1] > 3 * shares[0]
