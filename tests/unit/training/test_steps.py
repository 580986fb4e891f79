from dataclasses import replace

import numpy as np
import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.training.config import TrainingConfig
from skelact.training.steps import Plan

CONFIG = TrainingConfig(epochs=3, batch_size=8)
INDICES = np.arange(50, 70)


def plan(accumulate=1, rank=0, world_size=1, config=CONFIG):
    return Plan(INDICES, replace(config, accumulate=accumulate), rank, world_size)


@pytest.mark.parametrize(("accumulate", "world_size"), [(1, 1), (3, 1), (2, 2), (3, 2)])
def test_processes_and_parts_share_out_each_batch_once(accumulate, world_size):
    shares = [share for rank in range(world_size) for share in plan(accumulate, rank, world_size).shares()]
    assert len(shares) == accumulate * world_size
    assert np.array_equal(np.concatenate([np.arange(8)[share] for share in shares]), np.arange(8))


def test_all_parts_of_a_step_draw_the_same_numbers():
    for parts in plan(4).steps(0):
        first, *others = (torch.rand(5, generator=part.generator) for part in parts)
        assert all(torch.equal(first, other) for other in others)


def test_what_is_left_after_some_steps_is_the_end_of_the_whole():
    whole, rest = list(plan(2).steps(0)), list(plan(2).steps(3))
    assert [parts[0].number for parts in whole] == list(range(6))
    assert [parts[0].number for parts in rest] == [3, 4, 5]
    for ours, theirs in zip(rest, whole[3:], strict=True):
        assert np.array_equal(ours[0].indices, theirs[0].indices)
        assert ours[0].progress == theirs[0].progress < 1


def test_more_parts_than_sequences_are_refused():
    with pytest.raises(ConfigurationError, match=r"training\.accumulate is 5, but a process has only 4"):
        Plan(INDICES[:4], replace(CONFIG, accumulate=5))
    with pytest.raises(ConfigurationError, match=r"is less than 1 devices times training\.accumulate 9"):
        replace(CONFIG, accumulate=9)
    with pytest.raises(ConfigurationError, match="size is 8: 8 do not divide among 3 processes; choose 6"):
        plan(world_size=3)
    with pytest.raises(ConfigurationError, match=r"is 8, and 5 sequences train: 5 do not .* 2 .* choose 4"):
        Plan(INDICES[:5], CONFIG, 0, 2)
