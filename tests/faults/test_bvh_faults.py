"""Every way in which a BVH file can be broken is told with its line."""

import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import ConfigurationError, DataError
from skelact.formats.bvh import read_sequence
from skelact.formats.exclusions import UnusableRecordingError
from skelact.store.prepare import prepare

GOOD = """HIERARCHY
ROOT Hips
{
OFFSET 0 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
JOINT Spine
{
OFFSET 0 10 0
CHANNELS 3 Zrotation Xrotation Yrotation
End Site
{
OFFSET 0 5 0
}
}
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 0 0 0 0 0 0 0 0
1 2 3 10 20 30 10 20 30
"""


def test_the_good_file_is_good() -> None:
    assert read_sequence("file", "one", GOOD.encode()).positions.shape == (1, 2, 2, 3)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("HIERARCHY\n", "", "line 1: found 'ROOT Hips'; expected HIERARCHY"),
        ("ROOT Hips", "JOINT Hips", "line 2: found 'JOINT Hips'; expected ROOT and a name"),
        ("ROOT Hips", "ROOT", "line 2: a ROOT without a name"),
        ("ROOT Hips\n{\n", "ROOT Hips\n", "line 3: found 'OFFSET 0 0 0' after 'ROOT Hips'; expected '{'"),
        ("OFFSET 0 10 0\n", "", "line 6: joint 'Spine' has no OFFSET"),
        ("OFFSET 0 10 0", "OFFSET 0 10", "line 8: found 'OFFSET 0 10'; expected OFFSET and three finite"),
        ("OFFSET 0 10 0", "OFFSET 0 nan 0", "line 8: found 'OFFSET 0 nan 0'"),
        ("OFFSET 0 10 0", "OFFSET 0 1 0\nOFFSET 0 1 0", "line 9: a second OFFSET of joint 'Spine'"),
        ("OFFSET 0 10 0", "OFFSET 0 1_0 0", "line 8: found 'OFFSET 0 1_0 0'"),
        ("OFFSET 0 5 0", "OFFSET a b c", "line 12: found 'OFFSET a b c'"),
        ("CHANNELS 3 Z", "CHANNELS 4 Z", "line 9: found 'CHANNELS 4 Zrotation Xrotation Yrotation'"),
        ("CHANNELS 3 Z", "CHANNELS 99999999999 Z", "line 9: found 'CHANNELS 99999999999"),
        ("CHANNELS 3 Z", "CHANNELS -3 Z", "line 9: found 'CHANNELS -3"),
        ("CHANNELS 3 Z", "CHANNELS 3 W", "line 9: a channel called 'Wrotation'; known are"),
        ("CHANNELS 6 X", "CHANNELS 6 Y", "line 5: Yposition twice"),
        ("JOINT Spine", "JOINT Hips", "line 6: a second joint called 'Hips'"),
        ("JOINT Spine", "ROOT Spine", "line 6: found 'ROOT Spine'; expected OFFSET, CHANNELS, JOINT"),
        ("JOINT Spine", "JOINT \xff{}", "line 7: found '{'; expected OFFSET"),
        ("}\n}\n}\nMOTION", "}\n}\nMOTION", "line 15: found MOTION; expected OFFSET, CHANNELS"),
        ("}\n}\n}\nMOTION", "}\n}\n}\n}\nMOTION", "line 16: found '}'; expected MOTION"),
        ("}\nMOTION", "}\nROOT Two\nMOTION", "line 16: found 'ROOT Two'; expected MOTION"),
        ("MOTION\n", "", "line 16: found 'Frames: 2'; expected MOTION"),
        ("Frames: 2", "Frames: 3", "line 17: 3 frames announced, but 2 lines with numbers follow"),
        ("Frames: 2", "Frames: 1", "line 17: 1 frames announced, but 2 lines"),
        ("Frames: 2", "Frames: 1e300", "line 17: 1e+300 frames announced"),
        ("Frames: 2", "Frames: 0", "line 17: found 'Frames: 0'; expected Frames: and a whole number above 0"),
        ("Frames: 2", "Frames: 2.5", "line 17: found 'Frames: 2.5'"),
        ("Frames: 2", "Frames 2", "line 17: found 'Frames 2'"),
        ("Frames: 2", "Frames: nan", "line 17: found 'Frames: nan'"),
        ("Frame Time: 0.0333333", "Frame Time: 0", "line 18: found 'Frame Time: 0'; expected Frame Time:"),
        ("Frame Time: 0.0333333", "Frame Time: inf", "line 18: found 'Frame Time: inf'"),
        ("Frame Time: 0.0333333\n", "", "line 18: found '0 0 0 0 0 0 0 0 0'; expected Frame Time"),
        ("0 0 0 0 0 0 0 0 0\n", "0 0 0 0 0 0 0 0\n", "line 19: 8 fields; expected 9, one a channel"),
        ("10 20 30\n", "10 20 x\n", "line 20: found 'x'; expected a finite number"),
        ("10 20 30\n", "10 20 inf\n", "line 20: found 'inf'; expected a finite number"),
        ("1 2 3 10", "1 2e300 3 10", "line 20: a joint is infinitely far away"),
        ("1 2 3 10", "1 2_0 3 10", "line 20: found '2_0'; expected a finite number"),
    ],
)
def test_the_line_is_named(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    data = GOOD.replace(old, new, 1) if not old.startswith("10 20 30") else GOOD[:-9] + new
    with pytest.raises(UnusableRecordingError, match=re.escape(f"a.bvh: {expected}")) as caught:
        read_sequence("a.bvh", "a", data.encode("latin-1"))
    assert "\n" not in str(caught.value)


def test_no_channel_at_all() -> None:
    data = "HIERARCHY\nROOT a {\nOFFSET 0 0 0\n}\nMOTION\nFrames: 1\nFrame Time: 1\n"
    with pytest.raises(UnusableRecordingError, match="line 5: no joint has a channel"):
        read_sequence("a.bvh", "a", data.encode())


@pytest.mark.parametrize("length", range(0, len(GOOD) - 2, 7))
def test_a_file_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(UnusableRecordingError, match=r"a\.bvh: line \d+: "):
        read_sequence("a.bvh", "a", GOOD[:length].encode())


def test_too_many_joints() -> None:
    joints = "".join(f"JOINT j{number}\n{{\nOFFSET 0 0 0\n}}\n" for number in range(1000))
    data = GOOD.replace("JOINT Spine\n", joints + "JOINT Spine\n")
    with pytest.raises(UnusableRecordingError, match=r"4002: joints: more, .* is 1,000; --limit joints="):
        read_sequence("a.bvh", "a", data.encode())


def test_huge_counts_allocate_nothing() -> None:
    data = GOOD.replace("Frames: 2", "Frames: 99999999999999").encode()
    tracemalloc.start()
    with pytest.raises(UnusableRecordingError):
        read_sequence("a.bvh", "a", data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_is_a_length(scale: float) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"scale={scale}")):
        read_sequence("a.bvh", "a", GOOD.encode(), scale=scale)


def test_joints_left_out_leave_one_tree() -> None:
    data = GOOD.replace("End Site\n", "JOINT One\n{\nOFFSET 0 0 0\n}\nEnd Site\n")
    data = data.replace("JOINT Spine", "JOINT Other\n{\nOFFSET 0 0 0\n}\nJOINT Spine")
    with pytest.raises(UnusableRecordingError, match="without Hips the joints do not form one tree"):
        read_sequence("a.bvh", "a", data.encode(), left_out=frozenset({"Hips"}))


@settings(max_examples=300, deadline=None)
@given(
    place=st.integers(0, len(GOOD) - 1),
    length=st.integers(0, 12),
    text=st.binary(max_size=12)
    | st.sampled_from([b"{", b"}", b"JOINT x {", b"End Site {", b"-1e999", b"0x1"]),
)
def test_any_change_gives_a_sequence_or_a_typed_error(place: int, length: int, text: bytes) -> None:
    data = GOOD.encode()
    data = data[:place] + text + data[place + length :]
    message = ""
    try:
        read_sequence("a.bvh", "a", data)
    except DataError as error:
        message = str(error)
    assert "\n" not in message


def test_a_folder_goes_on_without_its_bad_files(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "good.bvh").write_text(GOOD)
    (raw / "bad.bvh").write_text(GOOD[:100])
    (raw / "other.bvh").write_text(GOOD.replace("Spine", "Tail"))
    outcome = prepare("bvh", raw, tmp_path / "store", num_workers=1, settings={"scale": 1.0})
    assert outcome.store.names == ["good"]
    assert outcome.store.fps == 30
    assert outcome.store.labels.tolist() == [-1]
    assert {entry.file for entry in outcome.exclusions} == {"bad.bvh", "other.bvh"}


@pytest.mark.parametrize("scale", [0, -0.5, "x"])
def test_a_bad_scale_stops_the_preparation(tmp_path: Path, scale: object) -> None:
    (tmp_path / "good.bvh").write_text(GOOD)
    with pytest.raises(ConfigurationError, match=f"--scale is {scale}"):
        prepare("bvh", tmp_path, tmp_path / "store", settings={"scale": scale})
