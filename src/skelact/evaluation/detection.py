"""Action detection in untrimmed recordings: a linear layer says what each frame shows, runs become segments.

The layer (:mod:`.detection_layer`) works on frozen features of frames (:mod:`.detection_windows`) and knows
the actions and the background, that is frames of no action. Segments (:mod:`.detection_segments`) are scored
as :mod:`.detection_metrics` says. The test side decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from skelact.batches.dataset import ClipSource
from skelact.batches.sampling import Whole
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.detection_layer import UNUSED, LayerConfig, draw_frames, fit_layer
from skelact.evaluation.detection_metrics import Detection, DetectionMetrics, score_detections
from skelact.evaluation.detection_segments import SegmentConfig, Segments, find_segments
from skelact.evaluation.detection_truth import DetectionTruth, frame_labels, read_truth
from skelact.evaluation.detection_windows import WindowConfig, frame_features
from skelact.evaluation.features import in_batches
from skelact.evaluation.logistic import LogisticRegression
from skelact.models.backbone import Backbone
from skelact.preparation.protocols import Split
from skelact.training.randomness import generator_for


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
        encoder: in evaluation mode, on the source's device; it is not changed.
        source: where the clips come from: an untrimmed store.
        split: training and test recordings.
        config: windows, layer, segments, seed.
        fabric: the processes that share the recordings; default: this one does all. Each fits the same layer.
        title: what the progress line on a terminal calls it; none without a title.

    Raises:
        DataError: a store of trimmed actions, a recording without actions, a feature that is not finite, or
            frames too few or too much alike to learn from.
    """
    train, test = read_truth(source.store, split.train), read_truth(source.store, split.test)
    background = len(source.store.class_names)
    frames, labels = _frames_to_learn(source, train, background, config)

    def training_rows(part: slice) -> Tensor:
        recordings = zip(split.train[part].tolist(), frames[part], strict=True)
        return torch.stack([_rows(encoder, source, *each, config) for each in recordings])

    features = in_batches(
        training_rows, len(split.train), 1, fabric=fabric, title=title and f"{title}, training"
    )
    layer, likelihood = fit_layer(features, labels, background + 1, config.layer, config.seed)

    def test_rows(part: slice) -> Tensor:
        found = [_segments(encoder, source, index, layer, config) for index in split.test[part].tolist()]
        return torch.stack([_to_table(segments, config.segments.max_segments) for segments in found])

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
) -> tuple[list[Whole], Tensor]:
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
    encoder: Backbone, source: ClipSource, recording: int, frames: Whole, config: DetectionConfig
) -> Tensor:
    """Return the (frames_per_recording, D) features of the frames drawn; zeros behind them."""
    features = frame_features(encoder, source, recording, config.windows)
    rows = features.new_zeros(config.layer.frames_per_recording, features.shape[1])
    rows[: len(frames)] = features[torch.from_numpy(frames)]
    return rows


def _segments(
    encoder: Backbone, source: ClipSource, recording: int, layer: LogisticRegression, config: DetectionConfig
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
