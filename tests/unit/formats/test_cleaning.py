import numpy as np
import pytest

from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.ntu_cleaning import (
    Candidate,
    assign_actors,
    clean,
    drop_absent_frames,
    drop_empty_frames,
    drop_short,
    drop_wide,
    measure_motion,
    merge,
    noisy_frames,
)
from skelact.formats.ntu_file import NtuRecording, Track


def track(body_id: int, frames: range | list[int], scale: float = 0.1, wide: int = 0) -> Track:
    """A body 1.7 m tall; in the first ``wide`` frames it lies on its side."""
    random = np.random.default_rng(body_id)
    positions = random.normal(scale=scale, size=(len(frames), 25, 3)).astype(np.float32)
    positions[:, :, 1] += np.linspace(0, 1.7, 25, dtype=np.float32)
    positions[:wide] = positions[:wide][..., [1, 0, 2]]
    return Track(body_id, np.array(frames), positions)


def test_rule_1_renumbers_each_track_on_its_own() -> None:
    recording = NtuRecording(10, (track(1, [2, 3, 8]), track(2, [3, 5])))
    tracks, num_frames = drop_empty_frames(recording)
    assert num_frames == 4  # 2, 3, 5, 8
    assert [member.frames.tolist() for member in tracks] == [[0, 1, 3], [1, 2]]


def test_rule_2_is_the_variance_over_joints_and_frames_together() -> None:
    positions = track(1, range(20)).positions
    by_hand = sum(
        np.mean((positions[..., axis].astype(float) - positions[..., axis].mean(dtype=float)) ** 2)
        for axis in range(3)
    )
    assert measure_motion(positions) == pytest.approx(by_hand, rel=1e-9)
    still = np.repeat(positions[:1], 30, 0)
    assert measure_motion(still) > 0.2  # the known weakness: extent counts as motion
    assert measure_motion(positions[:0]) == 0


def test_rule_3_keeps_tracks_from_12_frames() -> None:
    tracks = [track(length, range(length)) for length in (10, 11, 12)]
    assert [member.body_id for member in drop_short(tracks)] == [12]


def test_rule_4_noise_is_wider_than_four_fifths_of_the_height() -> None:
    positions = np.zeros((3, 25, 3), np.float32)
    positions[:, 0, 1] = 1
    positions[:, 0, 0] = [0.79, 0.8, 0.81]
    assert noisy_frames(positions).tolist() == [False, False, True]


def test_rule_4_drops_the_noisier_of_two_wide_tracks() -> None:
    def kept(*widths: int) -> list[int]:
        tracks = [track(number, range(40), wide=wide) for number, wide in enumerate(widths)]
        return [candidate.track.body_id for candidate in drop_wide(tracks)]

    assert kept(0, 28) == [0]  # 0.70
    assert kept(0, 27) == [0, 1]  # 0.675
    assert kept(30, 40) == [0]
    assert kept(40, 30) == [1]
    assert kept(40, 40) == [1]  # a tie: the first in the file goes
    assert kept(40, 40, 0) == [2]
    assert kept(28, 40, 30) == [0]


def test_rule_4_measures_motion_over_clean_frames_if_that_is_less() -> None:
    partly = track(1, range(40), wide=20)
    first, second = drop_wide([partly, track(2, range(40))])
    assert first.motion == min(measure_motion(partly.positions), measure_motion(partly.positions[20:]))
    assert first.motion < measure_motion(partly.positions)
    assert second.motion == measure_motion(second.track.positions)


def intervals(*bounds: tuple[int, int]) -> list[list[int]]:
    """Assign tracks with these first and last frames, in the order of their motion."""
    candidates = [
        Candidate(track(number, range(first, last + 1)), -number)
        for number, (first, last) in enumerate(bounds)
    ]
    return [[member.body_id for member in slot] for slot in assign_actors(candidates)]


def test_rule_5_gives_overlapping_tracks_to_different_actors() -> None:
    assert intervals((0, 20), (21, 39)) == [[0, 1]]
    assert intervals((0, 20), (20, 39)) == [[0], [1]]  # one common frame is an overlap
    assert intervals((0, 39), (0, 39), (0, 39)) == [[0], [1]]  # the third is dropped
    assert intervals((0, 49), (30, 49), (0, 17)) == [[0], [1, 2]]  # actor 2 starts with nothing
    assert intervals((0, 10), (30, 39), (15, 20)) == [[0, 1], [2]]  # the hull covers the gap


def test_rule_5_sorts_by_motion_and_keeps_the_files_order_on_a_tie() -> None:
    candidates = [
        Candidate(track(number, range(12)), motion) for number, motion in enumerate((1.0, 2.0, 2.0))
    ]
    assert [[member.body_id for member in slot] for slot in assign_actors(candidates)] == [[1], [2]]


def test_merge_puts_every_joint_at_its_frame() -> None:
    first, second = track(1, [0, 1, 5]), track(2, [3])
    positions = merge([[first, second]], 7)
    np.testing.assert_array_equal(positions[0, [0, 1, 5]], first.positions)
    np.testing.assert_array_equal(positions[0, 3], second.positions[0])
    assert positions.any((2, 3)).tolist() == [[True, True, False, True, False, True, False]]


def test_rule_6_drops_frames_in_which_all_are_absent() -> None:
    positions = np.ones((2, 5, 25, 3), np.float32)
    positions[0, [1, 2]] = 0
    positions[1, [2, 4]] = 0
    assert drop_absent_frames(positions).shape == (2, 4, 25, 3)


def test_a_lone_body_keeps_short_tracks_and_zero_frames() -> None:
    lone = track(1, range(3, 8))
    lone.positions[2] = 0
    assert clean(NtuRecording(10, (lone,)), "file").any((0, 2, 3)).tolist() == [True, True, False, True, True]


def test_nothing_left_says_why() -> None:
    with pytest.raises(UnusableRecordingError, match=r"^file: no body in any of 4 frames"):
        clean(NtuRecording(4, ()), "file")
    short = NtuRecording(20, (track(1, range(10)), track(2, range(5))))
    with pytest.raises(
        UnusableRecordingError, match="the longest of 2 tracks has 10 frames; expected over 11"
    ):
        clean(short, "file")
