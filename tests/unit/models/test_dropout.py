import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.st_gcn import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_share_is_zero_and_the_mean_stays(rate, dtype):
    x = torch.ones(101, 33, 31, dtype=dtype)
    y = Dropout(rate)(x)
    assert y.dtype == dtype
    values = y.float().unique()
    torch.testing.assert_close(values, torch.tensor([0, 1 / (1 - rate)]), rtol=1e-2, atol=0)
    # five standard deviations of the share of 103,323 draws
    assert float((y == 0).float().mean()) == pytest.approx(rate, abs=5 * (rate * (1 - rate) / 103323) ** 0.5)


def test_places_are_dropped_independently_of_their_neighbours():
    is_kept = (Dropout(0.5)(torch.ones(400_000)) > 0).double()
    for distance in range(1, 9):  # four of them come from one draw
        together = (is_kept[distance:] * is_kept[:-distance]).mean()
        assert float(together) == pytest.approx(0.25, abs=0.005)


def test_the_seed_decides_and_gradients_follow_the_mask():
    layer, x = Dropout(0.3), torch.randn(5, 7, requires_grad=True)
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, layer(x))
    first.sum().backward()
    torch.testing.assert_close(x.grad * x.detach(), first.detach())


def test_nothing_is_dropped_in_evaluation_or_at_rate_zero():
    x = torch.randn(4, 3)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5)(x[:0]).shape == (0, 3)


def test_a_rate_of_one_is_refused():
    with pytest.raises(ConfigurationError, match=r"dropout is 1\.0"):
        Dropout(1.0)
