from dataclasses import replace

import pytest
import torch

from augmentations import NONE, STRONG
from skelact.clips.augmentation_draws import draw_augmentations
from skelact.clips.time_maps import (
    blur_weights,
    draw_moments,
    moment_weights,
    reflect,
    resample,
    resample_back,
)


def draws(num, seed=0):
    return draw_augmentations((num, 1, 1, 1, 3), NONE, torch.Generator().manual_seed(seed))


def test_reflection_does_not_repeat_the_ends():
    places = torch.tensor([-3.0, -1.0, 0.0, 2.5, 4.0, 5.0, 7.5, 8.0, 9.0])
    expected = torch.tensor([3.0, 1.0, 0.0, 2.5, 4.0, 3.0, 0.5, 0.0, 1.0])
    torch.testing.assert_close(reflect(places, 5), expected)
    assert (reflect(places, 1) == 0).all()


@pytest.mark.parametrize("num_frames", [1, 2, 5, 50])
def test_weights_are_means(num_frames):
    moments = draw_moments(STRONG, draws(64), num_frames)
    assert moments.min() >= 0
    assert moments.max() <= num_frames - 1
    for weights in (moment_weights(moments, num_frames), blur_weights(STRONG, draws(64), num_frames)):
        assert weights.shape == (64, num_frames, num_frames)
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(64, num_frames))


def test_interpolation_by_hand():
    weights = moment_weights(torch.tensor([[0.0, 0.25, 1.5, 2.0]]), 3)
    expected = torch.tensor([[1.0, 0.0, 0.0], [0.75, 0.25, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(weights[0], expected)


def test_blur_equals_a_slow_filter():
    settings = replace(STRONG, blur_probability=1.0, blur_kernel=5)
    numbers = draws(3)
    x = torch.randn(3, 1, 9, 2)
    fast = resample(x, blur_weights(settings, numbers, 9))
    for n in range(3):
        sigma = 0.1 + 1.9 * numbers.of("blur")[n, 1].item()
        kernel = torch.exp(-(torch.arange(-2, 3.0) ** 2) / (2 * sigma**2))
        kernel /= kernel.sum()
        for t in range(9):
            taps = [abs(t + k) if t + k < 9 else 16 - t - k for k in range(-2, 3)]
            expected = sum(w * x[n, 0, tap] for w, tap in zip(kernel, taps, strict=True))
            torch.testing.assert_close(fast[n, 0, t], expected)


def test_clips_that_are_not_blurred_stay_exactly():
    weights = blur_weights(STRONG, draws(200), 10)
    is_identity = (weights == torch.eye(10)).flatten(1).all(1)
    spared = draws(200).of("blur")[:, 0] >= 0.5
    assert torch.equal(is_identity | spared, is_identity)
    assert 70 < spared.sum() < 130
    assert not is_identity[~spared].all()


def test_a_mask_goes_through_the_same_moments_as_the_clip():
    moments = torch.tensor([[2.0, 1.0, 0.0, 1.0]])
    mask = torch.rand(1, 2, 4, 3)
    moved = resample(mask, moment_weights(moments, 4))
    torch.testing.assert_close(moved, mask[:, :, [2, 1, 0, 1]])
    assert resample(mask[..., 0], moment_weights(moments, 4)).shape == (1, 2, 4)


def test_back_is_the_mean_over_the_frames_that_show_a_frame():
    weights = moment_weights(torch.tensor([[2.0, 1.0, 0.0, 1.0]]), 4)
    mask = torch.tensor([0.1, 0.2, 0.3, 0.6]).view(1, 1, 4, 1)
    back = resample_back(mask, weights).flatten()
    # frame 1 was shown twice, frame 3 never
    torch.testing.assert_close(back, torch.tensor([0.3, 0.4, 0.1, 0.3]))
    same = moment_weights(torch.arange(4.0)[None], 4)
    torch.testing.assert_close(resample_back(mask, same), mask)
