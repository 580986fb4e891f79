from pathlib import Path

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.formats.exclusions import REPEATED, UnusableRecordingError
from skelact.formats.kinect_text import OTHER_POSITIONS, LabelledAction, parse_actions, parse_frames
from skelact.formats.notes import Note
from skelact.store.prepare import prepare
from skelact.store.verify import find_problems


def text(numbers: list[int], positions: np.ndarray) -> bytes:
    return "".join(
        " ".join([str(number), *(f"{value:.6f}" for value in frame.ravel())]) + " \r\n"
        for number, frame in zip(numbers, positions, strict=True)
    ).encode()


def poses(num_frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal((0, 0, 3), 0.3, (num_frames, 20, 3))


def test_frames() -> None:
    positions = poses(3)
    numbers, read, _ = parse_frames("file", text([252, 254, 256], positions))
    assert numbers.tolist() == [252, 254, 256]
    np.testing.assert_allclose(read, positions, atol=1e-6)


def test_numbers_of_a_clock_and_a_byte_order_mark() -> None:
    first = 1_764_360_000_001
    numbers, read, _ = parse_frames("file", b"\xef\xbb\xbf" + text([first, first + 1], poses(2)))
    assert numbers.tolist() == [first, first + 1]
    np.testing.assert_allclose(read, poses(2), atol=1e-6)


def test_a_frame_written_twice_counts_once() -> None:
    for positions, notes in (
        (poses(3)[[0, 0, 2]], []),
        (poses(3), [Note("file", OTHER_POSITIONS, 1)]),
    ):
        numbers, read, told = parse_frames("file", text([1, 1, 2], positions))
        assert (numbers.tolist(), told) == ([1, 2], notes)
        np.testing.assert_allclose(read, poses(3)[[0, 2]], atol=1e-6)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "line 1: 0 lines; expected the frame's number and 60 more for every frame"),
        (b"1 2 3", "line 1: 3 fields; expected the frame's number and 60 more"),
        (text([2, 1], poses(2)), "line 2: frame '1'; expected a whole number, not below the one before"),
        (b"1.5" + text([1], poses(1))[1:], "line 1: frame '1.5'; expected a whole number"),
    ],
)
def test_what_breaks_the_format(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableRecordingError) as caught:
        parse_frames("bad.txt", data)
    assert str(caught.value).startswith(f"bad.txt: {expected}")


ACTIONS = b"s01_e01 \nwalk: 252 390\nsitDown: 572 686 \ns10_e02\ncarry: NaN NaN\n"


def test_actions() -> None:
    assert parse_actions("file", ACTIONS) == {
        "s01_e01": (LabelledAction("walk", 252, 390), LabelledAction("sitDown", 572, 686)),
        "s10_e02": (None,),
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"walk: 1 2", "line 1: 'walk: 1 2'; expected s01_e01, or an action as walk: 252 390"),
        (b"s01_e01\ndance: 1 2", "line 2: 'dance' is no action of UTKinect; expected walk, sitDown"),
        (b"s01_e01\nwalk 1 2", "line 2: 'walk 1 2'; expected s01_e01"),
        (b"s01_e01\nwalk: 3 2", "line 2: frames 3 to 2; expected the first one first"),
        (b"s01_e01\ns01_e01", "line 2: s01_e01 is listed a second time"),
    ],
)
def test_a_table_that_cannot_be_used(data: bytes, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_actions("actionLabel.txt", data)
    assert str(caught.value).startswith(f"actionLabel.txt: {expected}")


def test_the_released_layout(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "joints").mkdir(parents=True)
    positions = poses(100)
    for name in ("s01_e01", "s10_e02", "s02_e01"):
        (raw / "joints" / f"joints_{name}.txt").write_bytes(text(list(range(252, 452, 2)), positions))
    (raw / "actionLabel.txt").write_bytes(ACTIONS)
    outcome = prepare("kinect-text", raw, tmp_path / "store", num_workers=1)
    store = outcome.store
    assert store.names == ["s01_e01_walk"]
    assert (store.class_names[int(store.labels[0])], store.fps) == ("walk", 15)
    assert store.array("num_frames").tolist() == [70]
    assert (int(store.attribute("subject")[0]), int(store.attribute("replication")[0])) == (1, 1)
    assert [(entry.reason, entry.place) for entry in sorted(outcome.exclusions, key=str)] == [
        ("an action without frames", "s01_e01 sitDown"),
        ("not in actionLabel.txt", ""),
        ("an action without frames", "s10_e02"),
    ]
    assert find_problems(store) == []


def test_a_folder_with_a_manifest(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for number, name in enumerate(("one", "two")):
        (raw / f"{name}.txt").write_bytes(text([1, 2, 3], poses(3, number)))
    (raw / "manifest.csv").write_text("file,label,subject,split\none,wave,3,train\ntwo,clap,4,test\n")
    store = prepare("kinect-text", raw, tmp_path / "store", num_workers=1, settings={"fps": 30.0}).store
    assert store.names == ["one", "two"]
    assert [store.class_names[label] for label in store.labels] == ["wave", "clap"]
    assert store.fps == 30
    assert store.attribute("subject").tolist() == [3, 4]


def test_a_recording_that_is_there_twice_is_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for folder in ("A", "B"):
        (raw / folder).mkdir(parents=True)
        (raw / folder / "joints_s01_e01.txt").write_bytes(text(list(range(252, 452, 2)), poses(100)))
    (raw / "actionLabel.txt").write_bytes(ACTIONS)
    outcome = prepare("kinect-text", raw, tmp_path / "store", num_workers=1)
    assert outcome.store.names == ["s01_e01_walk"]
    assert REPEATED in [entry.reason for entry in outcome.exclusions]
