"""What a masked method hides and what it predicts: settings alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from skelact.errors import ConfigurationError
from skelact.models.sizes import Absent

Learning = Literal["difficulty", "weighting"]


Normalisation = Literal["patch", "sequence", "none"]


Target = Literal["motion", "coordinates"]


@dataclass(frozen=True)
class MaskingStrength:
    """How many tokens are hidden, and how closely the draw follows the signal.

    Raises:
        ConfigurationError: a ratio outside (0, 1) or a temperature of zero.
    """

    mask_ratio: float = 0.9
    """Share of the tokens that is hidden."""
    tau: float = 0.8
    """Temperature: the smaller, the more the hidden tokens are those of the largest signal. A negative one
    hides those of the smallest, an infinite one any."""
    mask_ratio_start: float | None = None
    """Share that is hidden at the run's start; from there it goes to mask_ratio in a straight line. None: no
    change."""
    tau_start: float | None = None
    """Temperature at the run's start; 1 / tau changes in a straight line. None: no change."""
    tube_steps: int = 1
    """Time steps of a joint that are hidden or kept together."""

    def __post_init__(self) -> None:
        for name in ("mask_ratio", "mask_ratio_start"):
            ratio = getattr(self, name)
            if ratio is not None and not 0 < ratio < 1:
                raise ConfigurationError(f"{name} is {ratio}, expected a share inside (0, 1)")
        for name in ("tau", "tau_start"):
            if getattr(self, name) == 0 or math.isnan(getattr(self, name) or 1.0):
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}, expected a number other than zero"
                )
        if self.tube_steps < 1:
            raise ConfigurationError(f"tube_steps is {self.tube_steps}, expected 1 or more")

    def ratio_at(self, progress: float) -> float:
        """Return the share that is hidden after a share ``progress`` of the run."""
        start = self.mask_ratio if self.mask_ratio_start is None else self.mask_ratio_start
        return self.mask_ratio if start == self.mask_ratio else start + progress * (self.mask_ratio - start)

    def tau_at(self, progress: float) -> float:
        """Return the temperature after a share ``progress`` of the run."""
        if self.tau_start is None or self.tau_start == self.tau:
            return self.tau
        sharpness = (1 - progress) / self.tau_start + progress / self.tau
        return 1 / sharpness if sharpness else math.inf

    def num_kept(self, num_tokens: int, progress: float = 1.0) -> int:
        """Return how many of ``num_tokens`` stay visible: 74 of 750 at a ratio of 0.9, as published.

        Args:
            num_tokens: tokens L of a body.
            progress: share of the run that is done.

        Raises:
            ConfigurationError: nothing would stay visible, or nothing hidden.
        """
        ratio = self.ratio_at(progress)
        kept = int(num_tokens // self.tube_steps * (1 - ratio)) * self.tube_steps
        if not 0 < kept < num_tokens:
            raise ConfigurationError(
                f"mask_ratio {ratio} leaves {kept} of {num_tokens} tokens visible; "
                "at least one must be visible and one hidden"
            )
        return kept


@dataclass(frozen=True)
class MaskedObjective(MaskingStrength):
    """What is hidden and what is predicted; the defaults are STJD-MP as published.

    Raises:
        ConfigurationError: a ratio outside (0, 1), a temperature of zero, a stride below one, or a setting
            that has no effect with the others.
    """

    masking: Literal["density", "motion", "uniform"] = "density"
    """What decides which tokens are hidden: the change of joint density, the motion, or chance alone."""
    density: Literal["fixed", "learned"] = "fixed"
    """The density: constants, as the published code has in effect, or bandwidths that learn."""
    density_source: Literal["coordinates", "features"] = "coordinates"
    """What a learned density sees: the joints' positions, or the encoder's features of the whole clip."""
    learning: Learning = "difficulty"
    """How a learned density learns: to tell which hidden tokens are hard to predict, or as the weight of
    their errors, which it seeks to make large."""
    target: Target = "motion"
    """What hidden tokens are asked for."""
    motion_stride: int = 1
    """Frames between the two positions whose difference is the motion."""
    normalisation: Normalisation = "patch"
    """Over what the target is normalised."""
    absent: Absent = "skip"
    """Whether absent bodies are left out, or run as zeros and counted in the loss, as published."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.motion_stride < 1:
            raise ConfigurationError(f"motion_stride is {self.motion_stride}, expected 1 or more")
        for name in ("density_source", "learning"):
            if self.density != "learned" and getattr(self, name) != getattr(type(self), name):
                raise ConfigurationError(
                    f"{name} {getattr(self, name)} has no effect without density learned"
                )
        if self.target != "motion" and self.motion_stride != 1:
            raise ConfigurationError(f"motion_stride has no effect on the target {self.target}")
        if self.density == "learned" and self.masking == "motion":
            raise ConfigurationError(
                "masking motion has no density to learn; choose masking density, or leave out density learned"
            )
        if self.density == "learned" and self.masking == "uniform" and self.learning == "difficulty":
            raise ConfigurationError(
                "density learned has no effect with masking uniform: choose masking density, or "
                "learning weighting, where the density weighs the errors"
            )

    def without_effect(self) -> set[str]:
        """Return the settings that do nothing beside the others."""
        steers = self.masking != "uniform" or self.has_density
        return set() if steers else {"tau", "tau_start"}

    @property
    def has_density(self) -> bool:
        """Whether a density takes part at all."""
        return self.masking == "density" or self.density == "learned"
