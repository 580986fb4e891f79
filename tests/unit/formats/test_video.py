"""What was seen in pictures becomes a recording at one rate, and pose-JSON."""

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.formats.pose_json import read_pose_json, write_pose_json
from skelact.formats.video import Seen, is_video, recording_of


def seen_at(times, unseen=()):
    """Return somebody who moves by 1 m a second along x; joint 5 is never seen."""
    found = []
    for number, time in enumerate(times):
        positions = np.full((33, 3), time, np.float32)
        positions[5] = np.nan
        if number in unseen:
            positions[:] = np.nan
        found.append(Seen(time, positions, np.full(33, 0.8, np.float32)))
    return found


def test_pictures_at_one_rate_are_frames_as_they_are():
    times = np.round(np.arange(200) / 29.97, 3)  # files tell thousandths
    sequence, _, is_changing = recording_of("clip", seen_at(times, unseen=[3, 4]))
    assert not is_changing
    assert sequence.num_frames == 200
    assert sequence.fps == pytest.approx(29.97, abs=0.01)
    assert np.flatnonzero(~sequence.present[0]).tolist() == [3, 4]
    assert not sequence.joint_present[0, :, 5].any()
    assert sequence.joint_present[0, 0].sum() == 32


def test_pictures_at_changing_times_lie_between_their_neighbours_by_time():
    times = [0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0]
    sequence, confidence, is_changing = recording_of("clip", seen_at(times))
    assert is_changing
    assert sequence.fps == pytest.approx(10)
    assert sequence.positions[0, :, 0, 0] == pytest.approx(np.arange(11) / 10, abs=1e-6)
    assert confidence.shape == (11, 33)


def test_between_a_picture_with_and_one_without_somebody_the_nearer_counts():
    times = [0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0]
    sequence, *_ = recording_of("clip", seen_at(times, unseen=[4]))
    assert sequence.present[0].tolist() == [True] * 5 + [False] * 2 + [True] * 4


def test_nobody_is_an_error():
    with pytest.raises(DataError, match="nobody was found in 3 pictures"):
        recording_of("clip", seen_at([0, 1, 2], unseen=[0, 1, 2]))


def test_what_is_written_is_read_back(tmp_path):
    sequence, confidence, _ = recording_of("clip", seen_at(np.arange(4) / 25, unseen=[2]))
    write_pose_json(tmp_path / "clip.json", sequence, confidence[None], overwrite=False)
    read = read_pose_json("clip.json", "clip", (tmp_path / "clip.json").read_bytes())
    assert (read.unit, read.has_confidence, read.sequence.fps) == ("m", True, 25)
    np.testing.assert_array_equal(read.sequence.present, sequence.present)
    np.testing.assert_array_equal(read.sequence.joint_present, sequence.joint_present)
    np.testing.assert_allclose(read.sequence.positions, sequence.positions, atol=1e-4)
    with pytest.raises(DataError, match="exists already"):
        write_pose_json(tmp_path / "clip.json", sequence, confidence[None], overwrite=False)


def test_videos_are_told_by_their_endings(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    assert is_video("a.MP4")
    assert is_video("films/b.mov")
    assert not is_video("a.json")
    assert not is_video("-")
    assert not is_video(tmp_path / "folder.mp4")
