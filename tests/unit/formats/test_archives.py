import io
import lzma
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from skelact.formats.archives import RawFile, raw_files

CONTENT = {"a/two.txt": b"2", "b/one.txt": b"1" * 5000, "three.txt": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in CONTENT.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "folder" / ".DS_Store").write_bytes(b"hidden")
    (tmp_path / "folder" / "a" / ".copies").mkdir()
    (tmp_path / "folder" / "a" / ".copies" / "two.txt").write_bytes(b"hidden")
    return tmp_path / "folder"


def packed(folder: Path, kind: str) -> Path:
    if kind == "folder":
        return folder
    return Path(shutil.make_archive(str(folder.parent / "packed"), kind, folder))


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "gztar", "xztar", "bztar"])
def test_all_containers_give_the_same_files(folder: Path, kind: str) -> None:
    with raw_files(str(packed(folder, kind))) as files:
        assert [file.name for file in files] == ["b/one.txt", "three.txt", "a/two.txt"]  # by file name
        assert {file.name: file.read() for file in files} == CONTENT
        assert (files[0].stem, files[0].suffix) == ("one", ".txt")


def test_the_kind_is_told_by_content(folder: Path) -> None:
    path = folder.parent / "without-ending"
    packed(folder, "xztar").rename(path)
    with raw_files(path) as files:
        assert len(files) == 3


@pytest.mark.parametrize("name", ["a.pkl", "a.json", "S001.skeleton"])
def test_a_file_that_is_no_archive_stands_for_itself(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"{}")
    with raw_files(path) as files:
        assert [(file.name, file.read()) for file in files] == [(name, b"{}")]


def test_a_npz_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"")
    with raw_files(path) as files:
        assert [file.name for file in files] == ["a.npz"]


def test_a_folder_of_zips_is_what_they_hold(tmp_path: Path) -> None:
    for number in (1, 2):
        with zipfile.ZipFile(tmp_path / f"part{number}.zip", "w") as archive:
            archive.writestr(f"x/{number}.txt", str(number))
    with raw_files(tmp_path) as files:
        assert [(file.name, file.read()) for file in files] == [
            ("part1.zip/x/1.txt", b"1"),
            ("part2.zip/x/2.txt", b"2"),
        ]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_all_methods_of_a_zip_are_read(tmp_path: Path, method: int) -> None:
    content = {"empty.txt": b"", "n\u00e4me.txt": b"text " * 9999, "random.bin": os.urandom(99_999)}
    path = tmp_path / "one.zip"
    path.write_bytes(b"in front of the archive")  # as of one that unpacks itself
    with zipfile.ZipFile(path, "a", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with raw_files(path) as files:
        assert {file.name: file.read() for file in files} == content
        assert {file.name: pickle.loads(pickle.dumps(file)).read() for file in files} == content


def test_a_zip_written_as_a_stream_is_read(tmp_path: Path) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"content")
    (tmp_path / "one.zip").write_bytes(stream.getvalue())
    with raw_files(tmp_path / "one.zip") as files:
        assert files[0].read() == b"content"


@pytest.mark.parametrize("name", ["a.b.txt", "a", "a.", "x.y/a", "x/.a", "..a", "x/a.b."])
def test_stem_and_ending_are_those_of_pathlib(name: str) -> None:
    file, expected = RawFile(name, Path(name)), PurePosixPath(name)
    assert (file.stem, file.suffix) == (expected.stem, expected.suffix)


def test_names_that_are_no_utf8_can_be_printed(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    try:
        Path(os.fsdecode(path)).write_bytes(b"1")
    except OSError:
        pytest.skip("needs a file system that takes any name")
    with raw_files(tmp_path) as files:
        assert files[0].name.encode() == b"\\udcff.txt"
        assert files[0].read() == b"1"


def test_a_zip_replaced_between_two_listings_is_read_anew(tmp_path: Path) -> None:
    for content in ("first", "something else"):
        with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
            archive.writestr("a.txt", content)
        with raw_files(tmp_path / "one.zip") as files:
            assert files[0].read() == content.encode()


def test_linked_folders_are_followed_once(folder: Path) -> None:
    (folder / "loop").symlink_to(folder)
    (folder / "A").symlink_to("a")
    with raw_files(folder) as files:
        assert sorted(file.name for file in files) == ["a/two.txt", "b/one.txt", "three.txt"]


def test_files_can_be_read_in_any_order_from_a_packed_tar(folder: Path) -> None:
    path = folder.parent / "packed.tar.xz"
    with lzma.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, "data")
    with raw_files(path) as files:
        assert [file.read() for file in reversed(files)] == [b"2", b"", b"1" * 5000]
        assert isinstance(files[0], RawFile)
        unpacked = files[0].container
        assert unpacked.exists()
    assert not unpacked.exists()
