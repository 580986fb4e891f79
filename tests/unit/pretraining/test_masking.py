import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.pretraining.masking import MaskingStrength, mask_logits, motion_intensity, select_tokens


def test_restore_after_shuffle_is_the_identity():
    selection = select_tokens(torch.rand(4, 50), 7, torch.randn(4, 50))
    tokens = torch.arange(50).expand(4, 50)
    shuffled = torch.cat([tokens.gather(1, selection.keep), tokens.gather(1, selection.hidden)], 1)
    assert torch.equal(shuffled.gather(1, selection.restore), tokens)
    assert torch.equal(selection.is_hidden.sum(1), torch.full((4,), 43))
    assert not selection.is_hidden.gather(1, selection.keep).any()


def test_uniform_draws_hide_the_largest():
    selection = select_tokens(torch.tensor([[0.3, 0.9, 0.1, 0.5]]), 2)
    assert selection.keep.tolist() == [[2, 0]]


@pytest.mark.parametrize(("tau", "more_hidden"), [(0.2, True), (-0.2, False)])
def test_tokens_of_a_large_signal_are_hidden_more_often_or_with_a_negative_tau_less(tau, more_hidden):
    signal = torch.ones(1, 4, 25)
    signal[0, 2, :10] = 3.0
    logits = mask_logits(signal.expand(2000, -1, -1), tau)
    uniform = torch.rand(2000, 100, generator=torch.Generator().manual_seed(1))
    hidden = select_tokens(uniform, 50, logits).is_hidden.float().mean(0).reshape(4, 25)
    large, others = hidden[2, :10].mean(), hidden[0].mean()
    assert (large > others + 0.2) if more_hidden else (large < others - 0.2)


def test_first_draws_follow_the_probabilities():
    """The likeliest to be hidden is hidden first: the last key is the maximum of logit plus Gumbel noise."""
    logits = torch.tensor([0.0, 1.0, 2.0, 0.5]).expand(40_000, -1)
    uniform = torch.rand(40_000, 4, generator=torch.Generator().manual_seed(2))
    first = select_tokens(uniform, 3, logits).hidden[:, 0]
    share = torch.bincount(first, minlength=4) / len(first)
    torch.testing.assert_close(share, logits[0].softmax(0), atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("ratio", "tokens", "kept"), [(0.9, 750, 74), (0.9, 100, 9), (0.8, 160, 31), (0.5, 10, 5)]
)
def test_number_of_kept_tokens_is_the_published_floor(ratio, tokens, kept):
    assert MaskingStrength(mask_ratio=ratio).num_kept(tokens) == kept


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.1, 1.5])
def test_a_ratio_outside_zero_to_one_is_refused(ratio):
    with pytest.raises(ConfigurationError, match="mask_ratio"):
        MaskingStrength(mask_ratio=ratio)


def test_a_ratio_that_leaves_nothing_visible_is_refused():
    with pytest.raises(ConfigurationError, match="leaves 0 of 5 tokens visible"):
        MaskingStrength(mask_ratio=0.9).num_kept(5)


def test_motion_intensity_is_the_mean_change_of_a_patch():
    patches = torch.zeros(1, 3, 2, 6)
    patches[0, 1, 1] = 0.6
    intensity = motion_intensity(patches)
    expected = torch.tensor([[0.0, 0.6], [0.0, 0.6], [0.0, 0.6]])
    torch.testing.assert_close(intensity[0], expected)
