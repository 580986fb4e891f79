"""Which augmentations contrastive learning uses, how strong they are, and the random numbers they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from skelact.errors import ConfigurationError


@dataclass(frozen=True)
class AugmentationSettings:
    """A switch and a strength for every augmentation; as it stands, all are on, at ordinary strength.

    Strengths are those of ActCLR (Lin et al., CVPR 2023).

    Raises:
        ConfigurationError: a strength outside its range.
    """

    crop: bool = True
    """Shift the clip in time; frames beyond its ends are the clip reflected."""
    crop_padding: float = 1 / 6
    """Largest shift either way, as a share of the clip's frames."""
    shear: bool = True
    """Shear every body about its centre joint, the spine in most topologies."""
    shear_amplitude: float = 0.5
    """Entries off the shear's diagonal are drawn evenly from ± this."""
    flip: bool = True
    """Mirror clips and exchange left and right joints."""
    flip_probability: float = 0.5
    """Share of clips that are flipped."""
    flip_axis: int = 0
    """Coordinate whose sign a flip changes: the one to the side, 0 in camera coordinates."""
    rotation: bool = True
    """Turn clips about the origin, most about one axis drawn at random."""
    rotation_main: float = 30.0
    """Largest angle about the main axis, in degrees, drawn evenly from 0 to this."""
    rotation_minor: float = 1.0
    """Largest angle about the two others, in degrees."""
    noise: bool = True
    """Add normal noise to every coordinate of bodies that are there."""
    noise_probability: float = 0.5
    """Share of clips with noise."""
    noise_sigma: float = 0.01
    """Standard deviation of the noise in m."""
    blur: bool = True
    """Smooth over time with a normal kernel; beyond its ends the clip is reflected."""
    blur_probability: float = 0.5
    """Share of clips that are smoothed."""
    blur_kernel: int = 15
    """Frames under the kernel; odd."""
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    """Smallest and largest standard deviation of the kernel in frames."""
    axis_mask: bool = True
    """Set one coordinate, drawn at random, to zero."""
    axis_mask_probability: float = 0.5
    """Share of clips that lose a coordinate."""
    rescale: bool = True
    """Play clips slower or faster about their middle frame."""
    rescale_probability: float = 0.5
    """Share of clips whose pace changes."""
    rescale_range: tuple[float, float] = (0.5, 1.5)
    """Smallest and largest pace; 2 is twice as fast."""
    rescale_ends: Literal["reflect", "hold"] = "reflect"
    """What a faster clip shows once it has run out: itself backwards, or its last frame."""

    def __post_init__(self) -> None:
        for name in ("blur_sigma", "rescale_range"):  # files hold them as lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("flip", "noise", "blur", "axis_mask", "rescale"):
            value = getattr(self, f"{name}_probability")
            if not 0 <= value <= 1:
                raise ConfigurationError(f"{name}_probability is {value}, expected a share in [0, 1]")
        for name in ("shear_amplitude", "rotation_main", "rotation_minor", "noise_sigma"):
            if not getattr(self, name) >= 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not 0 <= self.crop_padding <= 1:
            raise ConfigurationError(f"crop_padding is {self.crop_padding}, expected a share in [0, 1]")
        if self.flip_axis < 0:
            raise ConfigurationError(f"flip_axis is {self.flip_axis}, expected the number of a coordinate")
        if self.blur_kernel < 1 or self.blur_kernel % 2 == 0:
            raise ConfigurationError(f"blur_kernel is {self.blur_kernel}, expected an odd number of frames")
        for name in ("blur_sigma", "rescale_range"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ConfigurationError(f"{name} is {low} to {high}, expected 0 < smallest <= largest")
        if self.rescale_ends not in ("reflect", "hold"):
            raise ConfigurationError(f"rescale_ends is {self.rescale_ends!r}, expected 'reflect' or 'hold'")


ORDINARY = AugmentationSettings()
"""All augmentations at ordinary strength."""
STRONG = replace(ORDINARY, noise_sigma=0.05)
"""All augmentations, with five times the noise: for joints that are not prime."""
MILD = replace(ORDINARY, flip=False, rotation=False, noise=False, blur=False, axis_mask=False, rescale=False)
"""Crop and shear alone: for prime joints."""
NONE = replace(MILD, crop=False, shear=False)
"""Nothing at all."""
STRENGTHS: Mapping[str, AugmentationSettings] = {
    "none": NONE,
    "mild": MILD,
    "ordinary": ORDINARY,
    "strong": STRONG,
}
"""The named strengths."""

# How many uniform numbers each augmentation takes, in the order they are drawn.
_COUNTS = {
    "crop": 1,  # shift
    "shear": 6,  # entries off the diagonal
    "flip": 1,  # whether
    "rotation": 5,  # main axis, angle about it, angles about x, y and z as minor axes
    "noise": 1,  # whether
    "blur": 2,  # whether, sigma
    "axis_mask": 2,  # whether, which axis
    "rescale": 2,  # whether, pace
}
NUMBERS_PER_CLIP = sum(_COUNTS.values())


@dataclass(frozen=True)
class AugmentationDraws:
    """The random numbers of N augmented clips; ``draws[a:b]`` are those of the clips a to b."""

    uniform: Tensor
    """(N, 20) float64 in [0, 1)."""
    normal: Tensor | None
    """(N, M, T, V, C) standard normal numbers for the noise; None where noise is off."""

    def __len__(self) -> int:
        return len(self.uniform)

    def __getitem__(self, part: slice) -> AugmentationDraws:
        return AugmentationDraws(self.uniform[part], None if self.normal is None else self.normal[part])

    def of(self, augmentation: str) -> Tensor:
        """Return the (N, numbers) uniform draws of the augmentation of this name."""
        names = list(_COUNTS)
        start = sum(_COUNTS[name] for name in names[: names.index(augmentation)])
        return self.uniform[:, start : start + _COUNTS[augmentation]]


def draw_augmentations(
    shape: tuple[int, int, int, int, int], settings: AugmentationSettings, generator: torch.Generator
) -> AugmentationDraws:
    """Draw the random numbers of the whole global batch; every process then takes its slice.

    The uniform numbers come first and are always drawn, so that switching one augmentation off leaves what
    the others draw as it is.

    Args:
        shape: (N, M, T, V, C) of the clips of all processes together.
        settings: whether noise is wanted.
        generator: a CPU generator.

    Raises:
        ConfigurationError: the generator is not on the CPU.
    """
    if generator.device.type != "cpu":
        raise ConfigurationError(
            f"augmentations are drawn with a CPU generator, not one on {generator.device}"
        )
    uniform = torch.rand((shape[0], NUMBERS_PER_CLIP), dtype=torch.float64, generator=generator)
    return AugmentationDraws(uniform, torch.randn(shape, generator=generator) if settings.noise else None)
