"""How a learned density gets its gradient."""

import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.sizes import DecoderConfig, EncoderConfig
from skelact.pretraining.masked.losses import difficulty_loss, weighted_losses
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective

ENCODER = EncoderConfig(num_joints=5, num_frames=16, patch_frames=4, width=16, depth=2, num_heads=2)
DECODER = DecoderConfig(width=16, depth=1, num_heads=2)
WAYS = [
    {"learning": "difficulty"},
    {"learning": "weighting"},
    {"learning": "weighting", "masking": "uniform"},
    {"learning": "difficulty", "density_source": "features"},
    {"learning": "weighting", "density_source": "features"},
]


def build(**objective):
    torch.manual_seed(0)
    config = MaskedObjective(mask_ratio=0.6, density="learned", **objective)
    return MaskedModel(ENCODER, DECODER, config)


def batch(num=4):
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(num, 1, 16, 5, 3, generator=generator).cumsum(2) * 0.05
    return clips, torch.ones(num, 1, dtype=torch.bool), torch.rand(num, 1, 20, generator=generator)


def test_difficulty_loss_is_the_divergence_of_the_error_shares():
    errors = torch.tensor([[1.0, 3.0], [2.0, 2.0]])
    logits = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    q = logits.softmax(1)
    p = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    torch.testing.assert_close(difficulty_loss(logits, errors), (p * (p / q).log()).sum(1).mean())
    assert difficulty_loss(errors.log(), errors).abs() < 1e-6  # it knows
    assert difficulty_loss(logits, torch.zeros(2, 2)).isfinite()


def test_weights_have_a_mean_of_one_and_gradients_go_apart():
    logits = torch.randn(3, 7, requires_grad=True)
    errors = torch.rand(3, 7, requires_grad=True)
    weighted, for_density = weighted_losses(logits, errors)
    torch.testing.assert_close(weighted, -for_density)
    equal, _ = weighted_losses(torch.zeros(3, 7), errors)
    torch.testing.assert_close(equal, errors.mean())
    assert torch.autograd.grad(weighted, logits, allow_unused=True, retain_graph=True) == (None,)
    assert torch.autograd.grad(for_density, errors, allow_unused=True, retain_graph=True) == (None,)
    (step,) = torch.autograd.grad(for_density, logits)
    better, _ = weighted_losses(logits - step, errors)
    assert better > weighted  # the density seeks the hard tokens


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_parameter_gets_a_finite_gradient(way):
    model = build(**way)
    model(*batch()).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_density_does_not_move_the_model_by_its_own_loss(way):
    """The prediction's gradient is that of the same (weighted) errors with a density that is a constant."""
    model = build(**way)
    output = model(*batch())
    weights = torch.tensor(1.0)
    if way["learning"] == "weighting":
        patches = batch()[0].reshape(4, 4, 4, 5, 3).transpose(2, 3).flatten(-2)
        logits = model.logits(patches, torch.ones(4, dtype=torch.bool), 1.0)
        weights = (logits.gather(1, output.selection.hidden).softmax(1) * 12).detach()
    torch.testing.assert_close(output.loss, (weights * output.loss_per_token).mean())
    own = [parameter for name, parameter in model.named_parameters() if not name.startswith("density")]
    alone = torch.autograd.grad((weights * output.loss_per_token).mean(), own, retain_graph=True)
    for mine, expected in zip(torch.autograd.grad(output.loss, own), alone, strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize("source", ["coordinates", "features"])
def test_the_signal_does_not_depend_on_where_the_body_stands(source):
    model = build(density_source=source)
    patches = torch.randn(2, 4, 5, 4, 3).cumsum(1) * 0.1
    moved = patches + torch.tensor([3.0, -1.0, 2.0])
    signal = model.signal(patches.flatten(-2))
    assert signal.std() > 0
    torch.testing.assert_close(model.signal(moved.flatten(-2)), signal, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("learning", ["difficulty", "weighting"])
def test_a_negative_temperature_turns_the_draw_and_not_what_is_learned(learning):
    hides, keeps = build(learning=learning), build(learning=learning, tau=-0.8)
    clips, present, uniform = batch()
    selection = hides(clips, present, uniform).selection
    keeps.select = lambda *_: selection  # the same tokens for both
    gradients = []
    for model in (hides, keeps):
        model(clips, present, uniform).loss.backward()
        gradients.append(model.density.log_bandwidth.grad)
    assert gradients[0].any()
    torch.testing.assert_close(gradients[0], gradients[1])


def test_a_learned_density_that_would_steer_nothing_is_refused():
    with pytest.raises(ConfigurationError, match="no effect with masking uniform"):
        MaskedObjective(masking="uniform", density="learned")


def test_bandwidths_change_when_training(monkeypatch):
    losses = []

    def recorded(*arguments):
        loss = difficulty_loss(*arguments)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr("skelact.pretraining.masked.model.difficulty_loss", recorded)
    model = build()
    before = model.density.bandwidth.detach().clone()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(20):
        output = model(*batch())
        output.loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    change = (model.density.bandwidth / before).log().abs()
    assert change.max() > 0.02
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("learning", ["difficulty", "weighting"])
def test_motion_that_steers_has_no_density_to_learn(learning):
    with pytest.raises(ConfigurationError, match="masking motion has no density to learn"):
        MaskedObjective(masking="motion", density="learned", learning=learning)
