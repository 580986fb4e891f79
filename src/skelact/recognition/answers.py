"""What a model answers: classes with probabilities, joints with stretches, people one by one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from skelact.errors import ConfigurationError

_TOLD = 3
"""Limbs, joints and stretches that are told in words."""


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
class StillJoints:
    """What the class is worth when joints hold still."""

    joints: tuple[str, ...]
    """One joint, or those of a limb from the body outwards."""
    probability: float
    """Of the class, when they hold still."""
    loss: float
    """Probability that the class loses; below 0 where it gains."""
    log_odds_loss: float
    """The same in natural logarithms of the odds, which tell more where the class is nearly certain."""

    @property
    def named(self) -> str:
        """The joint, or the limb by its first and its last joint."""
        return self.joints[0] if len(self.joints) == 1 else f"{self.joints[0]} to {self.joints[-1]}"


@dataclass(frozen=True)
class StillStretch:
    """What the class is worth when a stretch of time is passed over."""

    first_frame: int
    last_frame: int
    """Both of them in the stretch."""
    probability: float
    loss: float
    log_odds_loss: float
    """As of :class:`StillJoints`."""


@dataclass(frozen=True)
class Explanation:
    """What carries a decision: what the likeliest class loses when parts of the recording hold still."""

    label: str
    """The class."""
    probability: float
    """Of it, when everything moves as it does."""
    joints: tuple[StillJoints, ...]
    """One by one, the one first whose movement is worth most; without the root and joints never seen."""
    limbs: tuple[StillJoints, ...]
    """Limbs of two joints and more, likewise."""
    stretches: tuple[StillStretch, ...]
    """Equal parts of the recording in the order of time, without those in which nobody is seen."""

    def sentences(self, fps: float | None) -> list[str]:
        """Say in words which limbs, joints and stretches carry the decision, the most important first.

        Args:
            fps: frames a second; None tells frames.
        """
        now = f"{self.label} {_percent(self.probability)}"
        found = []
        for word, parts in (("limb", self.limbs), ("joint", self.joints)):
            told = [f"{each.named} {_percent(each.probability)}" for each in parts if _is_worth_telling(each)]
            found.append(f"{now}, when a {word} holds still: {', '.join(told[:_TOLD]) or 'hardly less'}")
        told = [
            f"{_when(each.first_frame, each.last_frame, fps)} {_percent(each.probability)}"
            for each in sorted(self.stretches, key=lambda each: -each.log_odds_loss)
            if _is_worth_telling(each)
        ]
        found.append(f"{now}, when a stretch is passed over: {', '.join(told[:_TOLD]) or 'hardly less'}")
        return found


def _is_worth_telling(part: StillJoints | StillStretch) -> bool:
    """Tell whether the class loses a hundredth of probability and a tenth of its odds."""
    return part.loss >= 0.01 and part.log_odds_loss >= 0.1


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _when(first: int, last: int, fps: float | None) -> str:
    return f"frames {first} to {last}" if fps is None else f"{first / fps:.1f} to {(last + 1) / fps:.1f} s"


@dataclass(frozen=True)
class Prediction(Answer):
    """What a recording shows: everybody in it together, and one by one."""

    recording: str
    """Its name."""
    num_frames: int
    fps: float | None
    people: tuple[Answer, ...]
    """One for each body, in the order of the recording."""
    explanation: Explanation | None = None
    """What carries the decision on everybody together, where that was asked for."""

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        table = asdict(self)
        if self.explanation is None:
            del table["explanation"]
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
        """Return it ready for JSON, times to the millisecond."""
        table = asdict(self)
        for key in ("start", "end", "time"):
            table[key] = None if table[key] is None else round(table[key], 3)
        return table
