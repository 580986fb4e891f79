import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.embedding import patchify
from skelact.models.encoder import SkeletonEncoder, present_bodies
from skelact.models.heads import pool
from skelact.models.sizes import EncoderConfig

CONFIG = EncoderConfig(num_joints=5, num_frames=16, patch_frames=4, width=16, depth=2, num_heads=2)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return SkeletonEncoder(CONFIG).eval()


@pytest.fixture
def clips():
    clips = torch.randn(3, 2, 16, 5, 3, generator=torch.Generator().manual_seed(0))
    clips[1, 1] = 0
    return clips


def test_patches_run_frame_by_frame():
    x = torch.arange(2 * 8 * 3 * 2).reshape(2, 8, 3, 2)
    patches = patchify(x, 4)
    assert patches.shape == (2, 2, 3, 8)
    assert torch.equal(patches[1, 1, 2], x[1, 4:8, 2].flatten())
    with pytest.raises(ValueError, match="8 frames do not divide into patches of 3"):
        patchify(x, 3)


def test_absent_bodies_are_zero_when_skipped_and_constant_when_included(encoder, clips):
    skipped = encoder(clips)
    including = SkeletonEncoder(encoder.config, "include").eval()
    including.load_state_dict(encoder.state_dict())
    included = including(clips)
    present = present_bodies(clips)
    assert present.tolist() == [[True, True], [True, False], [True, True]]
    assert not skipped[1, 1].any()
    torch.testing.assert_close(skipped[present], included[present])
    empty = including(torch.zeros(1, 1, 16, 5, 3))
    torch.testing.assert_close(included[1, 1], empty[0, 0])


def test_bodies_do_not_see_each_other(encoder, clips):
    alone = encoder(clips[:, :1])
    torch.testing.assert_close(encoder(clips)[:, :1], alone, atol=1e-5, rtol=1e-5)


def test_a_batch_without_any_body_gives_zeros(encoder):
    assert not encoder(torch.zeros(2, 2, 16, 5, 3)).any()


def test_running_a_part_of_the_tokens_attends_to_that_part_only(encoder, clips):
    patches = patchify(clips[:, 0], 4).flatten(1, 2)
    keep = torch.tensor([[0, 7, 3]]).expand(3, -1)
    changed = patches.clone()
    changed[:, 10] += 1
    torch.testing.assert_close(encoder.encode(patches, keep), encoder.encode(changed, keep))
    everything = torch.arange(20).expand(3, -1)
    torch.testing.assert_close(encoder.encode(patches, everything), encoder.encode(patches))


def test_pool_means_over_present_bodies_or_over_all():
    features = torch.ones(2, 2, 3, 4, 5)
    features[:, 1] = 3
    present = torch.tensor([[True, False], [True, True]])
    assert torch.equal(pool(features, present)[:, 0], torch.tensor([1.0, 2.0]))
    assert torch.equal(pool(features, present, "include")[:, 0], torch.tensor([2.0, 2.0]))
    assert torch.equal(pool(features, torch.zeros_like(present)), torch.zeros(2, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": -1}, "encoder.width is -1"),
        ({"num_frames": 18}, "not a multiple of patch_frames"),
        ({"num_heads": 3}, "not a multiple of num_heads"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ConfigurationError, match=message):
        EncoderConfig(**{**vars(CONFIG), **change})


@pytest.mark.parametrize("shape", [(1, 2, 12, 5, 3), (1, 2, 16, 6, 3), (1, 2, 16, 5, 2), (2, 16, 5, 3)])
def test_clips_of_other_sizes_are_refused(encoder, shape):
    with pytest.raises(ConfigurationError, match="16 frames, 5 joints, 3 coordinates"):
        encoder(torch.zeros(shape))


def test_a_misspelt_way_to_treat_absent_bodies_is_refused():
    with pytest.raises(ConfigurationError, match="did you mean 'include'"):
        SkeletonEncoder(CONFIG, absent="includ")
