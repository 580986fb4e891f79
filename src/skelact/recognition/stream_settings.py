"""How a stream of frames is looked at: settings alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skelact.errors import ConfigurationError

SHORTEST, LONGEST = 0.05, 3600.0
"""Seconds of a window."""


@dataclass(frozen=True)
class StreamSettings:
    """How a stream of frames is looked at.

    The defaults of ``begin``, ``end`` and ``smoothing`` tell most of streams of training people of MSR
    Action3D, NW-UCLA and synthetic recordings (``benchmarks/stream_actions.py --choose``).

    Raises:
        ConfigurationError: a value outside its range.
    """

    window: float | None = None
    """Seconds that are looked at together; default: 0.8 of the usual length of what taught the model."""
    every: int = 10
    """Frames between two decisions."""
    begin: float = 0.6
    """Probability, smoothed, at which an action begins."""
    end: float = 0.3
    """Probability, smoothed, below which it ends."""
    smoothing: float = 0.25
    """Seconds over which probabilities are smoothed: after them, 63 % of a change are seen; 0: not at all."""
    gap: float = 1.0
    """Seconds after which a person who is not seen is taken to have gone."""
    together: bool = False
    """Whether it is told what everybody does together, instead of each person one by one."""

    def __post_init__(self) -> None:
        if self.window is not None and not SHORTEST <= self.window <= LONGEST:
            raise ConfigurationError(
                f"--stream.window is {self.window:g} s; expected {SHORTEST:g} to {LONGEST:g} s"
            )
        if self.every < 1:
            raise ConfigurationError(f"--stream.every is {self.every}; expected 1 frame or more")
        if not 0 < self.end <= self.begin <= 1:
            raise ConfigurationError(
                f"--stream.begin is {self.begin:g} and --stream.end {self.end:g}; expected probabilities, "
                "the end not above the begin"
            )
        if not 0 <= self.smoothing < math.inf or not 0 < self.gap < math.inf:
            raise ConfigurationError(
                f"--stream.smoothing is {self.smoothing:g} s and --stream.gap {self.gap:g} s; expected 0 or "
                "more, and above 0"
            )
