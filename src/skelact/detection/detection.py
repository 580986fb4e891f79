"""Action detection in untrimmed recordings: a linear layer says what each frame shows, runs become segments.

The layer (:mod:`.detection_layer`) works on frozen features of frames (:mod:`.detection_windows`) and knows
the actions and the background, that is frames of no action. Segments (:mod:`.detection_segments`) are scored
as :mod:`.detection_metrics` says. The test side decides nothing.

What happens when in untrimmed recordings: the truth of detection, as intervals and frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from skelact.clips.sampling import IntArray
from skelact.clips.source import ClipSource
from skelact.detection.layer import UNUSED, draw_frames, fit_layer
from skelact.detection.metrics import Detection, DetectionMetrics, score_detections
from skelact.detection.segments import Segments, find_segments
from skelact.detection.settings import DetectionConfig
from skelact.detection.windows import frame_features
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.features import in_batches
from skelact.evaluation.linear_layer import LinearLayer
from skelact.formats.intervals import FILE_NAME, ActionInterval, read_intervals
from skelact.models.backbone import Backbone, frozen
from skelact.store.protocols import Split
from skelact.store.store import Store
from skelact.training.randomness import generator_for

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class DetectionTruth:
    """The labelled actions of the recordings of one side of a protocol."""

    recordings: Indices
    """(R,) the recordings, as sequences of the store."""
    intervals: tuple[tuple[ActionInterval, ...], ...]
    """The actions of each of the R recordings, by start."""
    num_outside: int
    """Actions left out, since they begin behind the end of their recording."""

    @property
    def all_intervals(self) -> list[ActionInterval]:
        """The actions of all recordings."""
        return [interval for intervals in self.intervals for interval in intervals]


def read_truth(store: Store, recordings: Indices) -> DetectionTruth:
    """Return the actions of ``recordings``.

    Args:
        store: an untrimmed store.
        recordings: (R,) sequences of it.

    Raises:
        DataError: the store holds trimmed actions, its intervals cannot be read or name what it does not
            have, or a recording has no action.
    """
    if not (store.path / FILE_NAME).is_file():
        data_set = store.data_set if store.data_set.startswith("pku") else "pku1"
        raise DataError(
            f"{store.path}: no {FILE_NAME}, so its sequences are not whole recordings with their actions; "
            f"'skelact data prepare {data_set} RAW STORE --untrimmed' makes such a store"
        )
    lengths = dict(zip(store.names, store.array("num_frames").tolist(), strict=True))
    by_name: dict[str, list[ActionInterval]] = {name: [] for name in store.names}
    for interval in sorted(read_intervals(store.path), key=lambda one: (one.start, one.end, one.action)):
        if interval.recording not in by_name or not 0 <= interval.action < len(store.class_names):
            raise DataError(
                f"{store.path / FILE_NAME}: an action {interval.action} of {interval.recording!r}, but the "
                f"store has no such recording, or no such class (0 to {len(store.class_names) - 1}); "
                "prepare the data again"
            )
        if not 0 <= interval.start < interval.end:
            raise DataError(
                f"{store.path / FILE_NAME}: {interval.recording} has an action from frame {interval.start} "
                f"to {interval.end}; expected an end after the start; prepare the data again"
            )
        by_name[interval.recording].append(interval)
    names = [store.names[index] for index in recordings.tolist()]
    inside = [tuple(one for one in by_name[name] if one.start < lengths[name]) for name in names]
    without = [name for name, intervals in zip(names, inside, strict=True) if not intervals]
    if without:
        raise DataError(
            f"{store.path}: {len(without)} recordings have no action in {FILE_NAME}, the first is "
            f"{without[0]}; "
            "prepare the data again with their label files"
        )
    num_all = sum(len(by_name[name]) for name in names)
    return DetectionTruth(recordings, tuple(inside), num_all - sum(map(len, inside)))


def frame_labels(intervals: Iterable[ActionInterval], num_frames: int, background: int) -> Indices:
    """Return the (T,) label of every frame of a recording.

    A frame of several actions has the label of the one that starts last; of those that start together, of the
    shortest.

    Args:
        intervals: the recording's actions.
        num_frames: frames T of the recording.
        background: label of frames of no action.
    """
    labels = np.full(num_frames, background, np.int64)
    for interval in sorted(intervals, key=lambda one: (one.start, -one.end)):
        labels[interval.start : interval.end] = interval.action
    return labels


@dataclass(frozen=True)
class DetectionResult:
    """The scores on the test side, and how the layer came about."""

    metrics: DetectionMetrics
    """The scores."""
    l2: float
    """The strength of the layer's regularisation that was chosen."""
    held_out_log_likelihood: dict[float, float]
    """Mean log-probability of the right class in frames held out, by strength; empty with one strength."""
    converged: bool
    """Whether the layer's gradient came below the tolerance."""
    num_frames: int
    """Frames that the layer learned from."""
    never_learned: tuple[int, ...]
    """Classes of the test side that no frame drawn from the training side shows: they are never found."""
    num_outside: int
    """Intervals of the test side left out, since they begin behind the end of their recording."""

    def remarks(self, class_names: Sequence[str]) -> list[str]:
        """Return what a reader of the numbers must know, a line each; ``class_names`` by label."""
        lines = []
        if not self.converged:
            lines.append("not converged; try a larger --layer.max_iterations")
        if self.never_learned:
            names = ", ".join(class_names[action] for action in self.never_learned[:3])
            more = ", ..." if len(self.never_learned) > 3 else ""
            lines.append(
                f"{len(self.never_learned)} classes of the test side were not among the frames learned from, "
                f"their AP is 0: {names}{more}"
            )
        if self.num_outside:
            lines.append(
                f"{self.num_outside} intervals begin behind the end of their recording and do not count"
            )
        return lines

    def to_dict(self) -> dict[str, object]:
        """Return the numbers ready for JSON."""
        return {
            **self.metrics.to_dict(),
            "l2": self.l2,
            "held_out_log_likelihood": {str(l2): mean for l2, mean in self.held_out_log_likelihood.items()},
            "converged": self.converged,
            "num_frames": self.num_frames,
            "never_learned": list(self.never_learned),
            "num_outside": self.num_outside,
        }


def evaluate_detection(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    config: DetectionConfig,
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> DetectionResult:
    """Fit the layer on frames of the training recordings; find and score the actions of the test recordings.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from: an untrimmed store.
        split: training and test recordings.
        config: windows, layer, segments, seed.
        fabric: the processes that share the recordings; default: this one does all. Each fits the same layer.
        title: what the progress line on a terminal calls it; none without a title.

    Raises:
        ConfigurationError: windows are not to be centred, and the stream does not know the origin.
        DataError: a store of trimmed actions, a recording without actions, a feature that is not finite, or
            frames too few or too much alike to learn from.
    """
    if not config.windows.centred and source.settings.stream != "joint":
        raise ConfigurationError(
            f"--windows.centred false has no effect on the stream {source.settings.stream}, which does not "
            "know the origin; leave it out"
        )
    train, test = read_truth(source.store, split.train), read_truth(source.store, split.test)
    background = len(source.store.class_names)
    frames, labels = _frames_to_learn(source, train, background, config)

    def training_rows(part: slice) -> Tensor:
        recordings = zip(split.train[part].tolist(), frames[part], strict=True)
        return torch.stack([_rows(encoder, source, *each, config) for each in recordings])

    with frozen(encoder, source.device):
        features = in_batches(
            training_rows, len(split.train), 1, fabric=fabric, title=title and f"{title}, training"
        )
    layer, likelihood = fit_layer(features, labels, background + 1, config.layer, config.seed)

    def test_rows(part: slice) -> Tensor:
        found = [_segments(encoder, source, index, layer, config) for index in split.test[part].tolist()]
        return torch.stack([_to_table(segments, config.segments.max_segments) for segments in found])

    with frozen(encoder, source.device):
        tables = in_batches(test_rows, len(split.test), 1, fabric=fabric, title=title and f"{title}, test")
    detections = [
        Detection(source.store.names[index], int(action), int(start), int(end), confidence)
        for index, table in zip(split.test.tolist(), tables, strict=True)
        for action, start, end, confidence in table[table[:, 0] >= 0].tolist()
    ]
    tested = {interval.action for interval in test.all_intervals}
    return DetectionResult(
        metrics=score_detections(detections, test.all_intervals, background),
        l2=layer.l2,
        held_out_log_likelihood=likelihood,
        converged=layer.converged,
        num_frames=int((labels != UNUSED).sum()),
        never_learned=tuple(sorted(tested - set(labels.flatten().tolist()))),
        num_outside=test.num_outside,
    )


def _frames_to_learn(
    source: ClipSource, truth: DetectionTruth, background: int, config: DetectionConfig
) -> tuple[list[IntArray], Tensor]:
    """Return the frames drawn of each recording, and (R, frames_per_recording) their labels, then UNUSED.

    Frames are counted among those of the recording in which a body is present.
    """
    num_frames = source.store.array("num_frames")
    drawn, labels = [], torch.full((len(truth.recordings), config.layer.frames_per_recording), UNUSED)
    for row, (recording, intervals) in enumerate(
        zip(truth.recordings.tolist(), truth.intervals, strict=True)
    ):
        all_labels = frame_labels(intervals, int(num_frames[recording]), background)
        with_body = all_labels[source.frame_numbers(recording)]
        generator = generator_for(config.seed, "frames", recording)
        frames = draw_frames(with_body, background, config.layer, generator)
        drawn.append(frames)
        labels[row, : len(frames)] = torch.from_numpy(with_body[frames])
    return drawn, labels


def _rows(
    encoder: Backbone, source: ClipSource, recording: int, frames: IntArray, config: DetectionConfig
) -> Tensor:
    """Return the (frames_per_recording, D) features of the frames drawn; zeros behind them."""
    features = frame_features(encoder, source, recording, config.windows)
    rows = features.new_zeros(config.layer.frames_per_recording, features.shape[1])
    rows[: len(frames)] = features[torch.from_numpy(frames)]
    return rows


def _segments(
    encoder: Backbone, source: ClipSource, recording: int, layer: LinearLayer, config: DetectionConfig
) -> Segments:
    """Return the segments of a recording; in frames without a body nobody acts."""
    features = frame_features(encoder, source, recording, config.windows)
    if not features.isfinite().all():
        raise DataError(
            f"{source.store.names[recording]}: a feature is not finite; did the pre-training diverge?"
        )
    probabilities = layer(features).softmax(1)[:, :-1]  # the background is the last
    scores = np.zeros((int(source.store.array("num_frames")[recording]), probabilities.shape[1]), np.float32)
    scores[source.frame_numbers(recording)] = probabilities.numpy()
    return find_segments(scores, config.segments)


def _to_table(segments: Segments, num_rows: int) -> Tensor:
    """Return (num_rows, 4) action, start, end and confidence; -1 in the rows that are left over."""
    table = np.full((num_rows, 4), -1.0)
    table[: len(segments.action)] = np.stack(segments, 1)
    return torch.from_numpy(table)
