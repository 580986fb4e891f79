"""The padded .npz against arrays written by hand."""

import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.formats import npy_rows
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.padded_npz import open_padded_npz
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20, NTU_25


def arrays(**other: np.ndarray) -> dict[str, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(3, 6, 150)).astype(np.float32)
    x[0, 4:] = 0  # padding
    x[0, 1] = 0  # nobody
    x[0, :, 75:] = 0  # one body
    x[1, 2, 75:] = np.tile([1, 2, 3], 25)  # a body in one point, as published scripts leave it
    one_hot = np.eye(4)
    return {"x_train": x[:2], "y_train": one_hot[[3, 0]], "x_test": x[2:], "y_test": one_hot[[1]]} | other


def write(path: Path, **other: np.ndarray) -> Path:
    np.savez(path, **arrays(**other))
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_sequences_are_what_the_arrays_hold(tmp_path: Path, save: object) -> None:
    path, raw = tmp_path / "a.npz", arrays()
    save(path, **raw)  # type: ignore[operator]
    npz = open_padded_npz(str(path), NTU_25)
    assert (len(npz), npz.num_classes) == (3, 4)
    first, second, third = npz.sequences(fps=30.0)
    assert isinstance(first, SkeletonSequence)
    assert isinstance(second, SkeletonSequence)
    assert isinstance(third, SkeletonSequence)
    assert [one.name for one in (first, second, third)] == ["train-0", "train-1", "test-0"]
    assert [one.label for one in (first, second, third)] == [3, 0, 1]
    assert [one.attributes["split_given"] for one in (first, second, third)] == [0, 0, 1]
    assert first.present.tolist() == [[True, False, True, True]]  # the other body was never seen
    assert second.present.tolist() == [[True] * 6, [True, True, False, True, True, True]]
    assert not second.positions[1, 2].any()
    expected = raw["x_test"][0].reshape(6, 2, 25, 3).transpose(1, 0, 2, 3)
    np.testing.assert_array_equal(third.positions, expected)
    assert third.fps == 30.0


def test_rows_that_cannot_be_used_are_told_apart(tmp_path: Path) -> None:
    x = arrays()["x_train"].copy()
    x[0] = 0
    x[1, 2, 7] = np.inf
    npz = open_padded_npz(write(tmp_path / "a.npz", x_train=x), NTU_25)
    empty, odd, good = npz.sequences(None)
    assert isinstance(good, SkeletonSequence)
    assert isinstance(empty, UnusableRecordingError)
    assert isinstance(odd, UnusableRecordingError)
    assert (empty.reason, empty.place) == ("no body in any frame", "x_train, row 0")
    assert "x_train, row 1: inf in frame 2, column 7" in str(odd)


def test_a_joint_that_is_no_number_was_not_seen(tmp_path: Path) -> None:
    x = arrays()["x_train"].copy()
    x[1, 2, 3:5], x[1, 3, :75] = np.nan, np.nan
    x[1, 2, 75:] = x[1, 3, 75:] = 0
    odd = list(open_padded_npz(write(tmp_path / "a.npz", x_train=x), NTU_25).sequences(None))[1]
    assert isinstance(odd, SkeletonSequence)
    assert odd.joint_present is not None
    assert np.flatnonzero(~odd.joint_present[0, 2]).tolist() == [1]
    assert not odd.present[0, 3]
    assert np.isfinite(odd.positions).all()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"x_train": np.zeros((2, 6, 149), np.float32)}, "expected floats of shape .sequences, frames, 75 a"),
        ({"x_train": np.zeros((2, 900), np.float32)}, "expected floats of shape"),
        ({"x_train": np.zeros((2, 6, 150), np.int32)}, "x_train: int32 of shape"),
        ({"x_train": np.zeros((2, 6, 75), np.float32)}, "different widths"),
        ({"x_train": np.zeros((0, 6, 150), np.float32)}, "x_train: has shape .*at least one row"),
        ({"x_train": np.array([[[None]]], object)}, "x_train: holds object, which is not read"),
        ({"x_train": np.asfortranarray(np.ones((2, 6, 150), np.float32))}, "Fortran order"),
        ({"y_train": np.eye(4)[[0]]}, r"y_train: float64 of shape \(1, 4\); expected one-hot"),
        ({"y_train": np.array(["a", "b"])}, r"expected one-hot numbers of shape \(2, classes\)"),
        (
            {"y_train": np.array([0, 0.5]), "y_test": np.array([0.0])},
            "row 1 is 0.5; expected a class",
        ),
        ({"y_train": np.array([0, 3])}, "different widths"),
        ({"y_train": np.array([0, -2]), "y_test": np.array([0])}, "y_train: row 1 is -2; expected a class"),
        ({"y_train": np.ones((2, 4))}, "y_train: row 0 is not one-hot"),
        ({"y_test": np.full((1, 4), np.nan)}, "y_test: row 0 is not one-hot"),
        ({"y_test": np.eye(5)[[0]]}, "different widths"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, other: dict[str, np.ndarray], message: str) -> None:
    path = write(tmp_path / "a.npz", **other)
    with pytest.raises(DataError, match=message) as error:
        open_padded_npz(path, NTU_25)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_another_skeleton_is_named_in_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"60 a body\) for kinect-20; --topology"):
        open_padded_npz(write(tmp_path / "a.npz"), KINECT_20)


def test_an_array_that_python_2_wrote_is_read_without_a_word(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    head, body = members["x_train.npy"].split(b"\n", 1)
    old = head.replace(b"(2, ", b"(2L, ")[: len(head)]  # one blank of its padding less
    assert old.count(b"L") == 1
    members["x_train.npy"] = old + b"\n" + body
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(open_padded_npz(path, NTU_25).sequences(None))) == 3


def test_rows_too_large_are_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy_rows, "MAX_ROW_BYTES", 1000)
    with pytest.raises(DataError, match="x_train: a row of 3,600 bytes"):
        open_padded_npz(write(tmp_path / "a.npz"), NTU_25)


def test_damaged_files_are_data_errors(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz")
    data = path.read_bytes()
    with pytest.raises(DataError, match=r"b\.npz: no such file"):
        open_padded_npz(tmp_path / "b.npz", NTU_25)
    for content in (b"", b"PK\x03\x04", data[: len(data) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.npz: not a readable \.npz file"):
            open_padded_npz(path, NTU_25)
    shape = data.index(b"(2, 6, 150)")
    path.write_bytes(data[:shape] + b"(9, 6, 150)" + data[shape + 11 :])
    with pytest.raises(DataError, match=r"a\.npz: "):
        list(open_padded_npz(path, NTU_25).sequences(None))
    data = write(path, x_train=np.ones((2, 300, 150), np.float32)).read_bytes()
    path.write_bytes(data[:100_000] + bytes([data[100_000] ^ 1]) + data[100_001:])
    with pytest.raises(DataError, match=r"x_train: row \d: cannot be read \(Bad CRC-32"):
        list(open_padded_npz(path, NTU_25).sequences(None))
    np.savez(path, x_train=np.ones(3))
    with pytest.raises(DataError, match="no array 'y_train', only 'x_train'"):
        open_padded_npz(path, NTU_25)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(100, 300, 150)).astype(np.float32)  # 18 MB
    path = write(tmp_path / "a.npz", x_train=x, y_train=np.eye(4)[np.arange(100) % 4])
    del x
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_padded_npz(path, NTU_25).sequences(None)) == 101
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()
