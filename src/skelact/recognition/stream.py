"""What people do while they are looked at: a sliding window over frames that come one by one.

Every few frames the last seconds of each person are recognised as a recording of their own. Probabilities are
smoothed over time, and an action begins at a higher probability than it ends at, so that it does not flicker.
What is unfamiliar counts as none of the classes.

A window shows an action well once about half of it does. So an action is said to have begun half a window
before its probability first reached ``end``, and to have ended half a window before it fell below.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from skelact.clips.settings import ClipSettings
from skelact.errors import DataError, SkelactWarning
from skelact.formats.exclusions import shown
from skelact.limits import check_limit
from skelact.models.fitting import Taker, check_store
from skelact.recognition.answers import Event, check_top
from skelact.recognition.description import Recognition
from skelact.recognition.frames import Name
from skelact.recognition.prediction import TOP, Asked, guesses_of, taught_up
from skelact.recognition.stream_settings import StreamSettings
from skelact.skeleton.main_bodies import crowd_in_order
from skelact.skeleton.sequence import FARTHEST, SkeletonSequence
from skelact.skeleton.view import Unit, centre
from skelact.store.in_memory import store_in_memory

Floats = npt.NDArray[np.float32]
_MOST_FRAMES = 1_000
"""Of a window; of a camera that gives more, frames are left out evenly."""
_USUAL_FPS = 30.0
SHARE = 0.8
"""How long a window is, as a share of the recordings that taught the model, in the median."""


@dataclass
class _Track:
    """The last frames of a person, from the first that showed them on."""

    seen: float = 0.0
    """Time of the last one that shows them."""
    times: deque[float] = field(default_factory=deque)
    positions: deque[Floats] = field(default_factory=deque)

    def add(self, time: float, positions: Floats, window: float) -> None:
        if not np.isnan(positions).all():
            self.seen = time
        while self.times and self.times[0] < time - window:
            self.times.popleft()
            self.positions.popleft()
        if len(self.times) < 2 or self.times[-1] - self.times[-2] >= window / _MOST_FRAMES:
            self.times.append(time)
            self.positions.append(positions)
        else:  # too close to the frame before: it takes the last one's place
            self.times[-1], self.positions[-1] = time, positions


@dataclass
class _Doing:
    """What somebody does, by all that was decided."""

    decided: float | None = None
    chances: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(K,) smoothed; they may sum to less than 1, for the rest is unfamiliar."""
    since: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(K,) when each class came to ``end``, NaN where it is below."""
    label: int | None = None
    start: float = 0.0
    free: float = -math.inf
    """When the last action ended."""


class Stream:
    """Takes frames, and tells what begins, goes on and ends.

    Args:
        recogniser: what tells the classes apart.
        settings: how the stream is looked at.
        top: classes that events tell.

    Raises:
        ConfigurationError: ``top`` is below 1.

    Example:
        >>> stream = skelact.load("my-model").stream()
        >>> for time, people in camera:
        ...     for event in stream.frame(people, time=time):
        ...         print(event.event, event.person, event.label, event.start)
    """

    def __init__(self, recogniser: Asked, settings: StreamSettings | None = None, *, top: int = TOP) -> None:
        check_top(top)
        self.settings = settings or StreamSettings()
        about = recogniser.about
        self.window: float = self.settings.window or usual_window(about, recogniser.takes.clips)
        """Seconds that are looked at together."""
        self.is_guess = self.settings.window is None and about.seconds is None
        """Whether the window is neither given nor told by the recordings that taught the model."""
        self._recogniser, self._top = recogniser, top
        self._up = taught_up(recogniser)
        self._unit: Unit = "m" if recogniser.takes.num_coordinates == 3 else "px"
        self._tracks: dict[Name, _Track] = {}
        self._doing: dict[Name | None, _Doing] = {}
        self._nowhere = np.full(_shape(recogniser.takes), np.nan, np.float32)
        self._time: float | None = None
        self._waiting = 0
        self._is_checked = self._is_told = False
        self._events: list[Event] = []
        """What an error kept back; the next frame tells it."""

    def frame(
        self,
        people: Mapping[Name, npt.NDArray[np.generic]],
        *,
        time: float | None = None,
        fps: float | None = None,
    ) -> list[Event]:
        """Take the next frame.

        Args:
            people: (V, C) positions of each person by a name or number of theirs, in metres (2-D: pixels),
                with the model's joints; NaN where a joint was not seen.
            time: of the frame, in seconds; default: ``1 / fps`` after the frame before.
            fps: frames a second, at this time.

        Returns:
            What was decided, the order of people kept; nothing of most frames.

        Raises:
            DataError: positions of nobody's name or of another shape, too many people, a time that does not
                come after the frame before, or neither time nor rate. The frame is left out then.
            ConfigurationError: bodies of a size as if in another unit.
        """
        if not isinstance(people, Mapping):
            raise DataError(
                f"a frame is {type(people).__name__}, expected the positions of each person by a name of "
                "theirs, as {0: positions}"
            )
        frames = {name: self._checked(name, positions) for name, positions in people.items()}
        check_limit("people", len(frames.keys() | self._tracks.keys()), "people in the last seconds")
        now = self._now(time, fps)
        self._tell_of_holes(now)
        self._time = now
        self._events += self._leave(now)
        for name, positions in frames.items():
            if not np.isnan(positions).all():
                self._tracks.setdefault(name, _Track())
        for name, track in self._tracks.items():
            track.add(now, frames.get(name, self._nowhere), self.window)
        decides = self.decides_next
        self._waiting += 1
        if decides:
            self._waiting = 0
            self._events += self._decide(now)
        return self._told()

    @property
    def decides_next(self) -> bool:
        """Whether the next frame is one at which the recogniser is asked; at others frames are only kept."""
        return self._waiting + 1 >= self.settings.every

    def finish(self) -> list[Event]:
        """End whatever goes on: no frame comes any more."""
        self._events += [] if self._time is None else self._leave(math.inf)
        return self._told()

    def _told(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _checked(self, name: Name, positions: npt.NDArray[np.generic]) -> Floats:
        if isinstance(name, bool) or not isinstance(name, int | np.integer | str):
            raise DataError(f"person {shown(name)}: expected a number or a name of theirs")
        if isinstance(name, str):
            check_limit("name", len(name), f"person {shown(name)}")
        takes = self._recogniser.takes
        expected = _shape(takes)
        try:
            with np.errstate(over="ignore"):
                array = np.array(positions, np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"person {name!r}: not an array of numbers ({error})") from error
        if array.shape != expected:
            raise DataError(
                f"person {name!r}: positions of shape {array.shape}, expected {expected}, the joints of "
                f"{takes.topology.name}"
            )
        if (np.abs(array) > FARTHEST).any():  # not NaN
            raise DataError(
                f"person {name!r}: a joint farther than {FARTHEST:,.0f} in any unit; write NaN where it was "
                "not seen"
            )
        array[np.isnan(array).any(1)] = np.nan
        return array

    def _now(self, time: float | None, fps: float | None) -> float:
        if fps is not None and not 0 < fps < 1e6:
            raise DataError(f"frame: fps is {fps:g}; expected frames a second, more than 0")
        if time is None:
            if fps is None:
                raise DataError("frame: neither a time nor frames a second; give time= or fps=")
            time = 0.0 if self._time is None else self._time + 1 / fps
        if not math.isfinite(time) or (self._time is not None and time <= self._time):
            before = "" if self._time is None else f", the frame before came at {self._time:g} s"
            raise DataError(f"frame: its time is {time:g} s{before}; times have to increase")
        return time

    def _tell_of_holes(self, now: float) -> None:
        """Say once where nothing can be decided, for whoever is there has gone before the next frame."""
        apart, gap = 0.0 if self._time is None else now - self._time, self.settings.gap
        if apart > gap and self._tracks and not self._is_checked and not self._is_told:
            self._is_told = True
            warnings.warn(
                f"frames lie {apart:g} s apart, farther than --stream.gap, {gap:g} s, after which people "
                "have gone; times are seconds",
                SkelactWarning,
                stacklevel=3,
            )

    def _leave(self, now: float) -> list[Event]:
        """Forget who has not been seen for some time."""
        gone = [name for name, track in self._tracks.items() if track.seen < now - self.settings.gap]
        last_seen = max((track.seen for track in self._tracks.values()), default=0.0)
        events = []
        for name in gone:
            seen = self._tracks.pop(name).seen
            events += self._end(name, self._doing.pop(name, _Doing()), seen)
        if None in self._doing and not self._tracks:
            events += self._end(None, self._doing.pop(None), last_seen)
        return events

    def _decide(self, now: float) -> list[Event]:
        """Recognise the last seconds of everybody who has been there for half a window."""
        groups: dict[Name | None, list[_Track]] = {name: [track] for name, track in self._tracks.items()}
        if self.settings.together and self._tracks:
            groups = {None: list(self._tracks.values())}
        starts = {name: min(track.times[0] for track in tracks) for name, tracks in groups.items()}
        windows = {
            name: self._sequence(str(name), groups[name], start, now)
            for name, start in starts.items()
            if now - start >= self.window / 2
        }
        seen = {name: window for name, window in windows.items() if window is not None}
        if not seen:
            return []
        store = store_in_memory(list(seen.values()), self._up, self._unit)
        if not self._is_checked:
            check_store(self._recogniser.takes, store)
            self._is_checked = True
        chances, distances = self._recogniser.ask(store)
        events = []
        for row, name in enumerate(seen):
            known = chances[row].astype(np.float64)
            if distances is not None and self._recogniser.about.is_unfamiliar(float(distances[row])):
                known = np.zeros_like(known)
            events += self._judge(name, known, now, (starts[name] + now) / 2)
        return events

    def _judge(
        self, name: Name | None, known: npt.NDArray[np.float64], now: float, middle: float
    ) -> list[Event]:
        """Take (K,) probabilities of a window; ``middle`` is the time of its middle."""
        doing, settings = self._doing.setdefault(name, _Doing()), self.settings
        if doing.decided is None:
            doing.chances, doing.since = known, np.full(len(known), np.nan)
        else:
            passed = now - doing.decided
            share = 1 - math.exp(-passed / settings.smoothing) if settings.smoothing else 1.0
            doing.chances = doing.chances + share * (known - doing.chances)
        doing.decided = now
        is_high = doing.chances >= settings.end
        doing.since = np.where(is_high, np.where(np.isnan(doing.since), middle, doing.since), np.nan)
        best = int(doing.chances.argmax())
        events = []
        is_new = best != doing.label and doing.chances[best] >= settings.begin
        if doing.label is not None and (is_new or not is_high[doing.label]):
            events += self._end(name, doing, middle)
        if doing.label is not None:
            events.append(self._event("still", name, doing, None))
        elif is_new:
            doing.label, doing.start = best, max(float(doing.since[best]), doing.free)
            events.append(self._event("began", name, doing, None))
        return events

    def _end(self, name: Name | None, doing: _Doing, time: float) -> list[Event]:
        if doing.label is None:
            return []
        ended = self._event("ended", name, doing, max(time, doing.start))
        doing.label, doing.free = None, max(time, doing.start)
        return [ended]

    def _event(self, what: str, name: Name | None, doing: _Doing, end: float | None) -> Event:
        assert doing.label is not None
        assert self._time is not None
        return Event(
            event=what,  # type: ignore[arg-type]
            person=name,
            label=self._recogniser.class_names[doing.label],
            probability=float(doing.chances[doing.label]),
            start=doing.start,
            end=end,
            time=self._time,
            top=guesses_of(self._recogniser, doing.chances, self._top),
        )

    def _sequence(
        self, name: str, tracks: Sequence[_Track], start: float, now: float
    ) -> SkeletonSequence | None:
        """Return the last seconds of some people as a recording, its frames evenly apart.

        Who is not seen in them is left out; None where nobody is.
        """
        steps = np.concatenate([np.diff(track.times) for track in tracks] or [np.ones(1)])
        step = max(float(np.median(steps)) if len(steps) else now - start, (now - start) / _MOST_FRAMES)
        grid = np.linspace(start, now, max(2, round((now - start) / step) + 1))
        found = np.stack([_resampled(track, grid, step) for track in tracks])
        seen = np.asarray(~np.isnan(found).any(3))
        there = np.asarray(seen.any((1, 2)))
        if not there.any():
            return None
        found, seen = found[there], seen[there]
        present = np.asarray(seen.any(2))
        sequence = SkeletonSequence(
            name=name,
            positions=np.where(seen[..., None], found, np.float32(0)),
            present=present,
            joint_present=None if (seen | ~present[..., None]).all() else seen,
            topology=self._recogniser.takes.topology,
            fps=(len(grid) - 1) / (now - start),
        )
        return centre(crowd_in_order(sequence))


def usual_window(about: Recognition, clips: ClipSettings) -> float:
    """Return how many seconds to look at: by the recordings that taught the model, or else by its clips."""
    return SHARE * about.seconds if about.seconds else clips.num_frames / _USUAL_FPS


def _shape(takes: Taker) -> tuple[int, int]:
    """Return that of the positions of one person in a frame."""
    return takes.topology.num_joints, takes.num_coordinates


def _resampled(track: _Track, grid: npt.NDArray[np.float64], step: float) -> Floats:
    """Return (G, V, C) positions of a person at the times of a grid, NaN where they were not seen.

    As :func:`skelact.skeleton.resampling.resampled`, but by each frame's own time.
    """
    times, positions = np.array(track.times), np.stack(track.positions)
    after = np.searchsorted(times, grid).clip(1, max(1, len(times) - 1)).clip(max=len(times) - 1)
    before = np.maximum(after - 1, 0)
    length = times[after] - times[before]
    share = ((grid - times[before]) / np.where(length > 0, length, 1)).clip(0, 1)
    nearer = positions[np.where(share < 0.5, before, after)]
    weight = share.astype(np.float32)[:, None, None]
    between = positions[before] + weight * (positions[after] - positions[before])
    found = np.where(np.isnan(between), nearer, between)
    outside = (grid < times[0] - step / 2) | (grid > times[-1] + step / 2)
    found[outside] = np.nan
    return found
