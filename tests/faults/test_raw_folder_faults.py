"""Raw recordings that are not there, not readable, or of another data set."""

import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from skelact.errors import DataError
from skelact.formats.archives import raw_files
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.msr_action3d import parse_name, read_sequence
from skelact.store.prepare import prepare


def listing_error(path: Path) -> str:
    with pytest.raises(DataError) as caught, raw_files(path):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_path(tmp_path: Path) -> None:
    assert "no such folder or file; check the path" in listing_error(tmp_path / "none")


def test_empty_folder_and_archive(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "a.txt").write_text("a")
    assert "the folder is empty (what begins with a dot is no data); expected" in listing_error(tmp_path)
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    assert "the archive is empty" in listing_error(tmp_path / "empty.zip")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x1f\x8bxxxx", b"\xfd7zXZ\x00yyyy", b"BZhzzzz", b"PK\x03\x04"]
)
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert "neither a folder nor a readable .zip, .tar" in listing_error(tmp_path / "file")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.TGZ"])
def test_an_archive_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"hello")
    assert "neither a folder nor a readable .zip, .tar" in listing_error(tmp_path / name)


def test_one_file_of_another_data_set(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"clip.avi: no recording of bvh in 1 file \(1 not a .bvh file\)"):
        prepare("bvh", path, tmp_path / "store")


@pytest.mark.parametrize("opener", [gzip.open, lzma.open])
def test_an_archive_cut_short(tmp_path: Path, opener: object) -> None:
    path = tmp_path / "cut.tar.packed"
    with opener(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:  # type: ignore[operator]
        info = tarfile.TarInfo("a.txt")
        info.size = 100_000
        archive.addfile(info, io.BytesIO(bytes(range(250)) * 400))
    path.write_bytes(path.read_bytes()[:-40])
    assert "copy it again" in listing_error(path)


def test_a_damaged_member_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"a" * 100)
        archive.writestr("b.txt", b"b" * 100)
    path.write_bytes(path.read_bytes().replace(b"a" * 100, b"c" * 100))
    with raw_files(path) as files:
        with pytest.raises(UnusableRecordingError, match=r"^a\.txt: cannot be read .*CRC.*; copy it again"):
            files[0].read()
        assert files[1].read() == b"b" * 100


def test_a_file_that_vanished_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    with raw_files(tmp_path) as files:
        (tmp_path / "a.txt").unlink()
        with pytest.raises(UnusableRecordingError, match=r"^a\.txt: cannot be read"):
            files[0].read()


def test_a_folder_of_another_data_set(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "S020C001P001R001A001.skeleton").write_bytes(b"0")
    (tmp_path / "raw" / "notes.txt").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"no recording of ntu60 in 2 files \(1 not a .*1 not part of ntu60\)"
    ):
        prepare("ntu60", tmp_path / "raw", tmp_path / "store")


def test_a_folder_without_one_good_recording(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for action in (1, 2):
        (tmp_path / "raw" / f"S001C001P001R001A{action:03}.skeleton").write_bytes(b"1\n0\n")
    with pytest.raises(
        DataError, match=r"none of 2 recordings can be used; 2 times: no body in any frame, e\.g\."
    ):
        prepare("ntu60", tmp_path / "raw", tmp_path / "store")
    assert not (tmp_path / "store").exists()


MSR_NAME = "a01_s01_e01_skeleton3D"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "line 1: 0 lines in all; expected 20 for every frame"),
        (b"0 1 2 1\n" * 19, "line 19: 19 lines in all; expected 20 for every frame"),
        (b"0 1 2 1\n" * 10 + b"0 1 2\n" + b"0 1 2 1\n" * 9, "line 11: 3 fields; expected x y z confidence"),
        (b"0 1 2 1\n" * 10 + b"\n" + b"0 1 2 1\n" * 10, "line 11: 0 fields; expected x y z confidence"),
        (b"0 1 2 1\n" * 19 + b"0 one 2 1\n", "line 20: y is 'one'; expected a finite number of metres"),
        (b"0 1 2 1\n" * 19 + b"0 1 inf 1\n", "line 20: z is 'inf'; expected a finite number of metres"),
        (b"\x00" * 100, "line 1: a control character; expected numbers and spaces"),
    ],
)
def test_malformed_msr_files(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableRecordingError) as caught:
        read_sequence("bad.txt", MSR_NAME, data)
    assert str(caught.value) == f"bad.txt: {expected}; copy or export the file again"


@pytest.mark.parametrize("name", ["", "a01_s01_e01", "a1_s1_e1_skeleton3D", "a00_s01_e01_skeleton3D"])
def test_msr_names(name: str) -> None:
    with pytest.raises(UnusableRecordingError, match="expected a name in the form aXX_sYY_eZZ_skeleton3D"):
        parse_name(name)
