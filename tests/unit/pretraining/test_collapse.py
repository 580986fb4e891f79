import math

import pytest
import torch

from skelact.pretraining.collapse import (
    alignment,
    collapse_monitors,
    effective_rank,
    embedding_variance,
    uniformity,
)
from skelact.pretraining.contrastive.memory_bank import MemoryBank


def test_embeddings_that_are_all_alike():
    same = torch.tensor([[1.0, 2.0, 2.0]]).expand(10, 3) * torch.rand(10, 1).add(0.1)
    assert embedding_variance(same) == pytest.approx(0, abs=1e-6)
    assert uniformity(same) == pytest.approx(0, abs=1e-5)
    assert effective_rank(same) == pytest.approx(1, abs=1e-3)
    assert alignment(same, 3 * same) == pytest.approx(0, abs=1e-10)


def test_embeddings_along_all_axes():
    axes = torch.cat([torch.eye(4), -torch.eye(4)]) * 7
    assert embedding_variance(axes) == pytest.approx(1)
    assert effective_rank(axes) == pytest.approx(4, rel=1e-5)
    # of 28 pairs 4 are opposite (d^2 = 4), the others at right angles (d^2 = 2)
    expected = math.log((4 * math.exp(-8) + 24 * math.exp(-4)) / 28)
    assert uniformity(axes) == pytest.approx(expected, rel=1e-5)
    assert alignment(axes, -axes) == pytest.approx(4, rel=1e-5)


def test_directions_in_a_plane_use_two_dimensions():
    angle = torch.linspace(0, 2 * math.pi, 41)[:-1]
    plane = torch.stack([angle.cos(), angle.sin(), torch.zeros(40)], 1)
    assert effective_rank(plane) == pytest.approx(2, rel=1e-4)


def test_random_directions_spread_evenly():
    assert uniformity(torch.randn(500, 128)) == pytest.approx(-4, abs=0.1)


def test_one_sequence_has_numbers_too():
    signs = collapse_monitors(torch.randn(1, 8), torch.randn(1, 8))
    assert all(math.isfinite(value) for value in signs.values())


def test_the_bank_s_age_is_in_the_log():
    bank, keys = MemoryBank(4, 8), torch.randn(3, 8, requires_grad=True)
    signs = collapse_monitors(keys, keys, bank)
    assert signs["bank_age"] == signs["bank_oldest"] == 0
    bank.add(keys)
    bank.add(keys[:1])
    signs = collapse_monitors(keys, keys, bank)
    assert signs["bank_age"] == pytest.approx(3 / 4)
    assert signs["bank_oldest"] == 1
    assert set(signs) == {
        *("embedding_variance", "alignment", "uniformity", "effective_rank", "bank_age", "bank_oldest")
    }
