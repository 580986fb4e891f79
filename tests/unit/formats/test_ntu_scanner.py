import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skelact.formats import ntu_file, ntu_scanner
from skelact.formats.exclusions import UnusableRecordingError
from skelact.processor import NO_NUMBA

Writer = Callable[..., bytes]
HEADER = "1\n1\n7 0 1 1 1 1 0 0.1 0.2 2\n25\n"
JOINT = "0.1 0.2 0.3 255.5 212 958.6 539.9 0.1 0.9 0.02 0.3 2\n"


def one_body(words: list[str]) -> bytes:
    """A file of one frame whose first coordinates are ``words``."""
    values = (words + ["0"] * 75)[:75]
    rest = " 255.5 212 958.6 539.9 0.1 0.9 0.02 0.3 2\n"
    return (HEADER + "".join(" ".join(values[at : at + 3]) + rest for at in range(0, 75, 3))).encode()


def bits(numbers: np.ndarray) -> list[int]:
    """Equal bits tell 0 from -0."""
    return np.ascontiguousarray(numbers).reshape(-1).view(np.uint32).tolist()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_equals_the_line_reader(ntu_text: Writer, end: str) -> None:
    random = np.random.default_rng(0)
    ids = (72057594037931002, 72057594037931001, 3)
    data = ntu_text(
        [
            [(body, random.normal(scale=3, size=(25, 3))) for body in ids if random.random() < 0.6]
            for _ in range(30)
        ],
        end,
    )
    for variant in (data, data.rstrip(), data + b" \r\n\t\n", data.replace(b" ", b" \t ")):
        scanned = ntu_scanner.scan(variant)
        assert scanned is not None
        expected = ntu_file._read_lines("file", variant)
        assert scanned[0] == expected[0] == 30
        for ours, theirs in zip(scanned[1:], expected[1:], strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=40),
    st.integers(1, 15),
)
@example([0.00022413879923988134], 15)
def test_numbers_equal_float_to_the_last_bit(numbers: list[float], digits: int) -> None:
    words = [f"{number:.{digits}g}" for number in numbers if 1e-7 < abs(number) < 1e7 or number == 0]
    words += [f"{number:+.{digits - 1}E}" for number in numbers if 1e-7 < abs(number) < 1e7]
    # more digits, zeros in front included, go to the line reader
    words = [word for word in words if sum(map(str.isdigit, word.partition("e")[0])) <= 18]
    scanned = ntu_scanner.scan(one_body(words))
    assert scanned is not None
    expected = np.array([float(word) for word in words], np.float32)[:75]
    assert bits(scanned[3])[: len(expected)] == bits(expected)


@pytest.mark.parametrize(
    "word", ["0", "-0", "+0.25", "1.", ".5", "-.5", "12.5", "5e-05", "-9.3E-06", "9007199254740991", "1e22"]
)
def test_every_exact_spelling_is_read_at_once(word: str) -> None:
    scanned = ntu_scanner.scan(one_body([word]))
    assert scanned is not None
    assert bits(scanned[3])[:1] == bits(np.array([float(word)], np.float32))


@pytest.mark.parametrize(
    "word", ["0.1234567890123456789", "9007199254740993", "1e23", "1e-23", "4.9406564584124654e-324"]
)
def test_what_is_not_exact_goes_to_the_line_reader(word: str) -> None:
    data = one_body([word])
    assert ntu_scanner.scan(data) is None
    positions = ntu_file.parse_recording("file", data).tracks[0].positions
    assert bits(positions)[:1] == bits(np.array([float(word)], np.float32))


@pytest.mark.parametrize("word", ["nan", "inf", "1e39", "x", "1_0", "0x1", "1..0", "--1", "1e", "-", "."])
def test_what_is_no_finite_number_is_an_error(word: str) -> None:
    data = one_body([word])
    assert ntu_scanner.scan(data) is None
    with pytest.raises(UnusableRecordingError, match="line 5: x is"):
        ntu_file.parse_recording("file", data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"0\n",
        b"-1\n",
        b"2\n0\n",
        b"1\n0\nx",
        b"1\n0\n 3\n",
        b"1 1\n0\n",
        b"1\n0\n\x00",
        b"\x001\n0\n",
        b"9" * 30 + b"\n0\n",
        b"1\n99999999999999999\n",
        b"1\n" + b"1" * 100_000,
        (HEADER + JOINT * 24).encode(),
        (HEADER + JOINT * 26).encode(),
        (HEADER.replace("\n25", "\n025") + JOINT * 25).encode(),
        (HEADER.replace("7 0", "7.0 0") + JOINT * 25).encode(),
        (HEADER + JOINT * 24 + JOINT.replace("0.1 ", "")).encode(),
        (HEADER + JOINT * 24 + JOINT.replace("0.9", "0.9\x07")).encode(),
        (HEADER.replace("1\n1", "1\n2") + JOINT * 25 + HEADER[4:] + JOINT * 25).encode(),
    ],
)
def test_the_scanner_leaves_errors_to_the_line_reader(data: bytes) -> None:
    assert ntu_scanner.scan(data) is None
    with pytest.raises(UnusableRecordingError):
        ntu_file.parse_recording("file", data)


def test_a_byte_order_mark_goes_to_the_line_reader(ntu_text: Writer) -> None:
    data = ntu_text([[(5, np.ones((25, 3)))]])
    assert ntu_scanner.scan(b"\xef\xbb\xbf" + data) is None
    (marked,), (plain,) = (
        ntu_file.parse_recording("file", each).tracks for each in (b"\xef\xbb\xbf" + data, data)
    )
    assert np.array_equal(marked.positions, plain.positions)


def test_many_bodies_in_a_frame_are_read_all_the_same(ntu_text: Writer) -> None:
    data = ntu_text([[(body, np.full((25, 3), body)) for body in range(1, 41)]])
    assert ntu_scanner.scan(data) is None
    tracks = ntu_file.parse_recording("file", data).tracks
    assert [float(track.positions.mean()) for track in tracks] == list(range(1, 41))


def test_numba_is_loaded_with_the_first_file_and_only_if_wanted() -> None:
    code = (
        "import sys; from skelact.formats import ntu_file; before = 'numba' in sys.modules\n"
        "ntu_file.parse_recording('file', b'1\\n0\\n'); print(before, 'numba' in sys.modules)"
    )
    for value, expected in (("0", "False True"), ("1", "False False")):
        result = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, NO_NUMBA: value},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.strip() == expected


def test_without_numba_files_are_read_line_by_line(ntu_text: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_NUMBA, "1")
    monkeypatch.setattr(ntu_file, "_scanner", ntu_file._scanner.__wrapped__)
    assert ntu_file._scanner() is None
    recording = ntu_file.parse_recording("file", ntu_text([[], [(5, np.ones((25, 3)))]]))
    assert recording.num_frames == 2
    assert recording.tracks[0].frames.tolist() == [1]
    assert ntu_file.parse_recording("file", b"2\n0\n0\n").tracks == ()
