"""What a taught model is worth: accuracy by number of examples, unfamiliar actions, calibration.

Of MSR Action3D, NW-UCLA and SBU some people give examples of each class, others are asked: the training and
the test side of the published splits, of NW-UCLA (across cameras) also other people. In each of five draws
(of SBU its five folds) 1, 2, 5, 10 and 20 examples of each class are drawn, or as many as
there are. Compared are

- teach: what 'skelact teach' makes of an encoder (of one example a class, nearest neighbours);
- untrained: the same with the same encoder before any training;
- ridge: Gaussian kernel ridge regression of poses, in the axes that suit them best;
- dtw: the nearest example by dynamic time warping of the same poses.

Then, with 10 examples, a quarter of the classes is left out of what is taught: how many of their recordings
are called unfamiliar? Each data set and way is a file in OUT, and what is there is not computed again. STORES
holds msr-action3d, nw-ucla and sbu; without it the tables are printed, and OUT/examples.png is drawn:

    python benchmarks/recognition_proof.py OUT [STORES [RUN]]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

import skelact
from skelact.api.reading import readable
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.evaluation.features import labels_of
from skelact.evaluation.folds import make_folds
from skelact.files import sha256, write_json
from skelact.models.pretrained import WEIGHTS, Pretrained, load_pretrained
from skelact.models.sizes import Pooling
from skelact.recognition import lesson
from skelact.recognition.calibration import calibration_error, probabilities, threshold_of
from skelact.recognition.choice import best_of, fit_linear, measure
from skelact.recognition.lesson import calibrated, examples_of
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.reports.canvas import PALETTE, SHAPES, new_figure, write_figure
from skelact.results.statistics import mean_interval
from skelact.skeleton.view import View
from skelact.store.protocols import split

DATA = {"msr-action3d": ("xsub", "subject"), "nw-ucla": ("xview", "subject"), "sbu": ("fold{}", "pair")}
WAYS = {"teach": "skelact teach", "untrained": "the same, untrained", "ridge": "kernel ridge", "dtw": "DTW"}
COUNTS = (1, 2, 5, 10, 20)
DRAWS = 5
UNFAMILIAR_COUNT, FALSE_ALARMS = 10, 0.05
RIDGE, POSE_FRAMES = 0.1, 32
VIEWS: dict[str, tuple[View, Literal["stored", "body"]]] = {
    "msr-action3d": ("camera", "body"),
    "nw-ucla": ("body", "stored"),
    "sbu": ("body", "stored"),
}
"""In which axes and which size poses are compared: the best for them, on the very people asked."""


class Answer(NamedTuple):
    """What a way makes of Q recordings."""

    scores: Tensor
    """(Q, K), higher for a likelier class."""
    strangeness: Tensor
    """(Q,)."""
    about: dict[str, Any]


class Draw(NamedTuple):
    """Who gives examples, in the order in which they are taken, and who is asked."""

    number: int
    givers: np.ndarray
    asked: np.ndarray

    def examples(self, labels: np.ndarray, count: int, without: np.ndarray | None = None) -> np.ndarray:
        """Return ``count`` of each class."""
        kept = [own for own in np.unique(labels) if without is None or own not in without]
        return np.concatenate([self.givers[labels[self.givers] == own][:count] for own in kept])


def draws(store: skelact.Store, data: str) -> Iterator[Draw]:
    protocol, person = DATA[data]
    people = np.asarray(store.attribute(person))
    for number in range(DRAWS):
        sides = split(store, protocol.format(number + 1))
        train, test = sides.train, sides.test
        if set(people[train]) & set(
            people[test]
        ):  # across cameras: the people of one side are all of the other
            train, test = train[people[train] % 2 == 1], test[people[test] % 2 == 0]
        assert not set(people[train]) & set(people[test])
        yield Draw(number, np.random.default_rng(number).permutation(train), test)


class Encoded:
    """Features of an encoder, taught and asked as 'skelact teach' and 'skelact predict' do."""

    def __init__(self, pretrained: Pretrained, store: skelact.Store, person: str) -> None:
        everything = np.arange(len(store))
        source = ClipSource(store, pretrained.clips)
        lesson.MOST_NUMBERS = 1 << 40  # few are taught, but all are encoded at once
        self.labels = labels_of(source, everything)
        self.known = examples_of(pretrained, source, everything, self.labels, "features")
        self.people, self.name = np.asarray(store.attribute(person)), person

    def ask(self, chosen: np.ndarray, asked: np.ndarray) -> Answer:
        own = {pooling: each.part(torch.from_numpy(chosen)) for pooling, each in self.known.items()}
        labels = self.labels[chosen]
        if len(torch.unique(labels)) == len(chosen):
            pooling = next(iter(own))
            name = "nearest neighbours"
            return self.answer(pooling, own[pooling], asked, False, 1.0, None, name)
        folds = make_folds(labels.numpy(), {self.name: self.people[chosen]})
        found = best_of([one for pooling, each in own.items() for one in measure(pooling, each, folds)])
        tested = found.tested
        scores, number = found.scores[tested], torch.from_numpy(folds.number)[tested]
        temperature, _ = calibrated(scores, found.labels[tested], number)
        threshold = threshold_of(found.distances[tested], FALSE_ALARMS)
        linear = found.kind == "linear"
        return self.answer(
            found.pooling, own[found.pooling], asked, linear, temperature, threshold, found.name
        )

    def answer(
        self,
        pooling: Pooling,
        own: Examples,
        asked: np.ndarray,
        linear: bool,
        temperature: float,
        threshold: float | None,
        name: str,
    ) -> Answer:
        features = self.known[pooling].features[asked]
        nearest = Neighbours.of(own).distances(features)
        scores = fit_linear(own)(features) if linear else -nearest
        truth, about = (
            self.labels[asked],
            {"chosen": name, "temperature": temperature, "threshold": threshold},
        )
        if threshold is not None:
            about["errors"] = [calibration_error(probabilities(scores, t), truth) for t in (1.0, temperature)]
        return Answer(scores, nearest.min(1).values, about)


class Poses:
    """Poses of people in their own axes, compared by kernel ridge regression or by time warping."""

    def __init__(self, store: skelact.Store, data: str, way: str) -> None:
        view, scale = VIEWS[data]
        clips = ClipSettings(num_frames=POSE_FRAMES, test_crop_share=1.0, view=view, scale=scale)
        source = ClipSource(store, clips)
        joints = source.test(range(len(store))).positions.double().numpy()  # (N, M, T, V, 3)
        several = np.median(np.asarray(store.array("num_bodies"))) > 1
        joints = joints[:, : 2 if several else 1]
        joints = joints - joints[:, :1, :, [store.topology.centre]]
        self.poses = np.moveaxis(joints, 1, 2).reshape(len(joints), POSE_FRAMES, -1)
        self.labels, self.way = np.asarray(store.labels), way
        self.num_classes = len(store.class_names)
        self.warped: dict[tuple[int, int], float] = {}

    def ask(self, chosen: np.ndarray, asked: np.ndarray) -> Answer:
        scores = np.full((len(asked), self.num_classes), -np.inf)
        labels = self.labels[chosen]
        if self.way == "dtw":
            distances = warping_distances(self.poses[asked], self.poses[chosen])
            for own in np.unique(labels):
                scores[:, own] = -distances[:, labels == own].min(1)
        else:
            rows = np.concatenate([self.poses, np.diff(self.poses, axis=1)], 1).reshape(len(self.poses), -1)
            within, across = (squared_distances(rows[each], rows[chosen]) for each in (chosen, asked))
            width = np.median(within[within > 1e-9])
            targets = np.eye(self.num_classes)[labels]
            weights = np.linalg.solve(np.exp(-within / width) + RIDGE * np.eye(len(chosen)), targets)
            found = np.exp(-across / width) @ weights
            scores[:, np.unique(labels)] = found[:, np.unique(labels)]
        table = torch.from_numpy(scores)
        return Answer(table, -table.max(1).values, {})


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    squares = np.square(first).sum(1)[:, None] + np.square(second).sum(1)
    return np.maximum(squares - 2 * first @ second.T, 0)


@njit(cache=True)
def warping_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (N, M) distances by dynamic time warping of (N, T, D) and (M, T, D); steps of any slope."""
    frames = first.shape[1]
    found = np.empty((len(first), len(second)))
    for i in range(len(first)):
        for j in range(len(second)):
            cost = np.full((frames + 1, frames + 1), np.inf)
            cost[0, 0] = 0.0
            for a in range(frames):
                for b in range(frames):
                    step = 0.0
                    for k in range(first.shape[2]):
                        step += (first[i, a, k] - second[j, b, k]) ** 2
                    cost[a + 1, b + 1] = step + min(cost[a, b], cost[a, b + 1], cost[a + 1, b])
            found[i, j] = np.sqrt(cost[frames, frames])
    return found


def measured(way: Encoded | Poses, draw: Draw, labels: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield a row for each number of examples, and one for classes left out."""
    truth = torch.from_numpy(labels[draw.asked])
    for count in COUNTS:
        chosen = draw.examples(labels, count)
        answer = way.ask(chosen, draw.asked)
        right = float((answer.scores.argmax(1) == truth).float().mean())
        yield {
            "draw": draw.number,
            "count": count,
            "num_examples": len(chosen),
            "accuracy": right,
            **answer.about,
        }
    classes = np.unique(labels)
    out = np.random.default_rng(draw.number).permutation(classes)[: len(classes) // 4]
    chosen = draw.examples(labels, UNFAMILIAR_COUNT, without=out)
    answer = way.ask(chosen, draw.asked)
    strange = torch.from_numpy(np.isin(labels[draw.asked], out))
    far, near = answer.strangeness[strange], answer.strangeness[~strange]
    row = {"draw": draw.number, "left_out": out.tolist(), "num_examples": len(chosen)}
    row["detected"] = float((far > near.quantile(1 - FALSE_ALARMS)).float().mean())
    row["separation"] = float((far[:, None] > near).float().mean())  # area under the ROC curve
    threshold = answer.about.get("threshold")
    if threshold is not None:
        row["by_threshold"] = [float((each > threshold).float().mean()) for each in (far, near)]
    yield row


def compute(out: Path, stores: Path, run: Path | None) -> None:
    for way in WAYS:
        for data, (_, person) in DATA.items():
            path, encoder = out / f"{data}-{way}.json", None
            settings: dict[str, Any] = {"counts": list(COUNTS), "draws": DRAWS}
            if way in ("teach", "untrained"):
                if run is None:
                    continue
                encoder = settings["encoder"] = sha256(run / WEIGHTS)
                settings["pieces"] = [list(piece) for piece in lesson.PIECES]
                settings["frames"] = load_pretrained(run).clips.num_frames
            else:
                settings["poses"] = list(VIEWS[data])
            if path.exists() and json.loads(path.read_text())["settings"] == settings:
                continue
            print(f"{data}, {way}", flush=True)
            rows: list[dict[str, Any]] = []
            recorded = skelact.Store.open(stores / data)
            if encoder is None:
                poses = Poses(recorded, data, way)
                for draw in draws(recorded, data):
                    rows += measured(poses, draw, poses.labels)
            else:
                rows = encoded_rows(load_pretrained(run), recorded, data, person, way)
            write_json(path, {"data": data, "way": way, "settings": settings, "rows": rows})


def encoded_rows(
    pretrained: Pretrained, recorded: skelact.Store, data: str, person: str, way: str
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with readable(pretrained, recorded, as_recorded=True) as found:
        pretrained = pretrained.fitted(found.store.topology)
        features = Encoded(pretrained, found.store, person) if way == "teach" else None
        for draw in draws(recorded, data):
            own = features or Encoded(pretrained.untrained(draw.number), found.store, person)
            rows += measured(own, draw, own.labels.numpy())
    return rows


def tables(out: Path) -> str:
    """Return the tables of the files in a folder, as Markdown."""
    cells = {(data, way): out / f"{data}-{way}.json" for data in DATA for way in WAYS}
    rows = {key: json.loads(path.read_text())["rows"] for key, path in cells.items() if path.exists()}
    lines = ["| | examples a class |" + "".join(f" {count} |" for count in COUNTS)]
    lines.append("|---|---|" + "---:|" * len(COUNTS))
    for (data, way), found in rows.items():
        shown = [percent([row["accuracy"] for row in found if row.get("count") == count]) for count in COUNTS]
        lines.append(f"| {data} | {WAYS[way]} | {' | '.join(shown)} |")
    lines += [
        "",
        "| | | found at 5 % false alarms | area under the curve | found, false alarms, by its threshold |",
    ]
    lines.append("|---|---|---:|---:|---:|")
    for (data, way), found in rows.items():
        left_out = [row for row in found if "left_out" in row]
        own = ""
        if "by_threshold" in left_out[0]:
            own = ", ".join(percent([row["by_threshold"][side] for row in left_out]) for side in (0, 1))
        shown = [percent([row[name] for row in left_out]) for name in ("detected", "separation")]
        lines.append(f"| {data} | {WAYS[way]} | {' | '.join(shown)} | {own} |")
    lines += [
        "",
        "| | expected calibration error, examples a class |" + "".join(f" {n} |" for n in COUNTS[1:]),
    ]
    lines.append("|---|---|" + "---:|" * (len(COUNTS) - 1))
    for (data, way), found in rows.items():
        for side, name in enumerate(("before", "after")) if way == "teach" else ():
            errors = ([row["errors"][side] for row in found if row.get("count") == n] for n in COUNTS[1:])
            lines.append(f"| {data} | {name} | {' | '.join(f'{np.mean(each):.3f}' for each in errors)} |")
    return "\n".join(lines)


def percent(shares: list[float]) -> str:
    found = mean_interval([100 * share for share in shares])
    return f"{found.mean:.1f} ± {found.half_width:.1f}" if found.half_width else f"{found.mean:.1f}"


def draw_figure(out: Path) -> None:
    figure, axes = new_figure(9, 3.4)
    axes.remove()
    panels = figure.subplots(1, len(DATA), sharey=True)
    for panel, data in zip(panels, DATA, strict=True):
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xscale("log")
        panel.set_xticks(COUNTS, list(map(str, COUNTS)), minor=False)
        panel.minorticks_off()
        panel.set_title(data, fontsize=9)
        panel.set_xlabel("examples a class")
        for number, (way, name) in enumerate(WAYS.items()):
            path = out / f"{data}-{way}.json"
            if not path.exists():
                continue
            rows = json.loads(path.read_text())["rows"]
            found = [
                mean_interval([100 * row["accuracy"] for row in rows if row.get("count") == n])
                for n in COUNTS
            ]
            means, widths = [each.mean for each in found], [each.half_width or 0 for each in found]
            style = {"color": PALETTE[number], "marker": SHAPES[number], "markersize": 4, "capsize": 2}
            panel.errorbar(COUNTS, means, yerr=widths, label=name, linewidth=1.2, **style)
    panels[0].set_ylabel("other people recognised, %")
    panels[0].legend(fontsize=7, frameon=False)
    write_figure(figure, out / "examples.png")


def main() -> None:
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 2:
        compute(out, Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    print(tables(out))
    draw_figure(out)


if __name__ == "__main__":
    main()
