"""A layer on frames finds actions, even with an encoder that has learned nothing."""

from dataclasses import replace

import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.detection.detection import evaluate_detection, read_truth
from skelact.detection.metrics import score_detections
from skelact.detection.settings import DetectionConfig
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.store.protocols import split
from skelact.store.store import Store


@pytest.mark.slow
def test_actions_are_found_far_above_chance(untrimmed_store: Store) -> None:
    torch.manual_seed(0)
    encoder = SkeletonEncoder(EncoderConfig(num_frames=32, width=64, depth=1, num_heads=4)).eval()
    source = ClipSource(untrimmed_store, ClipSettings(num_frames=32))
    sides = split(untrimmed_store, "xsub")
    metrics = evaluate_detection(encoder, source, sides, DetectionConfig()).metrics
    found_a, found_v = metrics.at(0.5)
    intervals = read_truth(untrimmed_store, sides.test).all_intervals
    by_chance = []
    for turn in (1, 2, 3):  # the right times, other actions
        moved = [replace(each, action=(each.action + turn) % 4) for each in intervals]
        by_chance.append(score_detections(metrics.detections, moved, 51).at(0.5))
    assert found_a > 0.4
    assert found_v > 0.4
    assert found_a > 4 * max(map_a for map_a, _ in by_chance)
    assert found_v > 4 * max(map_v for _, map_v in by_chance)
