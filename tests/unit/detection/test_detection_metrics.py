"""Mean average precision against a slow scorer written out by hand, and in cases with a known answer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelact.detection.metrics import OVERLAPS, Detection, score_detections
from skelact.errors import DataError
from skelact.formats.intervals import ActionInterval

RECORDINGS = ("a", "b")
NUM_CLASSES = 3


def slow_ap(detections: list[Detection], truths: list[ActionInterval], theta: float) -> float:
    """Count frames, cut the ranking at every confidence, take the best precision at no less recall."""
    cuts = []
    for least in sorted({each.confidence for each in detections}):
        kept = [each for each in detections if each.confidence >= least]
        found = set()
        for each in kept:
            shares = []
            for place, truth in enumerate(truths):
                if (truth.recording, truth.action) == (each.recording, each.action):
                    frames, true = set(range(each.start, each.end)), set(range(truth.start, truth.end))
                    span = max(each.end, truth.end) - min(each.start, truth.start)
                    shares.append((len(frames & true) / span, place))
            if shares and max(shares)[0] >= theta:
                found.add(max(shares)[1])
        cuts.append((len(found) / len(truths), len(found) / len(kept)))
    area, before = 0.0, 0.0
    for recall in sorted({recall for recall, _ in cuts}):
        area += (recall - before) * max(precision for other, precision in cuts if other >= recall)
        before = recall
    return area


def intervals(kind: type) -> st.SearchStrategy:
    """Intervals of few recordings, classes and frames, so that many meet; confidences often equal."""
    places = {
        "recording": st.sampled_from(RECORDINGS),
        "action": st.integers(0, NUM_CLASSES - 1),
        "start": st.integers(0, 8),
        "length": st.integers(1, 6),
    }
    confidence = {"confidence": st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0])} if kind is Detection else {}
    return st.fixed_dictionaries({**places, **confidence}).map(
        lambda drawn: kind(
            drawn["recording"],
            drawn["action"],
            drawn["start"],
            drawn["start"] + drawn["length"],
            *([drawn["confidence"]] if confidence else []),
        )
    )


@given(
    st.lists(intervals(Detection), max_size=12), st.lists(intervals(ActionInterval), min_size=1, max_size=8)
)
def test_equals_the_slow_scorer(detections: list[Detection], truths: list[ActionInterval]) -> None:
    metrics = score_detections(detections, truths, NUM_CLASSES)
    for row, theta in enumerate(OVERLAPS):
        by_class = {
            action: slow_ap(
                [each for each in detections if each.action == action],
                [each for each in truths if each.action == action],
                theta,
            )
            for action in {truth.action for truth in truths}
        }
        by_recording = [
            slow_ap(
                [each for each in detections if each.recording == name],
                [each for each in truths if each.recording == name],
                theta,
            )
            for name in {truth.recording for truth in truths}
        ]
        assert metrics.map_a[row] == pytest.approx(sum(by_class.values()) / len(by_class))
        assert metrics.map_v[row] == pytest.approx(sum(by_recording) / len(by_recording))
        for action in range(NUM_CLASSES):
            expected = by_class.get(action, math.nan)
            assert metrics.per_class[row, action] == pytest.approx(expected, nan_ok=True)


@given(
    st.lists(intervals(Detection), max_size=8),
    st.lists(intervals(ActionInterval), min_size=1, max_size=5),
    st.randoms(),
)
def test_the_order_of_detections_does_not_matter(detections, truths, random) -> None:
    shuffled = random.sample(detections, len(detections))
    first, second = (score_detections(each, truths, NUM_CLASSES) for each in (detections, shuffled))
    np.testing.assert_array_equal(first.per_class, second.per_class)
    np.testing.assert_array_equal(first.map_v, second.map_v)


TRUTH = [ActionInterval("a", 0, 0, 100), ActionInterval("a", 1, 150, 250), ActionInterval("b", 0, 0, 60)]
PERFECT = [Detection(each.recording, each.action, each.start, each.end, 0.5) for each in TRUTH]


def test_perfect_and_nothing() -> None:
    perfect, nothing = score_detections(PERFECT, TRUTH, 2), score_detections([], TRUTH, 2)
    assert perfect.map_a.tolist() == perfect.map_v.tolist() == [1.0] * 9
    assert nothing.map_a.tolist() == nothing.map_v.tolist() == [0.0] * 9
    assert perfect.num_intervals == 3
    assert perfect.num_recordings == 2


def test_half_the_frames_are_enough_at_half_overlap_and_not_beyond() -> None:
    metrics = score_detections([Detection("a", 1, 150, 200, 1.0)], TRUTH, 2)
    assert metrics.per_class[:, 1].tolist() == [1.0] * 5 + [0.0] * 4
    assert metrics.at(0.5) == (0.5, 0.25)  # one of two actions; in the first recording one of two
    assert metrics.at(0.6) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (0.9, 2 / 4),  # before the right ones: 1 of 2 right, then 2 of 4
        (0.5, 2 / 4),  # with them: 2 of 4 at once
        (0.1, 1.0),  # behind them they do no harm
    ],
)
def test_doubles_are_wrong(confidence: float, expected: float) -> None:
    doubles = [Detection("a", 0, 0, 90 + number, confidence) for number in range(2)]
    assert score_detections([*PERFECT, *doubles], TRUTH, 2).per_class[4, 0] == expected


def test_a_detection_in_the_wrong_recording_or_of_the_wrong_class_is_wrong() -> None:
    moved = [Detection("b", 1, 150, 250, 0.9), Detection("a", 1, 0, 100, 0.8)]
    metrics = score_detections([*PERFECT, *moved], TRUTH, 2)
    assert metrics.at(0.5)[0] == pytest.approx((1 + 1 / 3) / 2)
    assert metrics.at(0.5)[1] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_actions_that_do_not_occur_have_no_ap() -> None:
    metrics = score_detections([*PERFECT, Detection("a", 2, 0, 50, 0.9)], TRUTH, 4)
    assert metrics.map_a[4] == 1.0  # not of this mean
    assert metrics.map_v[4] == pytest.approx((2 / 3 + 1) / 2)  # but wrong in its recording
    assert np.isnan(metrics.per_class[:, 2:]).all()
    table = metrics.to_dict()
    assert table["per_class"]["0.5"] == [1.0, 1.0, None, None]
    assert list(table["map_a"]) == [f"0.{tenth}" for tenth in range(1, 10)]
    assert table["num_detections"] == 4


@pytest.mark.parametrize(
    ("detections", "truths", "message"),
    [
        ([], [], "no true interval"),
        ([Detection("a", 2, 0, 5, 1.0)], TRUTH, "a: class 2 .* expected a class from 0 to 1"),
        ([Detection("a", 1, 5, 5, 1.0)], TRUTH, "an end after the start"),
        ([Detection("a", 1, 0, 5, math.nan)], TRUTH, "confidence nan, expected a finite"),
    ],
)
def test_what_cannot_be_scored_is_named(detections, truths, message: str) -> None:
    with pytest.raises(DataError, match=message):
        score_detections(detections, truths, 2)
