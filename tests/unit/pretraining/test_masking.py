import math

import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.pretraining.masked.masking import mask_logits, motion_intensity, select_tokens, select_tubes
from skelact.pretraining.masked.objective import MaskingStrength


def test_every_token_is_kept_or_hidden():
    selection = select_tokens(torch.rand(4, 50), 7, torch.randn(4, 50))
    every = torch.cat([selection.keep, selection.hidden], 1).sort(1).values
    assert torch.equal(every, torch.arange(50).expand(4, 50))
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


def test_schedules_go_from_start_to_end():
    strength = MaskingStrength(mask_ratio=0.9, tau=0.5, mask_ratio_start=0.5, tau_start=math.inf)
    assert [strength.ratio_at(share) for share in (0, 0.5, 1)] == pytest.approx([0.5, 0.7, 0.9])
    assert [strength.tau_at(share) for share in (0, 0.5, 1)] == [math.inf, 1.0, 0.5]
    assert [strength.num_kept(100, share) for share in (0, 1)] == [50, 9]
    steady = MaskingStrength(mask_ratio=0.9, tau=0.8)
    assert (steady.ratio_at(0.3), steady.tau_at(0.3)) == (0.9, 0.8)


def test_a_temperature_that_passes_through_infinity_changes_its_sign():
    strength = MaskingStrength(tau=0.5, tau_start=-0.5)
    assert [strength.tau_at(share) for share in (0, 0.5, 1)] == [-0.5, math.inf, 0.5]


def test_an_infinite_temperature_hides_any():
    assert not mask_logits(torch.zeros(1, 2, 3), math.inf).any()
    assert not mask_logits(torch.rand(1, 2, 3), math.inf).any()


def test_tubes_share_one_fate():
    uniform = torch.rand(3, 8 * 5, generator=torch.Generator().manual_seed(0))
    selection = select_tubes(uniform, 16, 5, 4)
    hidden = selection.is_hidden.reshape(3, 2, 4, 5)
    assert torch.equal(hidden.all(2), hidden.any(2))
    assert torch.equal(selection.is_hidden.sum(1), torch.full((3,), 24))
    logits = torch.zeros(1, 2, 4, 5)
    logits[0, 1, 2:, 3] = 60.0  # half of one tube
    steered = select_tubes(uniform[:1], 36, 5, 4, logits.flatten(1))
    assert steered.is_hidden.reshape(2, 4, 5)[1, :, 3].all()


def test_tubes_of_one_step_are_tokens():
    uniform, logits = torch.rand(2, 40), torch.randn(2, 40)
    tubes, tokens = select_tubes(uniform, 9, 5, 1, logits), select_tokens(uniform, 9, logits)
    assert torch.equal(tubes.keep, tokens.keep)
    assert torch.equal(tubes.hidden, tokens.hidden)


@pytest.mark.parametrize("setting", [{"tau": 0.0}, {"tau_start": math.nan}, {"tube_steps": 0}])
def test_strengths_that_mean_nothing_are_refused(setting):
    with pytest.raises(ConfigurationError, match=next(iter(setting))):
        MaskingStrength(**setting)


def test_a_single_step_has_no_motion():
    assert motion_intensity(torch.ones(2, 1, 5, 12)).tolist() == [[[0.0] * 5]] * 2
