"""Detect actions in untrimmed recordings: a linear layer on frozen features of every frame, then segments.

The store is one of 'skelact data prepare pku1 RAW STORE --untrimmed'. Prints mAP over actions (mAP_a) and
over videos (mAP_v) at overlaps 0.1 to 0.9; the detections stand in a CSV beside the result.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from jsonargparse import ArgumentParser, Namespace

from skelact.cli import evaluation
from skelact.detection.detection import DetectionResult, evaluate_detection
from skelact.detection.metrics import write_detections
from skelact.detection.settings import DetectionConfig, LayerConfig, SegmentConfig, WindowConfig


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's options."""
    evaluation.add_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="decides the frames drawn and held out")
    parser.add_class_arguments(WindowConfig, "windows")
    parser.add_class_arguments(LayerConfig, "layer")
    parser.add_class_arguments(SegmentConfig, "segments")
    evaluation.add_device_arguments(parser)


def run(options: Namespace) -> None:
    """Evaluate, write the result file and the detections, print the mean average precisions."""
    config = DetectionConfig(options.windows, options.layer, options.segments, options.seed)
    subject = evaluation.Subject.from_options(options, config.seed, evaluation.fabric_of(options))
    started = time.perf_counter()
    found = evaluate_detection(
        subject.pretrained.encoder,
        subject.source,
        subject.split,
        config,
        fabric=subject.fabric,
        title="features",
    )
    if not subject.speaks:
        return
    seconds = time.perf_counter() - started
    path = subject.report("detection", asdict(config), found.to_dict(), {}, seconds)
    write_detections(path.with_suffix(".csv"), found.metrics.detections)
    print(subject.describe())
    print(f"logistic regression on {found.num_frames:,} frames, l2 {found.l2:g}, seed {config.seed}")
    for remark in remarks(found, subject.store.class_names):
        print(f"  {remark}")
    print(table(found))
    print(f"  {path}")


def table(found: DetectionResult) -> str:
    """Return the scores at each overlap as aligned lines."""
    metrics = found.metrics
    rows = [f"  {'overlap':<9}{'mAP_a':>7}  {'mAP_v':>7}"]
    for overlap in metrics.overlaps:
        map_a, map_v = metrics.at(overlap)
        rows.append(f"  {overlap:<9.1f}{100 * map_a:5.1f} %  {100 * map_v:5.1f} %")
    return "\n".join(rows)


def remarks(found: DetectionResult, class_names: list[str]) -> list[str]:
    """Return what a reader of the numbers must know."""
    lines = []
    if not found.converged:
        lines.append("not converged; try a larger --layer.max_iterations")
    if found.never_learned:
        names = ", ".join(class_names[action] for action in found.never_learned[:3])
        more = ", ..." if len(found.never_learned) > 3 else ""
        lines.append(
            f"{len(found.never_learned)} classes of the test side were not among the frames learned from, "
            f"their AP is 0: {names}{more}"
        )
    if found.num_outside:
        lines.append(
            f"{found.num_outside} intervals begin behind the end of their recording and do not count"
        )
    return lines
