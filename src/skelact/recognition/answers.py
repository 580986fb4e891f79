"""What a model answers: classes with probabilities, joints with stretches, people one by one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from skelact.errors import ConfigurationError


def check_top(top: int, named: str = "top") -> None:
    """Raise ConfigurationError unless there are classes to tell; ``named`` is the number, as one types it."""
    if top < 1:
        raise ConfigurationError(f"{named} is {top}; expected 1 class or more")


@dataclass(frozen=True)
class PrimeJoint:
    """A joint whose density changes much, and the shortest stretch that holds half of its change."""

    joint: str
    first_frame: int
    last_frame: int
    """Both of them in the stretch."""


@dataclass(frozen=True)
class Guess:
    """A class, and how likely it is."""

    label: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """What somebody does."""

    top: tuple[Guess, ...]
    """The likeliest classes, the likeliest first."""
    unfamiliar: bool | None
    """Whether it is like nothing that taught the model; None: the model cannot tell."""
    prime_joints: tuple[PrimeJoint, ...]
    """The joints that it turns on, and when."""

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.top[0].label

    @property
    def probability(self) -> float:
        """How likely it is."""
        return self.top[0].probability


@dataclass(frozen=True)
class Prediction(Answer):
    """What a recording shows: everybody in it together, and one by one."""

    recording: str
    """Its name."""
    num_frames: int
    fps: float | None
    people: tuple[Answer, ...]
    """One for each body, in the order of the recording."""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        table = asdict(self)
        return {"recording": table.pop("recording"), "frames": table.pop("num_frames"), **table}


@dataclass(frozen=True)
class Event:
    """What somebody in a stream of frames began to do, still does, or ended; times are in seconds."""

    event: Literal["began", "still", "ended"]
    person: str | int | None
    """Whose it is; None: everybody's together."""
    label: str
    probability: float
    """Of the class, smoothed over time."""
    start: float
    """When it began, as far as can be told."""
    end: float | None
    """When it ended, as far as can be told; None: not yet."""
    time: float
    """The frame at which this was decided, or its last one."""
    top: tuple[Guess, ...]
    """The likeliest classes at this time, smoothed likewise."""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)
