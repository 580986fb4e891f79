import pytest
import torch

from skelact.batches.dataset import ClipSettings
from skelact.models.decoder import DecoderConfig
from skelact.models.encoder import EncoderConfig
from skelact.pretraining.masked_motion import MaskedMotionConfig, MaskedMotionModel
from skelact.reports.training_figures import TrainingFigures, hidden_shares
from skelact.training.randomness import generator_for


def build(**settings):
    torch.manual_seed(0)
    encoder = EncoderConfig(num_frames=16, patch_frames=4, width=16, depth=1, num_heads=2)
    return MaskedMotionModel(encoder, DecoderConfig(16, 1, 2), MaskedMotionConfig(mask_ratio=0.5, **settings))


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
