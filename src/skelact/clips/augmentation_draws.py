"""The random numbers of augmented clips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skelact.clips.settings import AugmentationSettings
from skelact.errors import ConfigurationError

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
