"""Augmentations of time: which moment of a clip each frame shows, and how much it is smoothed.

A change of time is first of all (N, T) *moments*: frame t of the new clip shows moment ``moments[n, t]`` of
the old one, in frames, not always a whole number. What belongs to the clip, a mask over time say, is
resampled with the same moments.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skelact.clips.augmentation_draws import AugmentationDraws
from skelact.clips.settings import AugmentationSettings


def reflect(places: Tensor, num_frames: int) -> Tensor:
    """Fold places beyond the first or the last frame back into the clip, without repeating the end frame."""
    if num_frames == 1:
        return torch.zeros_like(places)
    period = 2 * (num_frames - 1)
    folded = places.remainder(period)
    return torch.minimum(folded, period - folded)


def draw_moments(settings: AugmentationSettings, draws: AugmentationDraws, num_frames: int) -> Tensor:
    """Return the moments of cropped and re-paced clips.

    A crop is a shift by whole frames, all shifts alike likely. The pace of the cropped clip changes about its
    middle frame.

    Args:
        settings: which of the two, and how much.
        draws: of N clips.
        num_frames: frames T of a clip.

    Returns:
        (N, T) float64 in 0 .. T - 1; 0, 1, 2 ... where both are off.
    """
    moments = torch.arange(num_frames, dtype=torch.float64).expand(len(draws), -1)
    if settings.rescale:
        numbers = draws.of("rescale")
        chance, share = numbers[:, :1], numbers[:, 1:]
        slowest, fastest = settings.rescale_range
        pace = torch.where(chance < settings.rescale_probability, slowest + (fastest - slowest) * share, 1.0)
        middle = (num_frames - 1) / 2
        moments = middle + (moments - middle) * pace
        if settings.rescale_ends == "hold":
            moments = moments.clamp(0, num_frames - 1)
        else:
            moments = reflect(moments, num_frames)
    if settings.crop:
        padding = int(num_frames * settings.crop_padding + 1e-9)  # a sixth of 54 frames is 9, not 8.999
        shift = (draws.of("crop") * (2 * padding + 1)).floor() - padding  # (N, 1)
        moments = reflect(moments + shift, num_frames)
    return moments


def moment_weights(moments: Tensor, num_frames: int) -> Tensor:
    """Return the weights of linear interpolation between frames.

    Args:
        moments: (N, T) in 0 .. U - 1.
        num_frames: frames U of the old clips.

    Returns:
        (N, T, U) float32: frame t of the new clip is the sum over the old frames u weighted ``[n, t, u]``.
    """
    frames = torch.arange(num_frames, device=moments.device)
    return (1 - (moments.float().unsqueeze(-1) - frames).abs()).clamp(min=0)


def blur_weights(settings: AugmentationSettings, draws: AugmentationDraws, num_frames: int) -> Tensor:
    """Return the weights that smooth some clips over time, and leave the others as they are.

    Args:
        settings: kernel, its widths, and the share of clips.
        draws: of N clips.
        num_frames: frames T of a clip.

    Returns:
        (N, T, T) float32, whose rows sum to 1.
    """
    numbers = draws.of("blur")
    chance, share = numbers[:, :1], numbers[:, 1:]
    narrowest, widest = settings.blur_sigma
    sigma = narrowest + (widest - narrowest) * share  # (N, 1)
    reach = settings.blur_kernel // 2
    offsets = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-(offsets.double() ** 2) / (2 * sigma**2))  # (N, K)
    kernel = kernel / kernel.sum(1, keepdim=True)
    kernel = torch.where(chance < settings.blur_probability, kernel, (offsets == 0).double())
    frames = torch.arange(num_frames)
    source = reflect(frames[:, None] + offsets, num_frames)  # (T, K)
    taps = source.unsqueeze(-1) == frames  # (T, K, T): the old frame under each tap
    return torch.einsum("nk,tku->ntu", kernel.float(), taps.float())


def resample(x: Tensor, weights: Tensor) -> Tensor:
    """Return the clips, or whatever goes with them, at other moments.

    Args:
        x: (N, M, U, ...), bodies over frames.
        weights: (N, T, U) of :func:`moment_weights` or :func:`blur_weights`.

    Returns:
        (N, M, T, ...).
    """
    flat = x.flatten(3) if x.ndim > 3 else x.unsqueeze(-1)
    moved = torch.matmul(weights.unsqueeze(1), flat)  # (N, M, T, F)
    return moved.reshape(*x.shape[:2], weights.shape[1], *x.shape[3:])


def resample_back(x: Tensor, weights: Tensor) -> Tensor:
    """Bring what was found on new clips to the frames of the old ones: the opposite of :func:`resample`.

    An old frame gets the mean over the new frames that show it, by their weights. One that no new frame shows
    gets the mean over all new frames.

    Args:
        x: (N, M, T, V), for example a mask over the new clips.
        weights: (N, T, U) with which the new clips were resampled.

    Returns:
        (N, M, U, V).
    """
    shown = weights.sum(1)[:, None, :, None]  # (N, 1, U, 1)
    total = torch.matmul(weights.mT.unsqueeze(1), x)
    return torch.where(shown > 0, total / shown.where(shown > 0, 1.0), x.mean(2, keepdim=True))
