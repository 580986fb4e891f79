"""The settings of action detection."""

from __future__ import annotations

from dataclasses import dataclass, field

from skelact.errors import ConfigurationError


@dataclass(frozen=True)
class WindowConfig:
    """How windows slide over a recording.

    Raises:
        ConfigurationError: a length or stride below 1, or a stride that leaves frames out.
    """

    length: int = 64
    """Frames of a window; it is resized to the encoder's clips. A shorter recording is one window."""
    stride: int = 32
    """Frames from one window to the next. The last ends with the recording."""
    centred: bool = True
    """Move each window's origin to the first body's centre joint in the first frame, as that of trimmed
    sequences is. Streams of bones and motion do not know the origin; there false is refused."""

    def __post_init__(self) -> None:
        for name in ("length", "stride"):
            if getattr(self, name) < 1:
                raise ConfigurationError(
                    f"windows.{name} is {getattr(self, name)}, expected 1 or more frames"
                )
        if self.stride > self.length:
            raise ConfigurationError(
                f"windows.stride is {self.stride}, more than windows.length {self.length}: "
                "the frames between two windows would have no features"
            )


@dataclass(frozen=True)
class LayerConfig:
    """What the layer learns from, and how.

    Raises:
        ConfigurationError: a number outside its range.
    """

    frames_per_recording: int = 256
    """Frames of each training recording that are learned from, drawn once; they are kept in memory."""
    background_share: float = 0.5
    """At most this share of the frames drawn from a recording is background; the rest shows actions."""
    l2: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4)
    """Strengths of the regularisation to choose from."""
    held_out: float = 0.2
    """Share of the training recordings on which the strength is chosen; with one, none is held out."""
    max_iterations: int = 300
    """Steps of L-BFGS for each strength."""
    tolerance: float = 1e-5
    """L-BFGS ends where no entry of the gradient is larger."""

    def __post_init__(self) -> None:
        for name, least in (("frames_per_recording", 2), ("max_iterations", 1)):
            if getattr(self, name) < least:
                raise ConfigurationError(f"layer.{name} is {getattr(self, name)}, expected {least} or more")
        if not self.l2 or not all(strength > 0 for strength in self.l2):
            raise ConfigurationError(
                f"layer.l2 is {list(self.l2)}, expected at least one strength, each above 0"
            )
        for name in ("background_share", "held_out"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigurationError(
                    f"layer.{name} is {getattr(self, name)}, expected a share between 0 and 1"
                )
        if not self.tolerance > 0:
            raise ConfigurationError(f"layer.tolerance is {self.tolerance}, expected more than 0")

    def without_effect(self) -> set[str]:
        """Return the settings that do nothing beside the others."""
        return {"held_out"} if len(set(self.l2)) == 1 else set()


@dataclass(frozen=True)
class SegmentConfig:
    """How segments are found in the scores of frames.

    No threshold is chosen: the segments of all of them are ranked together.

    Raises:
        ConfigurationError: a number outside its range.
    """

    smoothing: int = 15
    """Frames of the moving average over each class's scores; odd, 1 for none."""
    thresholds: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """A segment is a run of frames whose probability is above one of these."""
    max_gap: int = 10
    """Runs of a class with no more frames between them are one."""
    min_frames: int = 15
    """Shorter segments are dropped."""
    margin: float = 0.25
    """A segment's confidence is its mean score less that of the frames beside it, this share of its length on
    either side; with 0 its mean score alone."""
    nms_overlap: float = 0.4
    """Of two segments of a class that overlap by more, the less confident goes."""
    max_segments: int = 400
    """Segments of a recording that are kept, the most confident ones."""

    def __post_init__(self) -> None:
        if self.smoothing < 1 or self.smoothing % 2 == 0:
            raise ConfigurationError(
                f"segments.smoothing is {self.smoothing}, expected an odd number of frames, 1 for none"
            )
        if not self.thresholds or not all(0 < threshold < 1 for threshold in self.thresholds):
            raise ConfigurationError(
                f"segments.thresholds is {list(self.thresholds)}, expected at least one, each between 0 and 1"
            )
        for name, least in (("max_gap", 0), ("min_frames", 1), ("max_segments", 1), ("margin", 0)):
            if not getattr(self, name) >= least:
                raise ConfigurationError(
                    f"segments.{name} is {getattr(self, name)}, expected {least} or more"
                )
        if not 0 <= self.nms_overlap <= 1:
            raise ConfigurationError(
                f"segments.nms_overlap is {self.nms_overlap}, expected a share in [0, 1]"
            )


@dataclass(frozen=True)
class DetectionConfig:
    """Settings of the detection.

    Raises:
        ConfigurationError: a seed below 0.
    """

    windows: WindowConfig = field(default_factory=WindowConfig)
    """How windows slide over a recording."""
    layer: LayerConfig = field(default_factory=LayerConfig)
    """What the layer learns from, and how."""
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    """How segments are found."""
    seed: int = 0
    """Decides the frames drawn and the recordings held out."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigurationError(f"seed is {self.seed}, expected 0 or more")
