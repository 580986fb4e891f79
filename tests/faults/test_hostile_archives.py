"""Archives and folders that a stranger made: they grow, point elsewhere, or hold what is no file.

Each ends in one line, or one line of the account, in bounded memory and time; nothing is written by a name of
the archive's own.
"""

import bz2
import gzip
import inspect
import io
import lzma
import os
import socket
import stat
import struct
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fuzzing.samples import BVH, ntu_file, zipped
from skelact.errors import DataError
from skelact.formats.archives import RawFile, raw_files
from skelact.formats.exclusions import UnusableRecordingError
from skelact.limits import VARIABLE
from skelact.store.prepare import prepare

MB = 1 << 20


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda limits: monkeypatch.setenv(VARIABLE, limits)


def refusal(path: Path) -> str:
    """Return the one line with which a listing ends."""
    with pytest.raises(DataError) as caught, raw_files(path):
        pass
    assert str(caught.value).isprintable()
    return str(caught.value)


def faults(path: Path) -> dict[str, str]:
    """Return what each file that cannot be read says, and that the others are read."""
    found = {}
    with raw_files(path) as files:
        for file in files:
            try:
                file.read()
            except UnusableRecordingError as error:
                found[file.name] = error.detail
    assert all(text.isprintable() for told in found.items() for text in told)
    return found


def tar(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return target.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_that_grows_is_one_line_of_the_account(
    tmp_path: Path, method: int, lowered: Callable[[str], None]
) -> None:
    path = tmp_path / "raw.zip"
    path.write_bytes(zipped({"bomb.txt": bytes(64 * MB), "good.txt": b"1"}, method))
    lowered("recording=1MB")
    told = faults(path)
    assert told.keys() == {"bomb.txt"}
    assert told["bomb.txt"].endswith("is 1 MB; --limit recording=64MB takes it all the same")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_that_hides_its_size_is_not_unpacked(tmp_path: Path, method: int) -> None:
    data = bytearray(zipped({"bomb.txt": bytes(200 * MB)}, method))
    entry = data.index(b"PK\1\2")
    struct.pack_into("<I", data, entry + 24, 100)
    (tmp_path / "raw.zip").write_bytes(data)
    tracemalloc.start()
    told = faults(tmp_path / "raw.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "Bad CRC-32" in told["bomb.txt"] or "101 bytes of the 100 listed" in told["bomb.txt"]
    assert peak < 2 * MB


def test_a_zip_whose_members_share_their_bytes(tmp_path: Path, lowered: Callable[[str], None]) -> None:
    """A list of many entries for one packed block promises what no disk holds."""
    data = zipped({"a.txt": bytes(1 * MB)}, zipfile.ZIP_DEFLATED)
    start = data.index(b"PK\1\2")
    entry, end = data[start : data.index(b"PK\5\6")], bytearray(data[data.index(b"PK\5\6") :])
    struct.pack_into("<HHI", end, 8, 1000, 1000, 1000 * len(entry))
    (tmp_path / "raw.zip").write_bytes(data[:start] + 1000 * entry + end)
    lowered("unpacked=100MB")
    told = refusal(tmp_path / "raw.zip")
    assert told.endswith(
        "raw.zip: 1,000 MB, and the most of bytes of one archive, unpacked is 100 MB; "
        "--limit unpacked=1000MB takes it all the same"
    )


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_tar_is_unpacked_up_to_the_limit(
    tmp_path: Path, compress: Callable[[bytes], bytes], lowered: Callable[[str], None]
) -> None:
    path = tmp_path / "raw.tar.packed"
    path.write_bytes(compress(tar(("a.txt", bytes(20 * MB)))))
    assert len(path.read_bytes()) < MB
    lowered("unpacked=4MB")
    assert "unpacked is 4 MB; --limit unpacked=8MB takes it all the same" in refusal(path)


def test_a_packed_tar_for_which_the_disk_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "raw.tar.gz"
    path.write_bytes(gzip.compress(tar(("a.txt", bytes(100 * MB)))))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: _Disk)
    assert "the 64 MB unpacked so far fill the disk of" in refusal(path)
    assert "set TMPDIR to a folder with more room" in refusal(path)


class _Disk:
    free = 100 * MB


def test_a_tar_whose_header_has_no_end(tmp_path: Path) -> None:
    """An extended header is read whole by tarfile; here it claims 300 MB of the file."""
    header = special("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    header.size = 300 * MB
    path = tmp_path / "raw.tar"
    with path.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(301 * MB)
    tracemalloc.start()
    assert "a header of 314,572,800 bytes, more than 65,536" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 4 * MB
    tracemalloc.stop()


def test_a_tar_whose_header_is_one_number(tmp_path: Path) -> None:
    header = special("x", tarfile.XHDTYPE)
    header.size = 50_000
    path = tmp_path / "raw.tar"
    path.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + b"1" * 50_000 + bytes(2000))
    assert "a number of 256 digits" in refusal(path)


def test_a_tar_of_headers_upon_headers(tmp_path: Path) -> None:
    header = special("x", tarfile.XHDTYPE)
    path = tmp_path / "raw.tar"
    path.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) * 5000 + bytes(1024))
    assert "recursion" in refusal(path)


def test_a_tar_with_a_damaged_header_in_the_middle(tmp_path: Path) -> None:
    """tarfile takes it for the end, and what follows would be missed."""
    data = bytearray(tar(("a.txt", b"a" * 512), ("b.txt", b"b" * 512), ("c.txt", b"c" * 512)))
    data[1024 + 150] ^= 1
    (tmp_path / "raw.tar").write_bytes(data)
    assert "no header of a file at byte 1024" in refusal(tmp_path / "raw.tar")


@pytest.mark.parametrize("kind", ["zip", "tar", "folder"])
def test_more_files_than_the_limit(tmp_path: Path, kind: str, lowered: Callable[[str], None]) -> None:
    names = {f"{number}.txt": b"1" for number in range(12)}
    path = tmp_path / "raw"
    if kind == "folder":
        path.mkdir()
        for name, data in names.items():
            (path / name).write_bytes(data)
    else:
        path.write_bytes(zipped(names) if kind == "zip" else tar(*names.items()))
    lowered("files=10")
    assert "files of a raw folder or an archive is 10; --limit files=" in refusal(path)


ELSEWHERE = [
    "../../out.txt",
    "/etc/passwd",
    "a/../../../b.txt",
    "C:\\x.txt",
    "..",
    "\u202etxt.exe",
    "a\nb.txt",
]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_are_labels_alone(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written outside the scratch folder, and nothing stays in it."""
    (tmp_path / "deep" / "scratch").mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "deep" / "scratch"))
    content = {name: name.encode() for name in ELSEWHERE}
    data = zipped(content) if kind == "zip" else tar(*content.items())
    path = tmp_path / f"raw.{kind}"
    path.write_bytes(gzip.compress(data) if kind == "tar.gz" else data)
    before = sorted(tmp_path.rglob("*"))
    with raw_files(path) as files:
        assert len(files) == len(ELSEWHERE) - 1  # ".." begins with a dot
        assert all(file.name.isprintable() for file in files)
        assert {file.read().decode() for file in files} == set(ELSEWHERE) - {".."}
        inside = set(tmp_path.rglob("*")) - set(before)
        assert {made.name for made in inside if made.is_file()} == (
            {"plain.tar"} if kind == "tar.gz" else set()
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_links_and_devices_in_a_tar_are_lines_of_the_account(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"secret")
    (tmp_path / "raw.tar").write_bytes(
        tar(
            special("link.txt", tarfile.SYMTYPE, str(secret)),
            special("hard.txt", tarfile.LNKTYPE, "good.txt"),
            special("pipe.txt", tarfile.FIFOTYPE),
            special("zero.txt", tarfile.CHRTYPE),
            special("holes.txt", tarfile.GNUTYPE_SPARSE),
            ("good.txt", b"good"),
        )
    )
    link = "a link inside an archive, which is not followed"
    assert faults(tmp_path / "raw.tar") == {
        "link.txt": link,
        "hard.txt": link,
        "pipe.txt": "neither a file nor a folder",
        "zero.txt": "neither a file nor a folder",
        "holes.txt": "a file with holes, as only tar reads them",
    }


def test_links_in_a_zip_are_lines_of_the_account(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.txt", "good")
    assert faults(tmp_path / "raw.zip") == {"link.txt": "a link inside an archive, which is not followed"}


def test_two_members_of_one_name(tmp_path: Path) -> None:
    """Each has its own content; a preparation takes the first and accounts for the other."""
    path = tmp_path / "raw.tar"
    name = "S001C001P001R001A001.skeleton"
    path.write_bytes(tar((name, ntu_file(12, 1)), (name, ntu_file(2, 1))))
    outcome = prepare("ntu60", path, tmp_path / "store", num_workers=1)
    assert outcome.store.sequence(0).num_frames == 12
    assert [entry.reason for entry in outcome.exclusions] == ["a recording of this name came before"]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "raw.zip").write_bytes(zipped({"n" * 60_000: b"1", "good.txt": b"1"}))
    (told,) = faults(tmp_path / "raw.zip").items()
    assert len(told[0]) == 63
    assert told[1].endswith("is 1,000; --limit name=60000 takes it all the same")


def specials(folder: Path) -> Iterator[Path]:
    """Yield what is no regular file, and links to such."""
    os.mkfifo(folder / "pipe.bvh")
    with socket.socket(socket.AF_UNIX) as bound:
        before = os.getcwd()
        os.chdir(folder)  # a socket's name is short
        bound.bind("socket.bvh")
        os.chdir(before)
    for name, target in {
        **{"zero.bvh": "/dev/zero", "random.bvh": "/dev/urandom", "nowhere.bvh": "nowhere"},
        **{"loop.bvh": "loop.bvh", "linked.bvh": "pipe.bvh"},
    }.items():
        (folder / name).symlink_to(target)
    yield from sorted(folder.iterdir())


def test_what_is_no_file_is_one_line_of_the_account(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    expected = {path.name for path in specials(raw)}
    with (raw / "holes.bvh").open("wb") as file:
        file.truncate(3 << 40)
    (raw / "good.bvh").write_bytes(BVH)
    (raw / "around").symlink_to(raw)
    outcome = prepare("bvh", raw, tmp_path / "store", num_workers=1)
    assert outcome.store.names == ["good"]
    assert {entry.file for entry in outcome.exclusions} == expected | {"holes.bvh"}
    details = {entry.file: entry.detail for entry in outcome.exclusions}
    assert details["pipe.bvh"].startswith("a pipe, expected a file")
    assert details["zero.bvh"].startswith("a device, expected a file")
    assert details["nowhere.bvh"].startswith("cannot be read (No such file or directory)")
    assert "recording is" not in details["holes.bvh"]
    assert "--limit recording=3072GB" in details["holes.bvh"]


def test_what_is_no_file_as_the_raw_data_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for path in specials(tmp_path / "raw"):
        for data_set in ("bvh", "npz", "pyskl", "pose-json", "ntu60"):
            with pytest.raises(DataError) as caught:
                prepare(data_set, path, tmp_path / "store", num_workers=1)
            assert str(caught.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_one_line_of_the_account(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    (raw / "closed").mkdir(parents=True)
    (raw / "closed").chmod(0)
    (raw / "closed.bvh").write_bytes(BVH)
    (raw / "closed.bvh").chmod(0)
    (raw / "good.bvh").write_bytes(BVH)
    outcome = prepare("bvh", raw, tmp_path / "store", num_workers=1)
    assert {entry.file: entry.detail for entry in outcome.exclusions} == {
        "closed.bvh": "cannot be read (Permission denied); copy it again from the release",
        "closed/": "cannot be listed (Permission denied); check that you may read this folder",
    }


def test_a_folder_that_cannot_be_listed_is_one_line_of_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw"
    (raw / "closed").mkdir(parents=True)
    (raw / "good.bvh").write_bytes(BVH)
    listing = os.scandir

    def scandir(path: Path | int) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    outcome = prepare("bvh", raw, tmp_path / "store", num_workers=1)
    assert [(entry.file, entry.reason) for entry in outcome.exclusions] == [("closed/", "unreadable file")]
    with pytest.raises(DataError, match=r"closed/: cannot be listed .* \(stopped by --strict\)"):
        prepare("bvh", raw, tmp_path / "strict", num_workers=1, strict=True)


def test_folders_in_folders(tmp_path: Path) -> None:
    """However deep, the walk calls itself not once."""
    deep = tmp_path.joinpath(*"d" * 200)
    deep.mkdir(parents=True)
    (deep / "good.txt").write_bytes(b"1")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        with raw_files(tmp_path) as files:
            assert [file.name for file in files] == ["d/" * 200 + "good.txt"]
    finally:
        sys.setrecursionlimit(before)


def test_a_file_that_turned_into_a_pipe(tmp_path: Path) -> None:
    file = RawFile("a.txt", tmp_path / "a.txt")
    os.mkfifo(file.container)
    with pytest.raises(UnusableRecordingError, match=r"^a.txt: a pipe, expected a file; copy it again"):
        file.read()
