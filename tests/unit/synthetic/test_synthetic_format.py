"""The written text: the grammar of NTU RGB+D, the number formats, and what a reader gets back."""

import re
from pathlib import Path

import numpy as np
import pytest

from skelact.formats.ntu_file import parse_recording
from skelact.synthetic import ACTION_NAMES, SyntheticRecording, recording_name, simulate
from skelact.synthetic.data_set import format_recording, orientations, project

REAL = rb"-?\d+(\.\d+)?(e-\d+)?"
BODY = re.compile(rb"\d{17} 0 1 1 1 1 0 " + REAL + rb" " + REAL + rb" 2")
JOINT = re.compile(rb"(" + REAL + rb" ){11}[012]")


def check_grammar(data: bytes) -> None:
    """Walk through a file line by line."""
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n")
    lines = iter(data.split(b"\r\n")[:-1])
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines))):
            assert BODY.fullmatch(next(lines))
            assert next(lines) == b"25"
            for _ in range(25):
                line = next(lines)
                assert JOINT.fullmatch(line), line
    assert next(lines, None) is None


@pytest.fixture(scope="module")
def recordings() -> list[SyntheticRecording]:
    actions = list(ACTION_NAMES)
    return [simulate(recording_name(index, actions), 5) for index in range(2 * len(actions))]


def test_the_published_files_have_this_grammar(golden_dir: Path) -> None:
    check_grammar((golden_dir / "ntu_synthetic" / "raw" / "S004C003P021R001A005.skeleton").read_bytes())


def test_the_grammar(recordings: list[SyntheticRecording]) -> None:
    for recording in recordings[::9]:
        check_grammar(format_recording(recording).encode())


def test_a_reader_gets_the_tracks_back(recordings: list[SyntheticRecording]) -> None:
    for recording in recordings:
        read = parse_recording("x", format_recording(recording).encode())
        assert read.num_frames == recording.num_frames
        written = {track.body_id: track for track in recording.tracks}
        assert {track.body_id for track in read.tracks} == set(written)
        for track in read.tracks:
            np.testing.assert_array_equal(track.frames, written[track.body_id].frames)
            np.testing.assert_allclose(
                track.positions, written[track.body_id].positions, rtol=1e-6, atol=1e-9
            )


def test_pixels_of_a_point_on_the_axis_and_beside_it() -> None:
    image = (256.0, 212.0, 365.0)
    np.testing.assert_allclose(project(np.array([0.0, 0.0, 3.0]), image), [256.0, 212.0])
    np.testing.assert_allclose(project(np.array([0.3, 0.6, 3.0]), image), [256.0 + 36.5, 212.0 - 73.0])


def test_published_pixels_follow_the_same_camera(golden_dir: Path) -> None:
    folder = golden_dir / "ntu_synthetic" / "raw"
    lines = (folder / "S001C001P001R001A001.skeleton").read_text().splitlines()
    rows = np.array([line.split() for line in lines if line.count(" ") == 11], dtype=np.float64)
    depth, colour = project(rows[:, :3], (256.0, 212.0, 365.0)), project(rows[:, :3], (960.0, 540.0, 1060.0))
    np.testing.assert_allclose(depth, rows[:, 3:5], atol=0.006)
    np.testing.assert_allclose(colour, rows[:, 5:7], atol=0.006)


def test_orientations_turn_the_y_axis_to_the_bone(recordings: list[SyntheticRecording]) -> None:
    joints = recordings[0].positions[0, 0]
    w, x, y, z = orientations(joints)[9]  # right elbow, whose bone starts at the right shoulder
    turned = np.array([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)])
    bone = joints[9] - joints[8]
    np.testing.assert_allclose(turned, bone / np.linalg.norm(bone), atol=1e-12)
    lengths = np.linalg.norm(orientations(joints), axis=-1)
    assert set(np.flatnonzero(lengths == 0)) == {3, 15, 19, 21, 22, 23, 24}  # the ends have none
    np.testing.assert_allclose(lengths[lengths > 0], 1.0)
