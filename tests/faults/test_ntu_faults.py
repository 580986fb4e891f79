"""Every malformed NTU file is one error that names the file, the line and what was expected."""

from collections.abc import Callable

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.ntu import parse_name
from skelact.formats.ntu_file import parse_recording

Writer = Callable[..., bytes]


@pytest.fixture(scope="module")
def lines(ntu_text: Writer) -> list[bytes]:
    """One body, one body, two bodies. Line 1 frames, 2 bodies, 3 id, 4 joints, 5 to 29 the joints."""
    joints = np.random.default_rng(0).normal(size=(25, 3))
    return ntu_text([[(7, joints)], [(7, joints)], [(7, joints), (8, joints)]], end="\n").splitlines()


def message(lines: list[bytes], changes: dict[int, bytes]) -> str:
    """The error after lines, counted from 1, were replaced."""
    changed = [changes.get(number, line) for number, line in enumerate(lines, 1)]
    with pytest.raises(UnusableRecordingError) as caught:
        parse_recording("bad.skeleton", b"\n".join(changed) + b"\n")
    assert "\n" not in str(caught.value)
    return str(caught.value)


REMEDY = "; copy or export the file again"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({1: b""}, "line 1: found ''; expected the number of frames"),
        ({1: b"many"}, "line 1: found 'many'; expected the number of frames"),
        ({1: b"-3"}, "line 1: found '-3'; expected the number of frames"),
        ({1: b"0"}, "line 1: 0 frames; expected at least 1"),
        (
            {1: b"999999999999999999"},
            "line 1: 999999999999999999 frames announced, but only 111 lines follow",
        ),
        ({1: b"9" * 5000}, "line 1: found '" + "9" * 37 + "...'; expected the number of frames"),
        ({1: b"2"}, "line 58: more text after the last of 2 frames; expected the end"),
        ({1: b"4"}, "line 113: the file ends; expected the number of bodies of frame 4 of 4"),
        ({2: b"1.0"}, "line 2: found '1.0'; expected the number of bodies of frame 1 of 3"),
        (
            {2: b"100000000000"},
            "line 2: 100000000000 bodies announced in frame 1 of 3: "
            "2700000000000 lines must follow, but the file has 110 more",
        ),
        ({3: b"7 0 1 1"}, "line 3: 4 fields; expected 10: a body id and 9 more"),
        ({3: b"7.5 0 1 1 1 1 0 0.1 0.2 2"}, "line 3: found '7.5'; expected a body id, a whole number"),
        ({4: b"20"}, "line 4: found '20'; expected 25, the joint count"),
        ({5: b"1 2 3"}, "line 5: 3 fields; expected the 12 of a joint"),
        ({9: b"1 2 3 4 5 6 7 8 9 10 11 12 13"}, "line 9: 13 fields; expected the 12 of a joint"),
        ({9: b""}, "line 9: 0 fields; expected the 12 of a joint"),
        ({5: b"1 2 3", 6: b"1 " * 21}, "line 5: 3 fields; expected the 12 of a joint"),
        ({6: b"0.1 x 3 4 5 6 7 8 9 10 11 12"}, "line 6: y is 'x'; expected a finite number of metres"),
        ({6: b"0.1 0.2 nan 4 5 6 7 8 9 10 11 12"}, "line 6: z is 'nan'; expected a finite number of metres"),
        ({6: b"1e39 0.2 0 4 5 6 7 8 9 10 11 12"}, "line 6: x is '1e39'; expected a finite number of metres"),
        (
            {6: b"\xff\xfe 0.2 0 4 5 6 7 8 9 10 11 12"},
            "line 6: x is '\ufffd\ufffd'; expected a finite number of metres",
        ),
        ({7: b"\x00" * 40}, "line 7: a control character; expected numbers and spaces"),
    ],
)
def test_what_was_found_and_expected(lines: list[bytes], changes: dict[int, bytes], expected: str) -> None:
    assert message(lines, changes) == f"bad.skeleton: {expected}{REMEDY}"


def test_an_empty_file() -> None:
    with pytest.raises(UnusableRecordingError, match="line 1: the file ends; expected the number of frames"):
        parse_recording("bad.skeleton", b"")


def test_a_body_twice_in_a_frame(lines: list[bytes]) -> None:
    found = message(lines, {86: lines[2]})
    assert found == "bad.skeleton: line 86: body 7 stands twice in frame 3; expected each id once a frame"


@pytest.mark.parametrize("cut", range(0, 5000, 97))
def test_cut_anywhere(lines: list[bytes], cut: int) -> None:
    whole = b"\n".join(lines)
    assert cut < len(whole)
    with pytest.raises(UnusableRecordingError, match=r"^bad: line"):
        parse_recording("bad", whole[:cut])


def test_damage_is_never_anything_but_a_data_error(lines: list[bytes]) -> None:
    whole = np.frombuffer(b"\n".join(lines), np.uint8)
    random = np.random.default_rng(0)
    alphabet = np.frombuffer(b"0123456789 \n\r\t.-+eEx\x00\xff", np.uint8)
    survived = 0
    for _ in range(400):
        damaged = whole.copy()
        places = random.integers(len(whole), size=random.integers(1, 4))
        damaged[places] = random.choice(alphabet, len(places))
        try:
            recording = parse_recording("bad", damaged.tobytes())
        except DataError:
            continue
        survived += 1
        assert all(np.isfinite(track.positions).all() for track in recording.tracks)
    assert 0 < survived < 400


@pytest.mark.parametrize(
    "name",
    ["", "S1C1P1R1A1", "S001C001P001R001A001x", "S000C001P001R001A001", "S001C001P001R001A000", "skeleton"],
)
def test_names(name: str) -> None:
    with pytest.raises(UnusableRecordingError, match="expected a name in the form SsssCcccPpppRrrrAaaa"):
        parse_name(name)
