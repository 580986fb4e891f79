import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelact.detection.segments import Segments, find_runs, find_segments, smooth, suppress
from skelact.detection.settings import SegmentConfig
from skelact.errors import ConfigurationError

PLAIN = SegmentConfig(smoothing=1, thresholds=(0.5,), max_gap=0, min_frames=1, margin=0.0, nms_overlap=1.0)


def scores_of(*runs: tuple[int, int, int, float], num_frames: int = 100, num_classes: int = 3) -> np.ndarray:
    """(T, K) scores: zero but for runs of (class, start, end, score)."""
    scores = np.zeros((num_frames, num_classes), np.float32)
    for action, start, end, score in runs:
        scores[start:end, action] = score
    return scores


def as_rows(segments: Segments) -> list[tuple[int, int, int]]:
    return list(zip(segments.action.tolist(), segments.start.tolist(), segments.end.tolist(), strict=True))


def test_runs_above_the_threshold_by_falling_confidence() -> None:
    found = find_segments(scores_of((2, 0, 10, 0.6), (0, 40, 60, 0.75), (1, 90, 100, 0.5)), PLAIN)
    assert as_rows(found) == [(0, 40, 60), (2, 0, 10)]  # 0.5 is not above 0.5
    np.testing.assert_allclose(found.confidence, [0.75, 0.6], rtol=1e-6)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 4))
def test_joined_runs_equal_filled_gaps(frames: list[bool], max_gap: int) -> None:
    expected: list[list[int]] = []
    for frame, is_above in enumerate(frames):
        if is_above and expected and frame - expected[-1][1] <= max_gap:
            expected[-1][1] = frame + 1
        elif is_above:
            expected.append([frame, frame + 1])
    action, start, end = find_runs(np.array([frames, frames]).T, max_gap)
    rows = [list(row) for row in zip(start.tolist(), end.tolist(), strict=True)]
    assert rows == expected * 2  # the end of a class does not join the start of the next
    assert action.tolist() == [0] * len(expected) + [1] * len(expected)


def test_short_segments_are_dropped_after_joining() -> None:
    scores = scores_of((0, 10, 14, 1.0), (0, 16, 20, 1.0), (1, 50, 54, 1.0))
    settings = {"smoothing": 1, "thresholds": (0.5,), "margin": 0.0, "min_frames": 10}
    assert as_rows(find_segments(scores, SegmentConfig(**settings, max_gap=2))) == [(0, 10, 20)]
    assert as_rows(find_segments(scores, SegmentConfig(**settings, max_gap=1))) == []


def test_smoothing_is_the_mean_over_the_frames_that_are_there() -> None:
    scores = np.random.default_rng(0).random((9, 2))
    expected = [scores[max(0, frame - 2) : frame + 3].mean(0) for frame in range(9)]
    np.testing.assert_allclose(smooth(scores, 5), expected)
    np.testing.assert_allclose(smooth(scores, 99), np.broadcast_to(scores.mean(0), (9, 2)))


def test_the_confidence_is_the_mean_inside_less_that_beside() -> None:
    scores = scores_of((0, 40, 60, 0.9), (0, 35, 40, 0.3), (0, 60, 65, 0.1), (1, 0, 100, 0.8))
    found = find_segments(scores, SegmentConfig(smoothing=1, thresholds=(0.5,), margin=0.25))
    assert as_rows(found) == [(1, 0, 100), (0, 40, 60)]
    np.testing.assert_allclose(found.confidence, [0.8, 0.9 - 0.2], rtol=1e-6)  # nothing is beside the whole


def test_of_segments_that_overlap_the_more_confident_stays() -> None:
    scores = scores_of((0, 20, 80, 0.3), (0, 30, 70, 0.95))  # 40 of 60 frames in common
    inner, outer = (0, 30, 70), (0, 20, 80)

    def found(margin: float, nms_overlap: float) -> list[tuple[int, int, int]]:
        config = SegmentConfig(smoothing=1, thresholds=(0.2, 0.9), margin=margin, nms_overlap=nms_overlap)
        return as_rows(find_segments(scores, config))

    assert found(0.0, 0.6) == [inner]  # 0.95 against 0.73
    assert found(0.25, 0.6) == [outer]  # 0.95 - 0.3 against 0.73 - 0
    assert found(0.0, 0.7) == [inner, outer]


def test_suppression_looks_at_what_stays_and_at_one_class() -> None:
    start, confidence = np.array([0, 4, 8, 0]), np.array([0.9, 0.8, 0.7, 0.6])
    segments = Segments(np.array([0, 0, 0, 1]), start, start + 10, confidence)
    # the second goes for the first; the third overlaps only the second, which is gone, by enough
    assert suppress(segments, 0.3).tolist() == [0, 2, 3]


def test_thresholds_that_agree_give_one_segment_and_the_most_confident_are_kept() -> None:
    scores = scores_of(*[(0, 30 * number, 30 * number + 20, 0.7 + 0.1 * number) for number in range(3)])
    few = SegmentConfig(smoothing=1, thresholds=(0.1, 0.2), max_gap=9, nms_overlap=1.0, max_segments=2)
    assert as_rows(find_segments(scores, few)) == [(0, 60, 80), (0, 30, 50)]


def test_nothing_above_any_threshold() -> None:
    assert as_rows(find_segments(scores_of(), SegmentConfig())) == []
    assert as_rows(find_segments(scores_of(num_frames=1), SegmentConfig())) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("smoothing", 4),
        ("smoothing", 0),
        ("thresholds", ()),
        ("thresholds", (0.5, 1.0)),
        ("thresholds", (0.0,)),
        ("thresholds", (float("nan"),)),
        ("max_gap", -1),
        ("min_frames", 0),
        ("margin", -0.1),
        ("margin", float("nan")),
        ("nms_overlap", 1.1),
        ("max_segments", 0),
    ],
)
def test_settings_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"segments\.{field} is "):
        SegmentConfig(**{field: value})
