"""Actions in untrimmed recordings, found with the features of a frozen encoder: detection."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Unpack

from skelact.api.evaluations.frozen import Evaluation, FrozenOptions
from skelact.api.evaluations.result import Result
from skelact.api.model import Run
from skelact.configuration import (
    Fields,
    Option,
    Table,
    checked_arguments,
    instantiate,
    refuse_without_effect,
)
from skelact.detection.settings import DetectionConfig, LayerConfig, SegmentConfig, WindowConfig
from skelact.store.protocols import split
from skelact.store.store import Data, as_store


@checked_arguments
def detection(
    run: Annotated[Run, Option(str)],
    data: Data,
    protocol: str,
    *,
    windows: Annotated[Table | None, Fields(WindowConfig)] = None,
    layer: Annotated[Table | None, Fields(LayerConfig)] = None,
    segments: Annotated[Table | None, Fields(SegmentConfig)] = None,
    **options: Unpack[FrozenOptions],
) -> Result:
    """Detect actions in untrimmed recordings: a linear layer on features of every frame, then segments.

    The store is one of 'skelact data prepare pku1 RAW STORE --untrimmed'. The result has the mAP over actions
    (mAP_a) and over videos (mAP_v) at overlaps 0.1 to 0.9; the detections stand in a CSV beside it.

    Args:
        run: run folder, package, or name of a shipped model
        data: store of untrimmed recordings
        protocol: protocol, e.g. xsub
        windows: how windows slide over a recording
        layer: the layer that says what a frame shows
        segments: how scores of frames become segments

    Raises:
        ConfigurationError, DataError: as of :func:`linear`; or a store without intervals.
    """
    from skelact.detection.detection import evaluate_detection
    from skelact.detection.metrics import detections_csv

    settings = DetectionConfig(
        instantiate(WindowConfig, windows or {}, "windows"),
        instantiate(LayerConfig, layer or {}, "layer"),
        instantiate(SegmentConfig, segments or {}, "segments"),
        options.get("seed", 0),
    )
    refuse_without_effect(settings, {"layer": layer or {}}, {})
    store = as_store(data)
    subject = Evaluation.frozen(run, store, protocol, options, split(store, protocol))
    found = evaluate_detection(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        settings,
        fabric=subject.fabric,
        title="features",
    )
    lines = [
        f"logistic regression on {found.num_frames:,} frames, l2 {found.l2:g}, seed {settings.seed}",
        *(f"  {remark}" for remark in found.remarks(subject.store.class_names)),
        found.metrics.table(),
    ]
    beside = {".csv": detections_csv(found.metrics.detections)}
    return subject.write("detection", asdict(settings), found.to_dict(), lines, scored={}, beside=beside)
