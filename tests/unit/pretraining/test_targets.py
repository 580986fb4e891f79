import pytest
import torch

from skelact.pretraining.masked.losses import motion, normalise


def test_motion_is_later_minus_earlier_and_ends_with_zeros():
    x = torch.randn(2, 8, 5, 3)
    for stride in (1, 3):
        moved = motion(x, stride)
        assert torch.equal(moved[:, 2], x[:, 2 + stride] - x[:, 2])
        assert not moved[:, -stride:].any()
    with pytest.raises(ValueError, match="stride 8"):
        motion(x, 8)


def test_normalised_patches_have_mean_zero_and_unbiased_variance_one():
    patches = torch.randn(2, 10, 12) * 5 + 3
    normal = normalise(patches, "patch")
    torch.testing.assert_close(normal.mean(-1), torch.zeros(2, 10), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.var(-1), torch.ones(2, 10), atol=1e-4, rtol=0)


def test_normalising_over_the_sequence_keeps_the_size_of_one_patch_against_another():
    patches = torch.randn(2, 10, 12)
    patches[:, 0] *= 100
    normal = normalise(patches, "sequence")
    torch.testing.assert_close(normal.flatten(1).var(1), torch.ones(2), atol=1e-4, rtol=0)
    assert normal[0, 0].std() > 10 * normal[0, 1:].std()
    assert normalise(patches, "none") is patches
