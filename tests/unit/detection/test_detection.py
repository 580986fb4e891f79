"""Detection from end to end on synthetic recordings, with an encoder that has learned nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import skelact
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.detection.detection import evaluate_detection, frame_labels, read_truth
from skelact.detection.settings import DetectionConfig, LayerConfig, WindowConfig
from skelact.errors import ConfigurationError
from skelact.formats.intervals import ActionInterval
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.store.protocols import Split, split
from skelact.store.store import Store

CONFIG = DetectionConfig(WindowConfig(64, 64), LayerConfig(frames_per_recording=64, l2=(1e-3,)))


@pytest.fixture(scope="module")
def encoder() -> SkeletonEncoder:
    torch.manual_seed(0)
    return SkeletonEncoder(EncoderConfig(num_frames=16, width=32, depth=1, num_heads=2)).eval()


@pytest.fixture(scope="module")
def source(untrimmed_store: Store) -> ClipSource:
    return ClipSource(untrimmed_store, ClipSettings(num_frames=16))


def test_labels_of_frames() -> None:
    intervals = [ActionInterval("a", 1, 2, 6), ActionInterval("a", 0, 4, 5), ActionInterval("a", 3, 8, 99)]
    assert frame_labels(intervals, 10, 7).tolist() == [7, 7, 1, 1, 0, 1, 7, 7, 3, 3]
    together = [ActionInterval("a", 0, 2, 4), ActionInterval("a", 1, 2, 6)]
    assert frame_labels(together, 7, 9).tolist() == [9, 9, 0, 0, 1, 1, 9]


def test_the_truth_of_one_side(untrimmed_store: Store) -> None:
    truth = read_truth(untrimmed_store, np.array([11, 2]))
    assert [each[0].recording for each in truth.intervals] == ["0011-M", "0002-M"]
    assert len(truth.all_intervals) == 12
    assert truth.num_outside == 0


@pytest.mark.slow
def test_the_same_seed_finds_the_same_and_the_numbers_fit(
    source: ClipSource, encoder: SkeletonEncoder
) -> None:
    sides = split(source.store, "xsub")
    first, second = (evaluate_detection(encoder, source, sides, CONFIG) for _ in range(2))
    assert first.metrics.detections == second.metrics.detections
    assert first.num_frames <= 64 * len(sides.train)
    assert first.metrics.num_intervals == 30
    assert first.metrics.num_recordings == 5
    tested = {source.store.names[index] for index in sides.test}
    lengths = dict(zip(source.store.names, source.store.array("num_frames").tolist(), strict=True))
    for found in first.metrics.detections:
        assert found.recording in tested
        assert 0 <= found.start < found.end <= lengths[found.recording]
    other = evaluate_detection(encoder, source, sides, replace(CONFIG, seed=1))
    assert other.metrics.detections != first.metrics.detections


@pytest.mark.slow
def test_the_test_side_decides_nothing(source: ClipSource, encoder: SkeletonEncoder) -> None:
    sides = split(source.store, "xsub")
    both = evaluate_detection(encoder, source, sides, CONFIG).metrics.detections
    one = evaluate_detection(encoder, source, Split(sides.train, sides.test[1:2]), CONFIG)
    name = source.store.names[sides.test[1]]
    assert list(one.metrics.detections) == [found for found in both if found.recording == name]


def test_classes_that_were_never_shown_are_named(source: ClipSource, encoder: SkeletonEncoder) -> None:
    store, sides = source.store, split(source.store, "xsub")
    truth = read_truth(store, sides.train)
    actions = [{each.action for each in intervals} for intervals in truth.intervals]
    few = int(np.argmin([len(each) for each in actions]))
    result = evaluate_detection(encoder, source, Split(sides.train[few : few + 1], sides.test), CONFIG)
    tested = {each.action for each in read_truth(store, sides.test).all_intervals}
    assert set(result.never_learned) == tested - actions[few]
    assert {found.action for found in result.metrics.detections} <= actions[few]


def test_settings_that_do_nothing_are_refused(untrimmed_store: Store, encoder: SkeletonEncoder) -> None:
    layer = {"l2": [0.01], "held_out": 0.3}
    with pytest.raises(ConfigurationError, match=r"--layer\.held_out has no effect"):
        skelact.evaluate("detection", "no run", untrimmed_store, "xsub", layer=layer)
    bones = ClipSource(untrimmed_store, ClipSettings(num_frames=16, stream="bone"))
    config = replace(CONFIG, windows=WindowConfig(centred=False))
    with pytest.raises(ConfigurationError, match=r"--windows\.centred false .* stream bone"):
        evaluate_detection(encoder, bones, split(untrimmed_store, "xsub"), config)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="seed is -1"):
        DetectionConfig(seed=-1)
