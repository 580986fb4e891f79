import pytest
import torch
from torch.nn.functional import normalize

from skelact.errors import ConfigurationError
from skelact.pretraining.contrastive.memory_bank import MemoryBank


def test_starts_with_random_directions_that_the_generator_decides():
    banks = [MemoryBank(6, 3, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    torch.testing.assert_close(banks[0].keys.norm(dim=1), torch.ones(6))
    assert torch.equal(banks[0].keys, banks[1].keys)
    assert not torch.equal(banks[0].keys, banks[2].keys)
    assert len(banks[0].ages) == 0


@pytest.mark.parametrize("sizes", [[2, 2, 2], [4, 3, 5], [1, 6, 2], [7, 20, 3], [0, 6], [13]])
def test_holds_the_newest_keys_in_a_ring(sizes):
    bank, all_keys, births = MemoryBank(6, 3), [], []
    for number, size in enumerate(sizes, 1):
        keys = torch.randn(size, 3) * 4
        bank.add(keys)
        all_keys += list(normalize(keys, dim=1))
        births += [number] * size
    total = sum(sizes)
    assert bank.pointer == total % 6
    for place in range(6):
        written = [n for n in range(total) if n % 6 == place]
        if written:
            torch.testing.assert_close(bank.keys[place], all_keys[written[-1]])
            assert bank.born[place] == births[written[-1]]
        else:
            assert bank.born[place] == 0


def test_ages_are_counted_in_batches():
    bank = MemoryBank(4, 3)
    bank.add(torch.randn(2, 3))
    assert bank.ages.tolist() == [0, 0]
    bank.add(torch.randn(1, 3))
    assert bank.ages.tolist() == [1, 1, 0]
    bank.add(torch.randn(2, 3))
    assert sorted(bank.ages.tolist()) == [0, 0, 1, 2]


def test_its_state_restores_keys_place_and_ages():
    bank = MemoryBank(5, 3)
    bank.add(torch.randn(3, 3))
    other = MemoryBank(5, 3)
    other.load_state_dict(bank.state_dict())
    keys = torch.randn(4, 3)
    for each in (bank, other):
        each.add(keys)
    for name, value in bank.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_loss_may_use_the_bank_as_it_was_before_an_addition():
    bank = MemoryBank(5, 3)
    query = torch.randn(2, 3, requires_grad=True)
    loss = (query @ bank.keys.mT).exp().sum()
    bank.add(torch.randn(2, 3, requires_grad=True))
    loss.backward()
    assert query.grad.isfinite().all()
    assert not bank.keys.requires_grad


def test_bad_sizes_are_refused():
    with pytest.raises(ConfigurationError, match="0 keys"):
        MemoryBank(0, 3)
    with pytest.raises(ValueError, match=r"takes \(n, 3\)"):
        MemoryBank(4, 3).add(torch.randn(2, 4))
