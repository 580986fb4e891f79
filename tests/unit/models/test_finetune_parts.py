"""Stochastic depth, the head for fine-tuning, and encoders for clips of another length."""

import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError
from skelact.models.blocks import StochasticDepth, set_stochastic_depth
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import FinetuneHead
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import EncoderConfig, STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.skeleton.tables import NTU_25

SIZES = EncoderConfig(num_frames=16, patch_frames=4, width=16, depth=3, num_heads=2)


def test_stochastic_depth_drops_whole_bodies_and_keeps_the_mean():
    drop = StochasticDepth(0.25).train()
    branch = torch.ones(4000, 3, 2)
    out = drop(branch)
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(out.amin((1, 2)), out.amax((1, 2)))
    assert out.mean().item() == pytest.approx(1.0, abs=0.05)


def test_stochastic_depth_is_off_in_evaluation_and_at_rate_zero():
    branch = torch.randn(5, 2)
    assert StochasticDepth(0.9).eval()(branch) is branch
    before = torch.get_rng_state()
    assert StochasticDepth(0.0).train()(branch) is branch
    assert torch.equal(torch.get_rng_state(), before)


def test_rates_rise_from_zero_and_change_only_training():
    encoder = SkeletonEncoder(SIZES)
    clips = torch.randn(3, 1, 16, 25, 3)
    plain = encoder.eval()(clips)
    set_stochastic_depth(encoder, 0.5)
    assert [block.branch.rate for block in encoder.blocks] == pytest.approx([0, 0.25, 0.5])
    assert torch.equal(encoder.eval()(clips), plain)
    assert not torch.equal(encoder.train()(clips), encoder.train()(clips))
    with pytest.raises(ConfigurationError, match="less than 1"):
        set_stochastic_depth(encoder, 1.0)


def test_blocks_of_an_st_gcn_cannot_be_skipped():
    encoder = STGCN(STGCNConfig(channels=(4, 4), strides=(1, 1)), NTU_25)
    set_stochastic_depth(encoder, 0.0)
    with pytest.raises(ConfigurationError, match="blocks of STGCN cannot be skipped; set it to 0"):
        set_stochastic_depth(encoder, 0.3)


def test_the_head_keeps_joints_apart_and_skips_absent_bodies():
    head = FinetuneHead(25, 4, 3, hidden_width=8).eval()
    features = torch.randn(2, 2, 5, 25, 4)
    present = torch.tensor([[True, True], [True, False]])
    vector = torch.stack([features[0].mean(1).flatten(1).mean(0), features[1, 0].mean(0).flatten()])
    expected = head.out(head.norm(head.hidden(vector)).relu())
    torch.testing.assert_close(head(features, present), expected)
    features[1, 1] = 100.0
    torch.testing.assert_close(head(features, present), expected)


def test_an_encoder_takes_clips_of_another_length():
    pretrained = Pretrained(SkeletonEncoder(SIZES).eval(), NTU_25, ClipSettings(num_frames=16), {})
    longer = pretrained.with_num_frames(32)
    assert longer.clips.num_frames == 32
    assert longer.encoder(torch.randn(1, 1, 32, 25, 3)).shape == (1, 1, 8, 25, 16)
    same = pretrained.with_num_frames(16)
    clips = torch.randn(1, 1, 16, 25, 3)
    torch.testing.assert_close(same.encoder(clips), pretrained.encoder(clips), atol=1e-5, rtol=1e-5)
    with pytest.raises(ConfigurationError, match="a multiple of 4"):
        pretrained.with_num_frames(30)
