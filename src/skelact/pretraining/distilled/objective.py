"""The settings of learning without a decoder: SLiM and STJD-D are settings of one machine.

=======  ==================  ====================================  =============  =============
method   tubes               views of a sequence                   class tokens   hidden tokens
=======  ==================  ====================================  =============  =============
slim     by chance           two crops, eight stretches of them    prototypes     prototypes
stjd-d   spare prime joints  two crops                             none           motion
=======  ==================  ====================================  =============  =============
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from skelact.clips.settings import AugmentationSettings
from skelact.errors import ConfigurationError


@dataclass(frozen=True)
class CropAugmentation(AugmentationSettings):
    """What is done to each crop: flip, noise, a lost coordinate; crops and turns are settings of clips.

    Raises:
        ConfigurationError: a strength outside its range, or a change of time.
    """

    crop: bool = False
    """Has no place here: clips.min_crop_share decides how views are cropped."""
    shear: bool = False
    """Shear every body about its centre joint, the spine in most topologies."""
    rotation: bool = False
    """Turn clips about the origin, beside what clips.rotation, turn and tilt do."""
    blur: bool = False
    """Smooth over time with a normal kernel; beyond its ends the clip is reflected."""
    rescale: bool = False
    """Has no place here: it would move tokens to other moments than those of their density."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("crop", "rescale"):
            if getattr(self, name):
                raise ConfigurationError(
                    f"distil.augmentation.{name} would move tokens to other moments than those of their "
                    "density; clips.min_crop_share decides how views are cropped"
                )


class NoEffectError(ConfigurationError):
    """A setting that does nothing beside the others."""

    def __init__(self, name: str) -> None:
        super().__init__(f"distil.{name} has no effect with these settings; leave it out")
        self.name = name


@dataclass(frozen=True)
class DistilledObjective:
    """What the student is asked; the defaults are SLiM's.

    Raises:
        ConfigurationError: a number outside its range, or a setting that has no effect with the others.
    """

    class_weight: float = 1.0
    """Weight of the class tokens: those of every view of the student's and the teacher's of whole crops."""
    class_target: Literal["prototypes", "contrast"] = "prototypes"
    """What class tokens are asked for: the teacher's prototypes, or to find the teacher's of their own
    sequence among those of the batch, which small data learn from sooner."""
    contrast_tau: float = 0.1
    """Class target contrast: the temperature."""
    masked_weight: float = 1.0
    """Weight of the hidden tokens; 0: they are not asked for."""
    spread_weight: float = 0.1
    """Weight of the spread of the student's class tokens."""
    target: Literal["prototypes", "regression", "motion"] = "prototypes"
    """What hidden tokens are asked for: the teacher's prototypes of them, its features (data2vec), or how
    their joints move from frame to frame, normalised over the crop: the same in every stream, for a bone
    alone moves by little more than the sensor's noise."""
    hiding: Literal["replace", "drop"] = "replace"
    """Hidden tokens are replaced by one that says nothing; or the student is not given them, which costs
    less, and one layer tells of them what it finds in the others."""
    mask_both: bool = False
    """Hide tokens of both crops; off: of one of them."""
    target_blocks: int = 4
    """Target regression: blocks of the teacher, the last ones, whose mean is the target."""
    student_tau: float = 0.1
    """Temperature of the student's prototypes, and of telling the other joints apart."""
    teacher_tau: float = 0.07
    """Temperature of the teacher's prototypes, after its rise."""
    teacher_tau_start: float = 0.04
    """Temperature of the teacher's prototypes at the start of the run."""
    teacher_tau_share: float = 0.2
    """Share of the run over which the teacher's temperature rises."""
    momentum: float = 0.994
    """Share of its weights that the teacher keeps in the first step; it rises along a cosine to 1."""
    local_frames: tuple[int, ...] = (32, 16, 16, 8)
    """Frames of the stretches whose class tokens are compared too, cut from each of the two crops."""
    mask_ratio: tuple[float, float] = (0.5, 0.9)
    """Smallest and largest share of tokens that is hidden of crops and of stretches; spread over the batch,
    or, where hidden tokens are dropped, drawn for it as a whole."""
    tubes: Literal["chance", "density"] = "chance"
    """Where tubes of hidden tokens lie: by chance, or around tokens whose joint density changes."""
    tau: float = 0.8
    """Tubes by density: the temperature, as of the masked methods; with a negative one tubes spare the prime
    joints."""
    prime_weight: float = 0.0
    """Weight of the agreement of prime views, which show the prime joints of a stretch alone."""
    other_weight: float = 0.0
    """Weight of telling the other joints of the same stretch apart from the sequence."""
    prime_share: float = 0.25
    """Share of the joints that are prime in a stretch."""
    prime_frames: int = 32
    """Frames of the stretch."""
    bandwidth: float = 0.6
    """Bandwidth of the density of positions, in body sizes."""
    limb_scale: tuple[float, float] = (0.85, 1.15)
    """Smallest and largest factor of the bones of a limb."""
    augmentation: CropAugmentation = field(default_factory=CropAugmentation)
    """What else is done to each crop."""

    def __post_init__(self) -> None:
        for name in ("local_frames", "mask_ratio", "limb_scale"):  # files hold them as lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        weights = ("class_weight", "masked_weight", "spread_weight", "prime_weight", "other_weight")
        for name in weights:
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(f"distil.{name} is {getattr(self, name)}, expected 0 or more")
        if self.class_weight == self.masked_weight == 0:
            raise ConfigurationError("distil.class_weight and masked_weight are 0; nothing would be learned")
        for name in ("contrast_tau", "student_tau", "teacher_tau", "teacher_tau_start", "bandwidth"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigurationError(f"distil.{name} is {getattr(self, name)}, expected a number above 0")
        for name in ("momentum", "teacher_tau_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(
                    f"distil.{name} is {getattr(self, name)}, expected a share in [0, 1]"
                )
        if not 0 < self.prime_share < 1:
            raise ConfigurationError(
                f"distil.prime_share is {self.prime_share}, expected a share between 0 and 1"
            )
        for name, frames in (("local_frames", self.local_frames), ("prime_frames", (self.prime_frames,))):
            if min(frames, default=1) < 1:
                raise ConfigurationError(f"distil.{name} is {list(frames)}, expected positive numbers")
        if self.tau == 0 or math.isnan(self.tau):
            raise ConfigurationError(f"distil.tau is {self.tau}, expected a number other than zero")
        if self.target_blocks < 1:
            raise ConfigurationError(f"distil.target_blocks is {self.target_blocks}, expected 1 or more")
        for name, most in (("mask_ratio", 1.0), ("limb_scale", math.inf)):
            numbers = getattr(self, name)
            if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1] < most:
                raise ConfigurationError(
                    f"distil.{name} is {list(numbers)}, expected two numbers, 0 < smallest <= largest"
                    + (" < 1" if most == 1 else "")
                )
        self._check_effects()

    def _check_effects(self) -> None:
        """Refuse settings that could do nothing."""
        no_effect = {
            "target": self.masked_weight == 0,
            "class_target": not self.needs_class_tokens,
            "contrast_tau": self.class_target != "contrast" or not self.needs_class_tokens,
            "momentum": not self.needs_teacher,
            "local_frames": not self.needs_class_tokens,
            "target_blocks": self.target != "regression",
            "tau": self.tubes != "density",
            "prime_share": not self.has_prime_views,
            "prime_frames": not self.has_prime_views,
            "bandwidth": not self.needs_density,
            "student_tau": not self.has_prototypes and self.other_weight == 0,
            "teacher_tau": not self.has_prototypes,
            "teacher_tau_start": not self.has_prototypes,
            "teacher_tau_share": not self.has_prototypes,
        }
        for name, is_ignored in no_effect.items():
            if is_ignored and getattr(self, name) != getattr(DistilledObjective, name):
                raise NoEffectError(name)

    @property
    def has_prototypes(self) -> bool:
        """Whether class tokens or hidden ones are asked for prototypes."""
        of_class = self.class_target == "prototypes" and (self.class_weight > 0 or self.prime_weight > 0)
        return of_class or (self.target == "prototypes" and self.masked_weight > 0)

    @property
    def needs_class_tokens(self) -> bool:
        """Whether class tokens are compared with a teacher's."""
        return self.class_weight > 0 or self.has_prime_views

    @property
    def looks_at_whole_batch(self) -> bool:
        """Whether the loss of a sequence depends on the others of its batch."""
        return self.has_prototypes or self.needs_class_tokens or self.spread_weight > 0

    @property
    def stretches(self) -> tuple[int, ...]:
        """Frames of the stretches that are cut."""
        return self.local_frames if self.needs_class_tokens else ()

    @property
    def needs_teacher(self) -> bool:
        """Whether anything is asked that a teacher answers; motion needs none."""
        return self.needs_class_tokens or (self.masked_weight > 0 and self.target != "motion")

    @property
    def has_prime_views(self) -> bool:
        """Whether prime joints make views of their own."""
        return self.prime_weight > 0 or self.other_weight > 0

    @property
    def needs_density(self) -> bool:
        """Whether joint density decides anything."""
        return self.tubes == "density" or self.has_prime_views

    def momentum_at(self, progress: float) -> float:
        """Return the teacher's momentum after a share ``progress`` of the run."""
        return 1 - (1 - self.momentum) * (1 + math.cos(math.pi * progress)) / 2

    def teacher_tau_at(self, progress: float) -> float:
        """Return the teacher's temperature after a share ``progress`` of the run."""
        if progress >= self.teacher_tau_share:
            return self.teacher_tau
        share = progress / self.teacher_tau_share
        return self.teacher_tau_start + share * (self.teacher_tau - self.teacher_tau_start)

    def check_clips(self, num_frames: int, patch_frames: int, depth: int) -> None:
        """Refuse views that clips of these sizes cannot have, and blocks that the encoder does not have.

        Raises:
            ConfigurationError: the message names the option.
        """
        views = [("local_frames", frames) for frames in self.stretches]
        if self.has_prime_views:
            views.append(("prime_frames", self.prime_frames))
        for name, frames in views:
            if frames % patch_frames or frames > num_frames:
                raise ConfigurationError(
                    f"--distil.{name} has {frames} frames, expected a multiple of {patch_frames} (the frames "
                    f"of a patch) up to the clip's {num_frames}"
                )
        if self.target == "regression" and self.target_blocks > depth:
            raise ConfigurationError(
                f"--distil.target_blocks is {self.target_blocks}, but the encoder has {depth} blocks"
            )
