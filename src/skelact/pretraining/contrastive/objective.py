"""The settings of contrastive pre-training: STJD-CL and its siblings are settings of one machine.

=========  ================  ==============================  ==========================
method     prime joints      query's augmentation            positive, extra negative
=========  ================  ==============================  ==========================
STJD-CL    change of density mild where prime, else strong   prime joints, the others
random-cl  chance            mild where chosen, else strong  chosen joints, the others
MoCo       none              ordinary                        all joints, none
=========  ================  ==============================  ==========================
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from skelact.clips.settings import AugmentationSettings
from skelact.errors import ConfigurationError
from skelact.skeleton.topology import Topology


@dataclass(frozen=True)
class DetectorConfig:
    """What makes joints prime.

    Raises:
        ConfigurationError: a number outside its range, or a setting that has no effect.
    """

    kind: Literal["density", "random", "none"] = "density"
    """What decides: the change of joint density, chance (with the same share of joints), or no joint is
    prime."""
    density: Literal["learned", "fixed"] = "learned"
    """Kind density: projection and bandwidths learn, or stay the random ones they start with."""
    source: Literal["features", "coordinates"] = "features"
    """Kind density: of what; of the momentum encoder's features, as published, or of joint positions."""
    num_projected: int = 16
    """Source features: channels to which the features are projected before their density is taken."""
    share: float = 0.25
    """Share of a sequence's joints, over all time steps, that are prime: whose mask is above 1/2."""
    threshold: float | None = None
    """Kind density, instead of the share: a joint whose change is this share of the sequence's largest gets
    1/2."""
    tau: float = 0.25
    """How soft the mask is: the difference of change over which it goes from 1/2 to 0.73, in units of the
    sequence's mean change (with a threshold: of its largest)."""
    hard: bool = False
    """Make the mask 0 or 1; gradients pass as if it were soft."""

    def __post_init__(self) -> None:
        if self.kind not in ("density", "random", "none"):
            raise ConfigurationError(
                f"detector.kind is {self.kind!r}, expected 'density', 'random' or 'none'"
            )
        if not 0 < self.share < 1:
            raise ConfigurationError(f"detector.share is {self.share}, expected a share between 0 and 1")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ConfigurationError(
                f"detector.threshold is {self.threshold}, expected a share between 0 and 1"
            )
        if not 0 < self.tau < float("inf"):
            raise ConfigurationError(f"detector.tau is {self.tau}, expected a temperature above 0")
        if self.num_projected < 1:
            raise ConfigurationError(f"detector.num_projected is {self.num_projected}, expected 1 or more")
        if self.source not in ("features", "coordinates"):
            raise ConfigurationError(
                f"detector.source is {self.source!r}, expected 'features' or 'coordinates'"
            )
        if self.source == "coordinates" and self.num_projected != DetectorConfig.num_projected:
            raise ConfigurationError(
                "detector.num_projected has no effect with detector.source coordinates; leave it out"
            )
        used = {"none": (), "random": ("share", "tau", "hard"), "density": tuple(vars(self))}[self.kind]
        for name in ("density", "source", "num_projected", "share", "threshold", "tau", "hard"):
            if name not in used and getattr(self, name) != getattr(DetectorConfig, name):
                raise ConfigurationError(
                    f"detector.{name} has no effect with detector.kind {self.kind}; leave it out"
                )
        if self.threshold is not None and self.share != DetectorConfig.share:
            raise ConfigurationError("detector.share and detector.threshold exclude each other; give one")


@dataclass(frozen=True)
class ContrastiveObjective:
    """What is compared with what; the defaults are STJD-CL with the settings of ActCLR.

    Raises:
        ConfigurationError: a number outside its range, or a setting that has no effect.
    """

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    """What makes joints prime."""
    adaptive: bool = True
    """The query's augmentation is mild on prime joints and strong on the others; off: ordinary on all."""
    prime_pooling: bool = True
    """The positive is the prime joints' embedding; off: that of all joints."""
    other_weight: float = 1.0
    """The embedding of the joints that are not prime counts as so many negatives; 0: it is left out."""
    loss: Literal["info-nce", "similarity"] = "info-nce"
    """What draws query and positive together: InfoNCE against the bank, or equal similarities to the bank."""
    tau: float = 0.07
    """Temperature of InfoNCE, and of the contrast of prime and other joints."""
    student_tau: float = 0.1
    """Loss similarity: temperature of the query's similarities."""
    teacher_tau: float = 0.05
    """Loss similarity: temperature of the positive's."""
    bank: int = 32768
    """Embeddings in the memory bank. Fewer than there are training sequences, better less than half: a bank
    that holds a sequence's own earlier embedding asks to be close to it and far from it."""
    momentum: float = 0.999
    """Share of the old weights that the momentum copies keep in a step."""
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    """The ordinary augmentation. The mild one is its crop and shear, the strong one all of it with more
    noise."""
    strong_noise_sigma: float = 0.05
    """Standard deviation of the strong augmentation's noise in m."""

    def __post_init__(self) -> None:
        for name in ("tau", "student_tau", "teacher_tau"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(
                    f"contrast.{name} is {getattr(self, name)}, expected a temperature above 0"
                )
        for name in ("other_weight", "strong_noise_sigma"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigurationError(f"contrast.{name} is {getattr(self, name)}, expected 0 or more")
        if self.bank < 1:
            raise ConfigurationError(f"contrast.bank is {self.bank}, expected 1 or more")
        if not 0 <= self.momentum <= 1:
            raise ConfigurationError(f"contrast.momentum is {self.momentum}, expected a share in [0, 1]")
        if self.loss not in ("info-nce", "similarity"):
            raise ConfigurationError(f"contrast.loss is {self.loss!r}, expected 'info-nce' or 'similarity'")
        self._check_parts()

    def _check_parts(self) -> None:
        """Refuse settings that could do nothing."""
        parts = {
            "adaptive": self.adaptive,
            "prime_pooling": self.prime_pooling,
            "other_weight": self.other_weight > 0,
        }
        if self.detector.kind == "none":
            for name, is_on in parts.items():
                if is_on:
                    raise ConfigurationError(
                        f"contrast.{name} needs prime joints, but contrast.detector.kind is none; "
                        f"set it to {0 if name == 'other_weight' else 'false'}"
                    )
        elif not any(parts.values()):
            raise ConfigurationError(
                f"contrast.detector.kind {self.detector.kind} has no effect without adaptive, prime_pooling "
                "and other_weight; set it to none"
            )
        ignored = {
            "strong_noise_sigma": not self.adaptive or not self.augmentation.noise,
            "student_tau": self.loss != "similarity",
            "teacher_tau": self.loss != "similarity",
            "tau": self.loss == "similarity" and self.other_weight == 0,
        }
        for name, is_ignored in ignored.items():
            if is_ignored and getattr(self, name) != getattr(ContrastiveObjective, name):
                raise ConfigurationError(f"contrast.{name} has no effect with these settings; leave it out")

    @property
    def mild(self) -> AugmentationSettings:
        """The augmentation of prime joints: crop and shear alone."""
        return replace(
            self.augmentation,
            flip=False,
            rotation=False,
            noise=False,
            blur=False,
            axis_mask=False,
            rescale=False,
        )

    @property
    def strong(self) -> AugmentationSettings:
        """The augmentation of the other joints."""
        return replace(self.augmentation, noise_sigma=self.strong_noise_sigma)

    def check_skeleton(self, topology: Topology, num_coordinates: int) -> None:
        """Refuse augmentations that a data set's skeletons cannot have.

        Raises:
            ConfigurationError: a flip without left-right pairs or along a coordinate that is not there, or a
                rotation of positions in the plane; the message names the option.
        """
        self.augmentation.check_skeleton(topology, num_coordinates, "--contrast.augmentation")
