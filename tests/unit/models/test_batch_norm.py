import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.batch_norm import BatchNorm


@pytest.mark.parametrize("shape", [(10, 4), (10, 7, 4), (5, 3, 2, 4)])
def test_equals_that_of_torch(shape):
    ours, theirs = BatchNorm(4), torch.nn.BatchNorm1d(4)
    x = torch.randn(shape) * 3 + 1
    for training in (True, False):
        ours.train(training), theirs.train(training)
        torch.testing.assert_close(ours(x), theirs(x.view(-1, 4)).view(shape))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_nobody_leaves_the_statistics_as_they_are():
    norm = BatchNorm(4)
    assert norm(torch.zeros(0, 7, 4)).shape == (0, 7, 4)
    assert (norm.running_mean == 0).all()
    assert (norm.running_var == 1).all()


def test_a_single_sample_has_no_statistics():
    with pytest.raises(ConfigurationError, match="single sample has no statistics"):
        BatchNorm(4)(torch.randn(1, 4))
    assert BatchNorm(4).eval()(torch.randn(1, 4)).isfinite().all()
