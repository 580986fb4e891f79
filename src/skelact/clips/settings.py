"""How sequences become clips, and what contrastive learning does to them: settings alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from skelact.errors import ConfigurationError, suggest
from skelact.limits import check_limit
from skelact.skeleton.main_bodies import CLIP_BODIES
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import VIEWS

STREAMS = ("joint", "bone", "motion", "bone-motion")
"""Names of the streams: positions (m), bone vectors (m), and the change of either (m per frame)."""


GAPS = ("hold", "zero")
SCALES = ("stored", "body", "image")
ADDED = ("view", "scale", "turn", "tilt")
"""Settings of clips that cards and results of earlier versions do not have; their defaults change nothing."""

IN_THE_PLANE = {"rotation": 0.0, "scale": "body"}
"""What commands set for 2-D positions where the user says nothing."""


@dataclass(frozen=True)
class ClipSettings:
    """How a sequence becomes a clip. The defaults are the published ones, ``gaps`` excepted.

    Raises:
        ConfigurationError: a value outside its range, or a name that is not known.
    """

    num_frames: int = 120
    """Frames T of a clip."""
    min_crop_share: float = 0.5
    """Training crops hold a share of the frames drawn evenly from this to 1."""
    min_crop_frames: int = 64
    """Training crops hold at least so many frames; shorter sequences are taken whole."""
    test_crop_share: float = 0.95
    """Test clips hold the middle of the sequence, this share of it."""
    rotation: float = 0.3
    """Training clips are turned about x, y and z by angles drawn evenly from ± this, in rad; 0 for none."""
    stream: str = "joint"
    """What a clip shows: joint, bone, motion or bone-motion."""
    gaps: str = "hold"
    """A present body's absent frames: 'hold' takes the body's nearest frame, 'zero' (published) zeros."""
    max_bodies: int = CLIP_BODIES
    """Body slots M of a clip; of a sequence with more bodies the first M are kept, which a preparation
    puts in order: see :mod:`skelact.skeleton.main_bodies`."""
    view: str = "camera"
    """Whose axes positions have: 'camera' as they are; 'upright': turned about the vertical so that the hips
    of the first frame lie along x; 'body': the body's own in the first frame, hips along x, trunk along y."""
    scale: str = "stored"
    """'stored': positions in the store's unit; 'body' (what commands take for 2-D): each sequence enlarged so
    that its first body has an adult's size, 0.5 m; 'image': in heights of the image."""
    turn: float | None = None
    """Training clips are turned about the vertical by an angle drawn evenly from ± this, in degrees. It and
    tilt take the place of rotation."""
    tilt: float | None = None
    """After that, they are tilted about the two level axes, each by up to ± this in degrees; 2-D: in the
    plane."""

    def __post_init__(self) -> None:
        for name in ("num_frames", "min_crop_frames", "max_bodies"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}={getattr(self, name)}: must be at least 1")
        check_limit("clip_frames", self.num_frames, "num_frames", ConfigurationError)
        check_limit("bodies", self.max_bodies, "max_bodies", ConfigurationError)
        for name in ("min_crop_share", "test_crop_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigurationError(f"{name}={getattr(self, name)}: must lie in (0, 1]")
        if not 0 <= self.rotation <= math.pi:
            raise ConfigurationError(f"rotation={self.rotation}: must be an angle in [0, pi] rad")
        for name in ("turn", "tilt"):
            angle = getattr(self, name)
            if angle is None:
                continue
            if not 0 <= angle <= 180:
                raise ConfigurationError(f"{name}={angle}: must be an angle in [0, 180] degrees")
            if self.rotation not in (0, ClipSettings.rotation):
                raise ConfigurationError(f"rotation={self.rotation} and {name}={angle} both turn; give one")
        named = (("stream", STREAMS), ("gaps", GAPS), ("view", VIEWS), ("scale", SCALES))
        for name, known in named:
            value = getattr(self, name)
            if value not in known:
                raise ConfigurationError(f"{name}={value!r}: not known{suggest(value, known)}")

    def without_effect(self) -> set[str]:
        """Return the settings that do nothing beside the others."""
        return {"min_crop_frames"} if self.min_crop_share == 1 else set()


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
    """Coordinate whose sign a flip changes: the one to the side, 0 unless x is up."""
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
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not 0 <= self.crop_padding <= 1:
            raise ConfigurationError(f"crop_padding is {self.crop_padding}, expected a share in [0, 1]")
        if self.flip_axis < 0:
            raise ConfigurationError(f"flip_axis is {self.flip_axis}, expected the number of a coordinate")
        if self.blur_kernel < 1 or self.blur_kernel % 2 == 0:
            raise ConfigurationError(f"blur_kernel is {self.blur_kernel}, expected an odd number of frames")
        for name in ("blur_sigma", "rescale_range"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise ConfigurationError(f"{name} is {low} to {high}, expected 0 < smallest <= largest")
        if self.rescale_ends not in ("reflect", "hold"):
            raise ConfigurationError(f"rescale_ends is {self.rescale_ends!r}, expected 'reflect' or 'hold'")

    def without_effect(self) -> set[str]:
        """Return the strengths of augmentations that are off."""
        names = [field.name for field in fields(self)]
        off = [name for name in names if getattr(self, name) is False]
        return {name for name in names if any(name.startswith(f"{switch}_") for switch in off)}

    def check_skeleton(self, topology: Topology, num_coordinates: int, option: str) -> None:
        """Refuse augmentations that a data set's skeletons cannot have.

        Args:
            topology: the skeleton.
            num_coordinates: coordinates of a position.
            option: how these settings are called.

        Raises:
            ConfigurationError: a flip without left-right pairs or along a coordinate that is not there, or a
                rotation of positions in the plane; the message names the option.
        """
        if self.flip and not topology.pairs:
            raise ConfigurationError(
                f"topology {topology.name} has no left-right pairs, so clips cannot be flipped; "
                f"{option}.flip false, or name the pairs in the topology"
            )
        if self.flip and self.flip_axis >= num_coordinates:
            raise ConfigurationError(
                f"{option}.flip_axis is {self.flip_axis}, but positions have {num_coordinates} coordinates, "
                "numbered from 0"
            )
        if self.rotation and num_coordinates != 3:
            raise ConfigurationError(
                f"positions have {num_coordinates} coordinates and cannot be turned in space; "
                f"{option}.rotation false"
            )
