import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.models.sizes import DecoderConfig, EncoderConfig, ProjectionConfig, STGCNConfig
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.objective import ContrastiveObjective, DetectorConfig
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.reports.training_figures import TrainingFigures, hidden_shares
from skelact.training.randomness import generator_for


def build(**settings):
    torch.manual_seed(0)
    encoder = EncoderConfig(num_frames=16, patch_frames=4, width=16, depth=1, num_heads=2)
    return MaskedModel(encoder, DecoderConfig(16, 1, 2), MaskedObjective(mask_ratio=0.5, **settings))


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"masking": "uniform"}, ["masks"]),
        ({"masking": "density", "density": "fixed"}, ["masks"]),
        ({"masking": "density", "density": "learned"}, ["masks", "bandwidths"]),
    ],
)
def test_a_method_has_the_figures_of_what_it_does(small_store, settings, names):
    draw = TrainingFigures(small_store, 4, ClipSettings(num_frames=16, min_crop_frames=8))
    figures = draw(3, build(**settings))
    assert list(figures) == names
    assert figures["masks"].axes[0].get_title() == "sequence4, epoch 3"


def test_shares_follow_the_signal_and_repeat():
    model = build(masking="motion", tau=0.05)
    body = torch.zeros(1, 16, 25, 3)
    body[0, :, 7] = torch.rand(16, 3, generator=generator_for(0, "test"))  # one joint moves
    shares = hidden_shares(model, body)
    assert shares.shape == (4, 25)
    assert torch.equal(shares, hidden_shares(model, body))
    assert (shares[:, 7] > 0.9).all()
    assert shares.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("detector", "names"),
    [
        ({}, ["prime joints", "bandwidths"]),
        ({"source": "coordinates"}, ["prime joints", "bandwidths"]),
        ({"density": "fixed"}, ["prime joints"]),
        ({"kind": "random"}, []),
    ],
)
def test_a_contrastive_run_shows_its_prime_joints_and_stays_as_it_is(small_store, detector, names):
    topology = small_store.topology
    sizes = STGCNConfig(channels=(8, 8), strides=(1, 2), kernel=3, dropout=0.0)
    config = ContrastiveObjective(detector=DetectorConfig(**detector), bank=8)
    model = ContrastiveModel(sizes, ProjectionConfig(8, 4), config, topology, "motion").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    clips = ClipSettings(num_frames=16, min_crop_frames=8, stream="motion")
    assert list(TrainingFigures(small_store, 4, clips)(3, model)) == names
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
