"""The sensor: cameras, noise, hidden joints, tracks with gaps, and bodies that are none."""

from collections.abc import Sequence

import numpy as np
import pytest

from skelact.formats.ntu import NtuName
from skelact.formats.ntu_file import parse_recording
from skelact.skeleton.tables import NTU_25
from skelact.synthetic import ACTION_NAMES, SyntheticRecording, recording_name, simulate
from skelact.synthetic.data_set import format_recording
from skelact.synthetic.recording import Camera, place_camera
from skelact.synthetic.sensor import INFERRED, TRACKED, hidden_joints, observe


def joint(name: str) -> int:
    return NTU_25.index(name)


@pytest.fixture(scope="module")
def recordings() -> list[SyntheticRecording]:
    actions = list(ACTION_NAMES)
    return [simulate(recording_name(index, actions), 2) for index in range(240)]


def test_a_camera_looks_at_the_scene_with_y_up_and_z_forward() -> None:
    points = np.array([[0.0, 0.95, 0.0], [0.5, 0.95, 0.0], [0.0, 1.95, 0.0], [0.0, 0.95, 1.0]])
    middle, right, above, behind = Camera(turn=0.0, height=1.75, distance=3.0).view(points)
    np.testing.assert_allclose(middle, [0.0, 0.0, np.hypot(3.0, 0.8)], atol=1e-12)
    np.testing.assert_allclose(right - middle, [0.5, 0.0, 0.0], atol=1e-12)
    assert above[1] > 0.9
    assert behind[2] > middle[2]


def test_a_view_keeps_distances() -> None:
    points = np.random.default_rng(0).normal(size=(6, 3))
    seen = Camera(turn=0.7, height=1.2, distance=3.0).view(points)
    np.testing.assert_allclose(
        np.linalg.norm(seen[1:] - seen[:-1], axis=1), np.linalg.norm(points[1:] - points[:-1], axis=1)
    )


def test_cameras_of_a_setup_differ_in_turn_and_setups_in_distance() -> None:
    turns = [place_camera(0, 3, camera).turn for camera in (1, 2, 3)]
    np.testing.assert_allclose(turns, [0.0, -np.pi / 4, np.pi / 4], atol=0.25)
    distances = [place_camera(0, setup, 1).distance for setup in range(1, 18)]
    heights = [place_camera(0, setup, 1).height for setup in range(1, 18)]
    assert np.ptp(distances) > 0.4
    assert np.ptp(heights) > 0.5


@pytest.mark.parametrize(("replication", "front", "side"), [(1, 2, 3), (2, 3, 2)])
def test_people_face_one_side_camera(replication: int, front: int, side: int) -> None:
    def width(camera: int) -> float:
        name = NtuName(1, camera, 4, replication, 38)
        body = simulate(name, 0).positions[0, 0]
        return float(body[joint("ShoulderRight"), 0] - body[joint("ShoulderLeft"), 0])

    assert width(front) > 0.2  # the right shoulder is on the side of +x
    assert abs(width(side)) < 0.15


def test_people_are_two_to_five_metres_away(recordings: list[SyntheticRecording]) -> None:
    depths = np.concatenate([recording.positions[..., 2].ravel() for recording in recordings])
    assert depths.min() > 1.0
    assert depths.max() < 5.2
    assert 2.5 < np.median(depths) < 4.0


def test_noise_is_of_a_centimetre_and_larger_at_the_ends(recordings: list[SyntheticRecording]) -> None:
    errors = [
        np.abs(track.positions - recording.positions[track.person, track.frames])
        for recording in recordings
        for track in recording.tracks
        if track.person is not None
    ]
    typical = np.median(np.concatenate(errors), axis=(0, 2))
    assert 0.002 < typical[joint("SpineMid")] < 0.010
    assert typical[joint("HandTipLeft")] > 2 * typical[joint("SpineMid")]
    assert typical.max() < 0.03


def test_noise_has_a_slow_part() -> None:
    still = np.tile(simulate(NtuName(1, 2, 4, 1, 38), 0).positions[0, :1], (400, 1, 1))
    reported, _ = observe(still, np.random.default_rng(0))
    error = (reported - still)[:, joint("SpineMid")]
    together = np.mean([np.corrcoef(error[:-1, axis], error[1:, axis])[0, 1] for axis in range(3)])
    assert 0.15 < together < 0.8


def test_joints_behind_the_trunk_are_hidden_and_guessed() -> None:
    name = NtuName(1, 2, 4, 1, 46)  # a hand on the back, seen from the front
    body = simulate(name, 0).positions[0]
    hidden = hidden_joints(body)
    hands = hidden[:, [joint("HandLeft"), joint("HandRight")]].any(1)
    assert hands.mean() > 0.2
    assert not hidden[:, joint("Head")].any()
    _, states = observe(body, np.random.default_rng(0))
    assert set(np.unique(states)) == {INFERRED, TRACKED}
    assert (states[hidden] == INFERRED).mean() > 0.7


def test_presence_tells_which_frames_the_tracks_hold(recordings: list[SyntheticRecording]) -> None:
    for recording in recordings:
        for person, present in enumerate(recording.present):
            own = [track.frames for track in recording.tracks if track.person == person]
            np.testing.assert_array_equal(np.sort(np.concatenate(own)), np.flatnonzero(present))
        ids = [track.body_id for track in recording.tracks]
        assert len(set(ids)) == len(ids)
        assert all(len(str(body_id)) == 17 for body_id in ids)


def share(recordings: Sequence[SyntheticRecording], happens: Sequence[bool]) -> float:
    assert len(recordings) == len(happens)
    return sum(happens) / len(recordings)


def test_the_tracker_fails_now_and_then(recordings: list[SyntheticRecording]) -> None:
    gaps = [not recording.present[0].all() for recording in recordings]
    nobody = [not recording.present.any(0).all() for recording in recordings]
    new_ids = [sum(track.person == 0 for track in recording.tracks) > 1 for recording in recordings]
    strangers = [any(track.person is None for track in recording.tracks) for recording in recordings]
    late = [len(recording.present) > 1 and not recording.present[1, 0] for recording in recordings]
    for happens, low, high in (
        (gaps, 0.05, 0.30),
        (nobody, 0.03, 0.25),
        (new_ids, 0.01, 0.15),
        (strangers, 0.08, 0.35),
        (late, 0.02, 0.15),
    ):
        assert low < share(recordings, happens) < high


def test_bodies_that_are_none_are_short_or_wide(recordings: list[SyntheticRecording]) -> None:
    kinds = set()
    for recording in recordings:
        for track in recording.tracks:
            if track.person is None:
                width, height = np.ptp(track.positions, axis=1)[:, :2].T
                wide = (width > 0.8 * height).mean() >= 0.69754
                assert wide or len(track.frames) <= 11
                kinds.add("wide" if wide and len(track.frames) > 11 else "short")
    assert kinds == {"wide", "short"}


def test_frames_without_a_body_are_written(recordings: list[SyntheticRecording]) -> None:
    empty = next(recording for recording in recordings if not recording.present.any(0).all())
    read = parse_recording("x", format_recording(empty).encode())
    seen = np.zeros(read.num_frames, dtype=bool)
    for track in read.tracks:
        seen[track.frames] = True
    assert read.num_frames == empty.num_frames
    assert seen[empty.present.any(0)].all()
