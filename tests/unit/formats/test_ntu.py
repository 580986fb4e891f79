from collections.abc import Callable

import numpy as np
import pytest

from skelact.formats.ntu import NtuName, parse_name
from skelact.formats.ntu_file import parse_recording

FIRST, SECOND = 72057594037931001, 72057594037931002  # equal as float64
Writer = Callable[..., bytes]


def plain_parse(data: bytes) -> dict[int, tuple[list[int], np.ndarray]]:
    """The same, word by word."""
    words = iter(data.decode().split())
    frames: dict[int, list[int]] = {}
    joints: dict[int, list] = {}
    for frame in range(int(next(words))):
        for _ in range(int(next(words))):
            header = [next(words) for _ in range(10)]
            body_id = int(header[0])
            rows = [[float(next(words)) for _ in range(12)][:3] for _ in range(int(next(words)))]
            frames.setdefault(body_id, []).append(frame)
            joints.setdefault(body_id, []).append(rows)
    return {body_id: (frames[body_id], np.array(joints[body_id], np.float32)) for body_id in frames}


def random_frames(num_frames: int, seed: int = 0) -> list[list[tuple[int, np.ndarray]]]:
    random = np.random.default_rng(seed)
    ids = (SECOND, FIRST, 3)
    return [
        [(body_id, random.normal(scale=3, size=(25, 3))) for body_id in ids if random.random() < 0.6]
        for _ in range(num_frames)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_equals_the_plain_parser(ntu_text: Writer, end: str) -> None:
    data = ntu_text(random_frames(30), end)
    expected = plain_parse(data)
    recording = parse_recording("file", data)
    assert recording.num_frames == 30
    assert [track.body_id for track in recording.tracks] == list(expected)  # order of first appearance
    for track in recording.tracks:
        frames, positions = expected[track.body_id]
        assert track.frames.tolist() == frames
        assert track.positions.dtype == np.float32
        np.testing.assert_array_equal(track.positions, positions)


def test_ids_that_differ_in_the_last_digit_stay_apart(ntu_text: Writer) -> None:
    assert float(FIRST) == float(SECOND)
    joints = np.ones((25, 3))
    recording = parse_recording("file", ntu_text([[(FIRST, joints), (SECOND, 2 * joints)]]))
    assert [track.body_id for track in recording.tracks] == [FIRST, SECOND]
    assert [track.positions.mean() for track in recording.tracks] == [1, 2]


def test_frames_without_bodies_count(ntu_text: Writer) -> None:
    joints = np.ones((25, 3))
    recording = parse_recording("file", ntu_text([[], [(5, joints)], [], [(5, joints)], []]))
    assert recording.num_frames == 5
    assert recording.tracks[0].frames.tolist() == [1, 3]


def test_no_body_at_all_is_no_error_here() -> None:
    assert parse_recording("file", b"2\n0\n0\n").tracks == ()


def test_the_last_line_may_lack_its_end_and_blank_lines_may_follow(ntu_text: Writer) -> None:
    data = ntu_text(random_frames(3))
    for variant in (data.rstrip(), data + b"\r\n\r\n"):
        assert parse_recording("file", variant).num_frames == 3


def test_name() -> None:
    assert parse_name("S001C002P003R002A060") == NtuName(1, 2, 3, 2, 60)
