import numpy as np
import pytest

from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.pku_mmd_files import (
    Interval,
    parse_labels,
    parse_positions,
    parse_split,
    phase_of,
    split_of,
)


def text_of(frames: np.ndarray, end: str = "\n") -> bytes:
    return end.join(" ".join(f"{value:.5f}" for value in frame) for frame in frames).encode()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_positions_are_two_bodies_of_25_joints(end: str) -> None:
    frames = np.arange(3 * 150).reshape(3, 150) / 100
    positions = parse_positions("f", text_of(frames, end) + end.encode())
    assert positions.shape == (2, 3, 25, 3)
    assert positions.dtype == np.float32
    np.testing.assert_array_equal(positions[1, 2, 0], np.float32([3.75, 3.76, 3.77]))
    np.testing.assert_array_equal(positions[0, 0, 24], np.float32([0.72, 0.73, 0.74]))


@pytest.mark.parametrize(
    "data",
    [b"6,20,95,2\n40,110,200,1\n", b"6, 20, 95, 2\r\n40 ,110 ,200 ,1", b"\n6,20,95,2\n\n40,110,200,0.5\n\n"],
)
def test_labels_in_any_spelling(data: bytes) -> None:
    assert [(one.action, one.start, one.end) for one in parse_labels("f", data)] == [
        (6, 20, 95),
        (40, 110, 200),
    ]


def test_a_single_label_line() -> None:
    assert parse_labels("f", b"51,0,9,2") == (Interval(1, 51, 0, 9),)


@pytest.mark.parametrize(
    "data",
    [
        b"Training videos: \n0001-L, 0002-R\n\nValidataion videos: \n0003-M\n",
        b"Training videos:\r\n0001-L,0002-R,\r\n\r\nValidataion videos:\r\n0003-M\r\n",
        b"\n  0001-L ,0002-R",
    ],
)
def test_splits_in_any_spelling(data: bytes) -> None:
    assert parse_split("f", data) == ("0001-L", "0002-R")


def test_names() -> None:
    assert (phase_of("0001-L"), phase_of("A01N26-R")) == (1, 2)
    assert split_of("cross_subject") == split_of("cross-subject") == (1, "xsub")
    assert split_of("cross_view_v2") == split_of("cross-view-v2") == (2, "xview")
    assert split_of("0001-L") is None
    for name in ("001-L", "0001-X", "0001L", "A1N01-L", "0001-L.bak"):
        with pytest.raises(UnusableRecordingError, match="expected a name as 0001-L"):
            phase_of(name)


FRAME = text_of(np.ones((1, 150)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "f: line 1: the file is empty"),
        (FRAME + b"\n" + FRAME[:-8], "f: line 2: 149 fields; expected 150"),
        (FRAME + b" 1.0", "f: line 1: 151 fields"),
        (FRAME + b"\n\n" + FRAME, "f: line 2: 0 fields"),
        (FRAME[:-7] + b"nan    ", "f: line 1: field 150 is 'nan'; expected a finite number"),
        (FRAME[:-7] + b"1e999  ", "field 150 is '1e999'"),
        (FRAME[:-1] + b"\0", "f: line 1: a control character"),
    ],
)
def test_broken_skeleton_files(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableRecordingError, match=expected):
        parse_positions("f", data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "f: line 1: no label"),
        (b"\n\n", "no label"),
        (b"6,20,95,2\n6;20;95;2", "f: line 2: found '6;20;95;2'; expected action,start,end,confidence"),
        (b"6,20,95", "expected action,start,end,confidence"),
        (b"6,-20,95,2", "expected action,start,end,confidence"),
        (b"6,20,1" + b"0" * 30 + b",2", "expected action,start,end,confidence"),
        ("6,2²,95,2".encode("latin-1"), "expected action,start,end,confidence"),
        (b"0,20,95,2", "action 0; expected 1 to 51"),
        (b"52,20,95,2", "action 52; expected 1 to 51"),
        (b"6,95,95,2", "frames 95 to 95; expected an end after the start"),
    ],
)
def test_broken_label_files(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableRecordingError, match=expected):
        parse_labels("f", data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "no names"),
        (b"0001-L", "no names"),
        (b"a\n\n0001-L", "no names"),
        (b"a\n , ,", "no names"),
        (b"a\n0001-L 0002-R", "found '0001-L 0002-R'"),
        (b"a\nx,0001-L", "found 'x'"),
    ],
)
def test_broken_split_files(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableRecordingError, match=f"f: line 2: {expected}; expected"):
        parse_split("f", data)
