"""How well detected segments meet the true intervals: mAP over actions and over videos, as for PKU-MMD.

A detection belongs to the true interval of its recording and class that it overlaps most (of equal ones to
the last). It is right at an overlap of theta if it overlaps that interval by at least theta, as a share of
the frames between both ends, and no more confident one has found it before; every other detection is wrong.
Average precision (AP) is the area under the interpolated curve of precision over recall: at each recall the
highest precision there or further on. Detections of equal confidence enter the curve together, so their order
does not matter. *mAP_a* is the mean over the actions of the AP among all recordings; *mAP_v* the mean over
the recordings of the AP among all actions.

Source: C. Liu, Y. Hu, Y. Li, S. Song, J. Liu, PKU-MMD: a large scale benchmark for continuous multi-modal
human action understanding, arXiv 1703.07475.

Detections on disk: a table that other scorers can read.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, fields

import numpy as np
import numpy.typing as npt

from skelact.clips.sampling import IntArray
from skelact.detection.segments import Real, temporal_overlap
from skelact.errors import DataError
from skelact.formats.intervals import ActionInterval

OVERLAPS = tuple(tenths / 10 for tenths in range(1, 10))


@dataclass(frozen=True, order=True)
class Detection(ActionInterval):
    """An action that was found in a recording."""

    confidence: float
    """Higher for a likelier one."""


@dataclass(frozen=True)
class DetectionMetrics:
    """Scores of detections at Q overlaps, as shares in [0, 1], over K classes."""

    overlaps: tuple[float, ...]
    """The Q overlaps theta at which a detection is right."""
    map_a: Real
    """(Q,) mean AP over the actions that occur."""
    map_v: Real
    """(Q,) mean AP over the recordings with actions."""
    per_class: Real
    """(Q, K) AP of each action; NaN for one that does not occur."""
    num_intervals: int
    """True intervals."""
    num_recordings: int
    """Recordings with actions."""
    detections: tuple[Detection, ...] = field(repr=False)
    """What was scored."""

    def table(self) -> str:
        """Return the scores at each overlap as aligned lines."""
        rows = [f"  {'overlap':<9}{'mAP_a':>7}  {'mAP_v':>7}"]
        for overlap in self.overlaps:
            map_a, map_v = self.at(overlap)
            rows.append(f"  {overlap:<9.1f}{100 * map_a:5.1f} %  {100 * map_v:5.1f} %")
        return "\n".join(rows)

    def at(self, overlap: float) -> tuple[float, float]:
        """Return mAP_a and mAP_v at one of the overlaps."""
        place = self.overlaps.index(overlap)
        return float(self.map_a[place]), float(self.map_v[place])

    def to_dict(self) -> dict[str, object]:
        """Return the numbers ready for JSON, by overlap; the AP of an action that does not occur is None."""
        keys = [str(overlap) for overlap in self.overlaps]
        per_class = [[None if np.isnan(ap) else ap for ap in row] for row in self.per_class.tolist()]
        return {
            "map_a": dict(zip(keys, self.map_a.tolist(), strict=True)),
            "map_v": dict(zip(keys, self.map_v.tolist(), strict=True)),
            "per_class": dict(zip(keys, per_class, strict=True)),
            "num_intervals": self.num_intervals,
            "num_recordings": self.num_recordings,
            "num_detections": len(self.detections),
        }


def score_detections(
    detections: Sequence[Detection],
    intervals: Sequence[ActionInterval],
    num_classes: int,
    overlaps: Sequence[float] = OVERLAPS,
) -> DetectionMetrics:
    """Compare detections with the truth.

    Args:
        detections: of all recordings, in any order.
        intervals: the truth of all recordings.
        num_classes: the number of classes K of the data set.
        overlaps: the shares theta, each above 0.

    Raises:
        DataError: no true interval, or a detection or interval whose class, end or confidence cannot be.
    """
    _check(detections, intervals, num_classes)
    truth, overlap = match(detections, intervals)
    confidence = np.array([each.confidence for each in detections], np.float64)
    of_class = _groups([each.action for each in detections])
    of_recording = _groups([each.recording for each in detections])
    num_of_class = np.bincount([each.action for each in intervals], minlength=num_classes)
    num_of_recording: dict[str, int] = defaultdict(int)
    for interval in intervals:
        num_of_recording[interval.recording] += 1
    per_class = np.full((len(overlaps), num_classes), np.nan)
    per_recording = np.zeros((len(overlaps), len(num_of_recording)))
    for row, theta in enumerate(overlaps):
        found = np.where(overlap >= theta, truth, -1)
        for action in np.flatnonzero(num_of_class).tolist():
            rows = of_class[action]
            per_class[row, action] = average_precision(confidence[rows], found[rows], num_of_class[action])
        for column, (name, num) in enumerate(num_of_recording.items()):
            rows = of_recording[name]
            per_recording[row, column] = average_precision(confidence[rows], found[rows], num)
    return DetectionMetrics(
        overlaps=tuple(overlaps),
        map_a=np.nanmean(per_class, 1),
        map_v=per_recording.mean(1),
        per_class=per_class,
        num_intervals=len(intervals),
        num_recordings=len(num_of_recording),
        detections=tuple(detections),
    )


def match(detections: Sequence[Detection], intervals: Sequence[ActionInterval]) -> tuple[IntArray, Real]:
    """Return (P,) the interval each detection belongs to, -1 for none, and (P,) how much it overlaps it."""
    of_place = _groups([(each.recording, each.action) for each in intervals])
    start, end = (np.array([getattr(each, name) for each in intervals]) for name in ("start", "end"))
    truth, overlap = np.full(len(detections), -1), np.zeros(len(detections))
    for place, each in enumerate(detections):
        rows = of_place[each.recording, each.action]
        if len(rows):
            shares = temporal_overlap(np.int64(each.start), np.int64(each.end), start[rows], end[rows])
            best = len(shares) - 1 - int(shares[::-1].argmax())
            truth[place], overlap[place] = rows[best], shares[best]
    return truth, overlap


def average_precision(confidence: Real, truth: IntArray, num_intervals: int) -> float:
    """Return the area under the interpolated curve of precision over recall.

    Args:
        confidence: (P,) of the detections.
        truth: (P,) the interval that each overlaps enough, -1 for none.
        num_intervals: intervals that there are to find, at least 1.
    """
    if not len(confidence):
        return 0.0
    order = np.argsort(-confidence, kind="stable")
    confidence, truth = confidence[order], truth[order]
    is_right = np.zeros(len(truth), np.bool_)
    hits = np.flatnonzero(truth >= 0)
    is_right[hits[np.unique(truth[hits], return_index=True)[1]]] = True  # the first of each interval
    last = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1)  # of equal confidences
    num_right = is_right.cumsum()[last]
    precision, recall = num_right / (last + 1), num_right / num_intervals
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((highest * np.diff(recall, prepend=0)).sum())


def _groups(keys: Sequence[object]) -> defaultdict[object, npt.NDArray[np.int64]]:
    """Return the places of each key, none for a key that is not there."""
    places: dict[object, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return defaultdict(lambda: np.empty(0, np.int64), {key: np.array(rows) for key, rows in places.items()})


def _check(detections: Sequence[Detection], intervals: Sequence[ActionInterval], num_classes: int) -> None:
    if not intervals:
        raise DataError("there is no true interval to score detections against")
    for each in (*intervals, *detections):
        if not 0 <= each.action < num_classes or each.end <= each.start:
            raise DataError(
                f"{each.recording}: class {each.action} from frame {each.start} to {each.end}; "
                f"expected a class from 0 to {num_classes - 1} and an end after the start"
            )
    for found in detections:
        if not np.isfinite(found.confidence):
            raise DataError(
                f"{found.recording}: a detection at frame {found.start} has the confidence "
                f"{found.confidence}, expected a finite number"
            )


def detections_csv(detections: Sequence[Detection]) -> str:
    """Return a CSV like a store's ``intervals.csv``, with the confidence, by recording and start."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(each.name for each in fields(Detection))
    table.writerows(map(astuple, sorted(detections)))
    return text.getvalue()
