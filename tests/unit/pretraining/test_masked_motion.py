import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.embedding import patchify
from skelact.models.sizes import DecoderConfig, EncoderConfig
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective

ENCODER = EncoderConfig(num_joints=5, num_frames=16, patch_frames=4, width=16, depth=2, num_heads=2)
DECODER = DecoderConfig(width=16, depth=1, num_heads=2)
METHODS = {
    "stjd-mp": MaskedObjective(mask_ratio=0.8),
    "mamp": MaskedObjective(mask_ratio=0.8, masking="motion"),
    "mae": MaskedObjective(mask_ratio=0.8, masking="uniform", target="coordinates"),
    "sequence": MaskedObjective(mask_ratio=0.8, masking="uniform", normalisation="sequence"),
}


def build(config, seed=0):
    torch.manual_seed(seed)
    return MaskedModel(ENCODER, DECODER, config)


def batch(num=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    clips = torch.randn(num, 2, 16, 5, 3, generator=generator).cumsum(2) * 0.05
    present = torch.ones(num, 2, dtype=torch.bool)
    present[1:2, 1] = False
    clips[1:2, 1] = 0
    return clips, present, torch.rand(num, 2, 20, generator=generator)


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_gets_a_finite_gradient(method):
    model = build(METHODS[method])
    model(*batch()).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("method", METHODS)
def test_an_absent_body_changes_nothing(method):
    model = build(METHODS[method])
    clips, present, uniform = batch()
    with_it = model(clips, present, uniform)
    moved = clips.clone()
    moved[1, 1] = 7.0
    assert torch.equal(model(moved, present, uniform).loss, with_it.loss)
    assert len(with_it.loss_per_token) == 5
    alone = model(clips[[1]], present[[1]], uniform[[1]])
    torch.testing.assert_close(alone.loss_per_token[0], with_it.loss_per_token[2], atol=1e-5, rtol=1e-4)


def test_included_absent_bodies_count():
    config = MaskedObjective(mask_ratio=0.8, absent="include")
    clips, present, uniform = batch()
    assert len(build(config)(clips, present, uniform).loss_per_token) == 6


def test_visible_tokens_decide_the_prediction_and_hidden_ones_do_not():
    model = build(METHODS["mae"])
    clips, present, uniform = batch(1)
    output = model(clips, present, uniform)
    hidden = output.selection.is_hidden.reshape(1, 2, 4, 5)  # (N, M, T', V)
    frames = hidden.repeat_interleave(4, 2).unsqueeze(-1)
    other_hidden = torch.where(frames, clips + 1.0, clips)
    other_visible = torch.where(frames, clips, clips + 1.0)
    assert torch.equal(model(other_hidden, present, uniform).prediction, output.prediction)
    assert not torch.equal(model(other_visible, present, uniform).prediction, output.prediction)


def test_loss_is_the_mean_over_hidden_tokens():
    model = build(METHODS["stjd-mp"])
    output = model(*batch())
    by_hand = (output.prediction - output.target).square().mean()
    torch.testing.assert_close(output.loss, by_hand)
    assert output.prediction.shape == (5, 17, 12)


def test_clips_of_another_length_are_refused():
    clips, present, uniform = batch()
    with pytest.raises(ConfigurationError, match="16 frames, 5 joints, 3 coordinates"):
        build(METHODS["mae"])(clips[:, :, :12], present, uniform)


def test_a_stride_that_does_not_fit_is_refused():
    with pytest.raises(ConfigurationError, match="motion_stride 16"):
        build(MaskedObjective(mask_ratio=0.8, motion_stride=16))
    with pytest.raises(ConfigurationError, match="motion_stride is 0"):
        MaskedObjective(motion_stride=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"density_source": "features"}, "density_source features has no effect without density learned"),
        ({"learning": "weighting"}, "learning weighting has no effect without density learned"),
        (
            {"target": "coordinates", "motion_stride": 2},
            "motion_stride has no effect on the target coordinates",
        ),
    ],
)
def test_settings_without_effect_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        MaskedObjective(**settings)


@pytest.mark.parametrize("density", ["fixed", "learned"])
def test_density_is_computed_in_float32_whatever_the_precision(density):
    model = build(MaskedObjective(mask_ratio=0.8, density=density))
    patches = patchify(batch()[0].flatten(0, 1) + 3.0, ENCODER.patch_frames)
    with torch.autocast("cpu", torch.bfloat16):
        signal = model.signal(patches)
    assert signal.dtype == torch.float32
    torch.testing.assert_close(signal, model.signal(patches), atol=0, rtol=0)


@pytest.mark.filterwarnings("ignore:var_mean")
@pytest.mark.parametrize("method", METHODS)
def test_a_batch_that_shows_nobody_has_no_terms(method):
    clips, present, uniform = batch()
    output = build(METHODS[method])(clips, torch.zeros_like(present), uniform)
    assert output.loss_per_token.numel() == 0


def test_tubes_that_do_not_divide_a_clip_are_refused():
    with pytest.raises(ConfigurationError, match="tube_steps 3 does not divide the 4 time steps"):
        build(MaskedObjective(mask_ratio=0.8, tube_steps=3))


def test_a_schedule_changes_how_much_is_hidden():
    model = build(MaskedObjective(mask_ratio=0.8, mask_ratio_start=0.4, tube_steps=2))
    assert model(*batch(), 0.0).selection.keep.shape[1] == 12
    assert model(*batch(), 1.0).selection.keep.shape[1] == 2


@pytest.mark.slow
@pytest.mark.parametrize("density", ["fixed", "learned"])
def test_compiled_code_leaves_the_number_of_bodies_open(density):
    compilations = []

    def backend(graph, inputs):
        compilations.append(graph)
        return graph

    torch._dynamo.reset()
    model = build(MaskedObjective(mask_ratio=0.8, density=density))
    compiled = torch.compile(model, backend=backend)
    losses, counts = [], []
    for num in (20, 50, 110, 170):  # up to 1,360 time steps, which a processor's cache does not hold at once
        losses.append((compiled(*batch(num)).loss.item(), model(*batch(num)).loss.item()))
        counts.append(len(compilations))
    assert counts[1:] == counts[1:2] * 3
    for ours, plain in losses:
        assert ours == pytest.approx(plain, rel=1e-5)
