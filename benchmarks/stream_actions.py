"""How well a stream finds actions in recordings laid end to end: share found, delay, false alarms a minute.

    python benchmarks/stream_actions.py [STORES]
    python benchmarks/stream_actions.py --choose [STORES]

Some people teach the shipped encoder as 'skelact teach' does; each other person's recordings, in an order
drawn once, are one stream, looked at every third of a second. Recordings are synthetic, and with STORES also
those of its msr-action3d and nw-ucla. A *fixed window* says at once what is likeliest in it.

An action is found by the first event of its class whose middle lies in it; the delay is from its true start
to the frame at which it was told. Whatever else begins is a false alarm. F1 is the harmonic mean of the share
found and the share of events that are right.

``--choose`` looks at the people who teach alone, each group asked about what the others taught, and compares
pieces that teach beside whole recordings, lengths of the window, and settings: the defaults and the points of
work in docs/recognise.md were chosen by it. Features are made once, so settings cost next to nothing.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import skelact
from skelact.clips.source import ClipSource
from skelact.evaluation.features import extract_features, labels_of
from skelact.models.pretrained import Pretrained, load_pretrained
from skelact.models.shipped import UNIVERSAL, find_model
from skelact.recognition import lesson
from skelact.recognition.answers import Event
from skelact.recognition.description import Recognition
from skelact.recognition.neighbours import Examples
from skelact.recognition.recogniser import Recogniser
from skelact.recognition.stream import SHARE, Stream
from skelact.recognition.stream_settings import StreamSettings
from skelact.store.protocols import split
from skelact.synthetic import write_data_set

ACTIONS = ("A006", "A007", "A008", "A010", "A022", "A023", "A024", "A026")
GROUPS = 5
"""Of the people of synthetic recordings: each gives few."""
EVERY = 1 / 3
"""Seconds between two decisions."""
USUAL_FPS = 15.0
"""Of NW-UCLA, which does not tell."""
FIXED = {"begin": 1e-9, "end": 1e-9, "smoothing": 0.0}
POINTS: Mapping[str, dict[str, float]] = {
    "fixed window": FIXED,
    "eager": {"begin": 0.4},
    "**default**": {},
    "careful": {"begin": 0.8},
}
PIECES = {"whole recordings": (), "and three quarters": lesson.PIECES}
SHARES = (0.6, 0.8, 1.0)
GRID = {"begin": (0.3, 0.4, 0.5, 0.6, 0.7), "end": (0.2, 0.3, 0.4), "smoothing": (0.0, 0.25, 0.5)}
Windows = list[tuple[float, float, int]]
"""Times at which it was decided, of the windows' middles, and rows of their features."""


@dataclass
class Data:
    """Recordings of people who teach, and of others."""

    name: str
    store: skelact.Store
    taught: np.ndarray
    asked: np.ndarray
    people: np.ndarray
    """(all sequences,) who; their recordings are one stream."""

    @property
    def fps(self) -> float:
        return self.store.fps or USUAL_FPS


@dataclass
class Play:
    """A stream: what is in it, and features of its windows by their share of the usual length."""

    person: int
    labels: np.ndarray
    starts: np.ndarray
    windows: dict[float, tuple[Windows, Tensor]] = field(default_factory=dict)


@dataclass
class Count:
    """What streams found."""

    num: int = 0
    found: int = 0
    alarms: int = 0
    seconds: float = 0.0
    delays: list[float] = field(default_factory=list)

    def add(self, play: Play, events: list[Event], classes: list[str]) -> None:
        began = [event for event in events if event.event == "began"]
        ended = [event for event in events if event.event == "ended"]
        done: set[int] = set()
        for first, last in zip(began, ended, strict=True):
            assert last.end is not None
            at = int(np.searchsorted(play.starts, (last.start + last.end) / 2, "right")) - 1
            if at < len(play.labels) and classes[play.labels[at]] == last.label and at not in done:
                done.add(at)
                self.delays.append(first.time - float(play.starts[at]))
            else:
                self.alarms += 1
        self.num, self.found = self.num + len(play.labels), self.found + len(done)
        self.seconds += float(play.starts[-1])

    @property
    def f1(self) -> float:
        return 200 * self.found / (self.num + self.found + self.alarms)

    def __str__(self) -> str:
        delay = np.median(self.delays) if self.delays else np.nan
        alarms = 60 * self.alarms / self.seconds
        return f"{100 * self.found / self.num:.1f} % | {delay:.1f} s | {alarms:.1f} | {self.f1:.1f}"


def data_sets(stores: Path | None, scratch: Path) -> Iterator[Data]:
    write_data_set(scratch / "raw", sequences=240, seed=0, actions=ACTIONS)
    store = skelact.prepare("synthetic", scratch / "raw", scratch / "store", workers=1)
    sides, subject = split(store, "xsub"), np.asarray(store.attribute("subject"))
    group = np.unique(subject, return_inverse=True)[1] % GROUPS
    yield Data("synthetic", store, sides.train, sides.test, group)
    if stores is None:
        return
    store = skelact.Store.open(stores / "msr-action3d")
    sides, subject = split(store, "xsub"), np.asarray(store.attribute("subject"))
    yield Data("MSR Action3D", store, sides.train, sides.test, subject)
    store = skelact.Store.open(stores / "nw-ucla")
    sides = split(store, "xview")
    subject, camera = (np.asarray(store.attribute(name)) for name in ("subject", "camera"))
    taught = sides.train[(subject[sides.train] % 2 == 1) & (camera[sides.train] == 1)]
    yield Data("NW-UCLA", store, taught, sides.test[subject[sides.test] % 2 == 0], subject)


class Looking:
    """Stands for a recogniser in a stream, and keeps the features of what it is asked."""

    class_names: list[str] = ["nothing"]  # noqa: RUF012

    def __init__(self, takes: Pretrained, seconds: float) -> None:
        self.takes, self.about = takes, Recognition("linear", ["a", "b"], seconds=seconds)
        self.features: list[Tensor] = []

    def ask(self, store: skelact.Store, title: str = "") -> tuple[np.ndarray, None]:
        source = ClipSource(store, self.takes.clips)
        features, _ = extract_features(self.takes.encoder, source, np.arange(len(store)), pooling="moments")
        self.features.append(features)
        return np.zeros((len(store), 1)), None


class Keeping(Stream):
    """Judges nothing, and keeps when it would."""

    def __init__(self, looking: Looking, settings: StreamSettings) -> None:
        super().__init__(looking, settings)
        self.kept: Windows = []

    def _judge(self, name: Any, known: Any, now: float, middle: float) -> list[Event]:
        self.kept.append((now, middle, len(self.kept)))
        return []


def plays(data: Data, pretrained: Pretrained, indices: np.ndarray, shares: tuple[float, ...]) -> list[Play]:
    """Lay everybody's recordings end to end, and look at them."""
    usual, found = seconds_of(data), []
    for person in np.unique(data.people[indices]).tolist():
        order = np.random.default_rng(person).permutation(indices[data.people[indices] == person])
        takes = [data.store.sequence(index) for index in order]
        frames = [one.with_nan()[0][one.present[0]] for one in takes]
        starts = np.cumsum([0, *map(len, frames)]) / data.fps
        play = Play(person, np.asarray(data.store.labels)[order], starts)
        for share in shares:
            looking = Looking(pretrained, usual)
            every = max(1, round(EVERY * data.fps))
            stream = Keeping(looking, StreamSettings(window=share * usual, every=every))
            for frame in np.concatenate(frames):
                stream.frame({0: frame}, fps=data.fps)
            play.windows[share] = (stream.kept, torch.cat(looking.features))
        found.append(play)
    return found


def seconds_of(data: Data) -> float:
    return float(np.median(data.store.array("num_frames")[data.taught])) / data.fps


class Teacher:
    """Teaches as 'skelact teach' does, from features that are made once."""

    def __init__(self, data: Data, pretrained: Pretrained, pieces: tuple[tuple[float, float], ...]) -> None:
        self.data, self.pretrained = data, pretrained
        self.source = ClipSource(data.store, pretrained.clips)
        labels = labels_of(self.source, data.taught)
        lesson.PIECES, lesson.MOST_NUMBERS = pieces, 1 << 40
        found = lesson.examples_of(pretrained, self.source, data.taught, labels, "features")
        self.known = found["moments"]

    def teach(self, without: int | None = None) -> Recogniser:
        """Return what everybody who teaches but one gives."""
        people = self.data.people[self.data.taught]
        chosen = torch.from_numpy(np.flatnonzero(people != without))
        known = self.known.part(chosen)

        def examples_of(*_: object) -> dict[str, Examples]:
            return {"moments": known}

        before, lesson.examples_of = lesson.examples_of, examples_of  # type: ignore[assignment]
        try:
            indices, own = self.data.taught[chosen.numpy()], {"subject": people[chosen.numpy()]}
            made = lesson.learn(
                self.pretrained, self.source, indices, own, false_alarms=0.05, about={}, title=""
            )
        finally:
            lesson.examples_of = before
        return made.recogniser


def judged(recogniser: Recogniser, windows: tuple[Windows, Tensor]) -> list[tuple[float, float, np.ndarray]]:
    """Return when it was decided, the windows' middles, and what was known: nothing of the unfamiliar."""
    kept, features = windows
    chances, distances = recogniser.answer(features)
    known = chances.numpy()
    if distances is not None and recogniser.about.threshold is not None:
        known = np.where(distances.numpy()[:, None] > recogniser.about.threshold, 0.0, known)
    return [(now, middle, known[row]) for now, middle, row in kept]


def replayed(
    recogniser: Recogniser, seen: list[tuple[float, float, np.ndarray]], settings: Mapping[str, float]
) -> list[Event]:
    """Return what a stream with these settings tells of the same windows."""
    stream, events = Stream(recogniser, StreamSettings(**settings)), []  # type: ignore[arg-type]
    for now, middle, known in seen:
        stream._time = now
        events += stream._judge(0, known, now, middle)
    return events + stream._end(0, stream._doing[0], seen[-1][0])


def counted(data: Data, shown: list[Any], settings: Mapping[str, float]) -> Count:
    count = Count()
    for play, recogniser, seen in shown:
        count.add(play, replayed(recogniser, seen, settings), data.store.class_names)
    return count


def choose(found: list[tuple[Data, Pretrained]]) -> None:
    """Compare pieces, windows and settings on the people who teach."""
    looked = [(data, model, plays(data, model, data.taught, SHARES)) for data, model in found]
    names = ", ".join(data.name for data, _ in found)
    print(f"F1, mean of {names}, then each: found | delay | false alarms a minute | F1")
    for title, pieces in PIECES.items():
        taught = []
        for data, model, rows in looked:
            teacher = Teacher(data, model, pieces)
            people = np.unique(data.people[data.taught])
            taught.append((data, rows, {person: teacher.teach(person) for person in people.tolist()}))
        for share in SHARES:
            shown = [
                (data, [(row, own[row.person], judged(own[row.person], row.windows[share])) for row in rows])
                for data, rows, own in taught
            ]
            ranked = []
            for values in product(*GRID.values()):
                settings = dict(zip(GRID, values, strict=True))
                if settings["end"] <= settings["begin"]:
                    counts = [counted(data, each, settings) for data, each in shown]
                    ranked.append((float(np.mean([count.f1 for count in counts])), settings, counts))
            ranked.sort(key=lambda each: -each[0])
            defaults = [counted(data, each, {}) for data, each in shown]
            ranked.insert(0, (float(np.mean([count.f1 for count in defaults])), {}, defaults))
            for mean, settings, counts in ranked[:3]:
                told = " ".join(f"{name} {value:g}" for name, value in settings.items()) or "defaults"
                print(f"{title}, window {share:g}, {told}: {mean:.1f}", *counts, sep="  //  ", flush=True)


def measure(found: list[tuple[Data, Pretrained]]) -> None:
    """Print the table of the documents: people who did not teach."""
    print("| recordings | window | | found | delay, median | false alarms a minute | F1 |")
    print("|---|---|---|---|---|---|---|")
    for data, model in found:
        recogniser = Teacher(data, model, lesson.PIECES).teach()
        rows = plays(data, model, data.asked, (SHARE, 1.0))
        for share in (SHARE, 1.0):
            shown = [(row, recogniser, judged(recogniser, row.windows[share])) for row in rows]
            for title, settings in POINTS.items():
                if share == SHARE or title == "**default**":
                    window = f"{share * seconds_of(data):.1f} s"
                    print(
                        f"| {data.name} | {window} | {title} | {counted(data, shown, settings)} |", flush=True
                    )


def main() -> None:
    torch.set_num_threads(1)
    words = [word for word in sys.argv[1:] if word != "--choose"]
    encoder = load_pretrained(find_model(UNIVERSAL))
    with tempfile.TemporaryDirectory() as name:
        sets = data_sets(Path(words[0]) if words else None, Path(name))
        found = [(data, encoder.fitted(data.store.topology)) for data in sets]
        (choose if "--choose" in sys.argv else measure)(found)


if __name__ == "__main__":
    main()
