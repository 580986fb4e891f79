import math

import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.pretraining.contrastive.objective import DetectorConfig
from skelact.pretraining.contrastive.prime_detector import (
    PrimeDetector,
    prime_mask,
    straight_through,
    to_steps,
)


def everywhere(change):
    return torch.ones_like(change, dtype=torch.bool)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.9])
def test_a_share_of_the_places_gets_more_than_one_half(share):
    change = torch.rand(3, 2, 4, 5)
    mask = prime_mask(change, everywhere(change), share=share)
    assert ((mask > 0.5).flatten(1).sum(1) == math.ceil(share * 40)).all()
    assert (mask.flatten(1).argsort(1) == change.flatten(1).argsort(1)).all()


def test_a_whole_number_of_places_is_not_rounded_up():
    change = torch.rand(1, 1, 1, 25)
    assert int((prime_mask(change, everywhere(change), share=0.6) > 0.5).sum()) == 15


def test_the_border_lies_halfway_and_the_temperature_is_in_mean_changes():
    change = torch.tensor([0.0, 1.0, 3.0, 4.0]).view(1, 1, 2, 2)
    mask = prime_mask(change, everywhere(change), share=0.5, tau=0.25).flatten()
    expected = torch.sigmoid((torch.tensor([0.0, 1.0, 3.0, 4.0]) - 2) / (0.25 * 2))
    torch.testing.assert_close(mask, expected)


def test_a_threshold_is_a_share_of_the_largest_change():
    change = torch.tensor([0.0, 1.0, 2.0, 4.0]).view(1, 1, 2, 2)
    mask = prime_mask(change, everywhere(change), threshold=0.5, tau=0.1).flatten()
    torch.testing.assert_close(mask, torch.sigmoid((torch.tensor([0.0, 0.25, 0.5, 1.0]) - 0.5) / 0.1))


def test_scaling_the_change_of_a_sequence_changes_nothing():
    change = torch.rand(2, 1, 4, 5)
    factors = torch.tensor([1e-3, 1e3]).view(2, 1, 1, 1)
    for how in ({"share": 0.3}, {"threshold": 0.4}):
        before = prime_mask(change, everywhere(change), **how)
        torch.testing.assert_close(prime_mask(change * factors, everywhere(change), **how), before)


def test_places_that_do_not_count_get_nothing_and_move_no_border():
    change = torch.rand(1, 2, 4, 5)
    counts = everywhere(change)
    counts[:, 1] = False
    counts[:, 0, :, 3] = False
    wild = torch.where(counts, change, 100.0)
    for how in ({"share": 0.3}, {"threshold": 0.4}):
        mask = prime_mask(wild, counts, **how)
        assert (mask[~counts] == 0).all()
        alone = prime_mask(change[:, :1, :, [0, 1, 2, 4]], counts[:, :1, :, [0, 1, 2, 4]], **how)
        torch.testing.assert_close(mask[:, :1, :, [0, 1, 2, 4]], alone)


def test_without_motion_the_mask_is_even_and_gradients_are_finite():
    change = torch.zeros(2, 1, 4, 5)
    change[1, 0, 2] = torch.rand(5)
    change.requires_grad_()
    for how in ({"share": 0.3}, {"threshold": 0.4}):
        mask = prime_mask(change, everywhere(change), **how)
        assert (mask[0] == 0.5).all()
        (gradient,) = torch.autograd.grad((mask * torch.rand(2, 1, 4, 5)).sum(), change)
        assert gradient.isfinite().all()
        assert gradient[1].abs().max() > 0


def test_a_share_or_a_threshold_and_not_both():
    change = torch.rand(1, 1, 2, 2)
    for how in ({}, {"share": 0.2, "threshold": 0.2}):
        with pytest.raises(ValueError, match="either a share or a threshold"):
            prime_mask(change, everywhere(change), **how)


def test_a_hard_mask_has_the_gradient_of_the_soft_one():
    soft = torch.tensor([0.1, 0.5, 0.9, 0.0], requires_grad=True)
    hard = straight_through(soft)
    assert hard.tolist() == [0, 0.5, 1, 0]
    (gradient,) = torch.autograd.grad((hard * torch.arange(4.0)).sum(), soft)
    assert gradient.tolist() == [0, 1, 2, 3]


def test_prime_joints_are_those_whose_neighbourhood_changes():
    """One joint of five comes close to another between steps 2 and 3: the two are the most prime."""
    features = torch.randn(1, 1, 1, 5, 8).repeat(1, 1, 6, 1, 1)
    features[0, 0, 3:, 1] = features[0, 0, 3:, 4] + 0.1
    detector = PrimeDetector(DetectorConfig(share=1 / 15), 5, 8)
    mask = detector(features, torch.ones(1, 1, 5, dtype=torch.bool))
    assert set((mask[0, 0] > 0.5).nonzero()[:, 0].tolist()) == {3}
    assert set((mask[0, 0] > 0.5).nonzero()[:, 1].tolist()) <= {1, 4}


@pytest.mark.parametrize("steps", [1, 6])
def test_still_features_give_an_even_mask(steps):
    features = torch.randn(2, 2, 1, 5, 8).repeat(1, 1, steps, 1, 1)
    features = features + 1e-8 * torch.randn_like(features)  # rounding is no motion
    counts = torch.ones(2, 2, 5, dtype=torch.bool)
    counts[1, 1] = False
    detector = PrimeDetector(DetectorConfig(), 5, 8)
    mask = detector(features, counts)
    assert (mask[counts.unsqueeze(2).expand(mask.shape)] == 0.5).all()
    assert (mask[1, 1] == 0).all()
    assert PrimeDetector(DetectorConfig(hard=True), 5, 8)(features, counts).max() == 0.5


def test_an_absent_body_changes_nothing_and_an_empty_batch_keeps_its_gradient():
    detector = PrimeDetector(DetectorConfig(), 5, 8)
    features = torch.randn(2, 2, 6, 5, 8)
    counts = torch.ones(2, 2, 5, dtype=torch.bool)
    counts[:, 1] = False
    alone = detector(features[:, :1], counts[:, :1])
    torch.testing.assert_close(detector(features, counts)[:, :1], alone)
    nobody = detector(features, torch.zeros_like(counts))
    assert (nobody == 0).all()
    nobody.sum().backward()
    assert all((p.grad == 0).all() for p in detector.parameters())


def test_only_a_learned_density_learns():
    features, counts = torch.randn(2, 1, 6, 5, 8), torch.ones(2, 1, 5, dtype=torch.bool)
    learned, fixed = (PrimeDetector(DetectorConfig(density=which), 5, 8) for which in ("learned", "fixed"))
    (learned(features, counts) * torch.rand(2, 1, 6, 5)).sum().backward()
    for name, parameter in learned.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name
    assert not fixed(features, counts).requires_grad
    assert len(fixed.state_dict()) == 2  # what it is made of is kept all the same


def test_chance_chooses_as_many_and_depends_on_the_scores_alone():
    detector = PrimeDetector(DetectorConfig(kind="random", share=0.2), 5, 8)
    counts, scores = torch.ones(2, 1, 5, dtype=torch.bool), torch.rand(2, 1, 6, 5)
    masks = [detector(torch.randn(2, 1, 6, 5, 8), counts, scores) for _ in range(2)]
    assert torch.equal(*masks)
    assert ((masks[0] > 0.5).flatten(1).sum(1) == 6).all()
    with pytest.raises(ValueError, match="needs scores"):
        detector(torch.randn(2, 1, 6, 5, 8), counts)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "motion"}, "detector.kind is 'motion'"),
        ({"share": 1.0}, "detector.share is 1.0"),
        ({"threshold": 0.0}, "detector.threshold is 0.0"),
        ({"tau": 0.0}, "detector.tau is 0.0"),
        ({"num_projected": 0}, "detector.num_projected is 0"),
        ({"kind": "random", "density": "fixed"}, "detector.density has no effect"),
        ({"source": "velocity"}, "detector.source is 'velocity'"),
        ({"source": "coordinates", "num_projected": 8}, "num_projected has no effect"),
        ({"kind": "random", "source": "coordinates"}, "detector.source has no effect"),
        ({"kind": "random", "threshold": 0.5}, "detector.threshold has no effect"),
        ({"kind": "none", "share": 0.5}, "detector.share has no effect"),
        ({"share": 0.3, "threshold": 0.5}, "exclude each other"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        DetectorConfig(**settings)


def test_the_density_of_positions_finds_the_hand_that_moves_whatever_the_features():
    torch.manual_seed(0)
    detector = PrimeDetector(DetectorConfig(source="coordinates", share=0.3), 5, 8)
    positions = torch.randn(2, 1, 1, 5, 3).repeat(1, 1, 12, 1, 1)
    positions[:, :, :, 3] += torch.linspace(0, 6, 12).sin().view(12, 1)
    features, counts = torch.randn(2, 1, 4, 5, 8), torch.ones(2, 1, 5, dtype=torch.bool)
    mask = detector(features, counts, positions=positions)
    assert mask.shape == (2, 1, 4, 5)
    assert (mask.mean(2).argmax(-1) == 3).all()
    # further away, positions are rounded by 4e-7; the mask's temperature makes it four times as much and more
    moved = detector(features + 1, counts, positions=positions + 5)
    torch.testing.assert_close(moved, mask, rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match="needs positions"):
        detector(features, counts)


def test_frames_become_steps_by_their_mean():
    change = torch.rand(2, 1, 12, 5)
    torch.testing.assert_close(to_steps(change, 4), change.view(2, 1, 4, 3, 5).mean(3))
    assert to_steps(change, 5).shape == (2, 1, 5, 5)
    torch.testing.assert_close(to_steps(change, 12), change)
