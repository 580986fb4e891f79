"""Raw files, whatever they lie in: a folder (searched recursively), a ``.zip``, or a ``.tar``, packed or not;
or one file on its own.

:func:`raw_files` lists them; each :class:`RawFile` can then be read on its own, in any order, by any process.
A packed tar can only be read from its beginning, so it is unpacked to a temporary ``.tar`` first.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from skelact.errors import DataError, printable
from skelact.formats.exclusions import UnusableRecordingError, error_text

UNREADABLE = "unreadable file"

_OPENERS: dict[bytes, Callable[[Path], io.BufferedIOBase]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
_ARCHIVE_ENDINGS = (".zip", ".tar", ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2")
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, LookupError, ValueError),
)
"""What their readers raise on archives that are cut short, altered or packed in an unknown way."""


@dataclass(frozen=True)
class RawFile:
    """One file in a folder or an archive; each :meth:`read` opens it, so it can go to another process."""

    name: str
    """Its path inside the folder or archive, with forward slashes."""
    container: Path
    """The file itself, or the archive that holds it."""
    member: zipfile.ZipInfo | None = None
    """Its entry in the list of the zip archive ``container``."""
    span: tuple[int, int] | None = None
    """Where it begins in the tar archive ``container``, and its length in bytes."""

    @property
    def is_packed(self) -> bool:
        """Whether it lies in an archive."""
        return self.member is not None or self.span is not None

    @property
    def stem(self) -> str:
        """The file's name without folders and ending."""
        return _stem_and_suffix(self.name)[0]

    @property
    def suffix(self) -> str:
        """The file name's ending, e.g. ``.txt``."""
        return _stem_and_suffix(self.name)[1]

    def read(self) -> bytes:
        """Return the content.

        Raises:
            UnusableRecordingError: it cannot be read.
        """
        try:
            if self.member is not None:
                return _read_member(self.container, self.member)
            if self.span is None:
                return self.container.read_bytes()
            start, length = self.span
            with self.container.open("rb") as file:
                file.seek(start)
                data = file.read(length)
            if len(data) < length:
                raise EOFError(f"{len(data)} of {length} bytes")
            return data
        except (*DAMAGED, OSError, RuntimeError) as error:  # RuntimeError: a zip with a password
            detail = f"cannot be read ({error_text(error)}); copy it again from the release"
            raise UnusableRecordingError(UNREADABLE, self.name, "", detail) from error

    def head(self, count: int) -> bytes:
        """Return the first ``count`` bytes, or all there are.

        Raises:
            UnusableRecordingError: it cannot be read.
        """
        try:
            if self.member is not None:
                with _opened(self.container, os.getpid()).open(self.member) as member:
                    return member.read(count)
            start, length = self.span or (0, count)
            with self.container.open("rb") as file:
                file.seek(start)
                return file.read(min(count, length))
        except (*DAMAGED, OSError, RuntimeError) as error:
            detail = f"cannot be read ({error_text(error)})"
            raise UnusableRecordingError(UNREADABLE, self.name, "", detail) from error


@contextmanager
def raw_files(path: str | Path) -> Iterator[list[RawFile]]:
    """List the files in ``path``, ordered by file name; those that begin with a dot are no data.

    A folder that holds zip archives, and beside them text files alone (split files, a readme), is taken as
    those and what its archives hold. A file that is no archive is taken as a folder with that file alone; so
    is a ``.npz`` file, whose archive is its own affair.

    Args:
        path: a folder; a zip or tar (plain, gzip, xz, bzip2) archive, told by its content; or a file.

    Yields:
        The files, readable until the context ends.

    Raises:
        DataError: nothing is there, it is empty, or an archive that cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such folder or file; check the path of the raw recordings")
    with tempfile.TemporaryDirectory(prefix="skelact-") as scratch:
        if path.is_dir():
            files = _in_folder(path)
            if all(file.suffix in (".zip", ".txt") for file in files):
                archives = [file for file in files if file.suffix == ".zip"]
                files = [file for file in files if file.suffix != ".zip"]
                files += [file for one in archives for file in _in_zip(one.container, f"{one.name}/")]
        elif path.is_file() and not _is_archive(path):
            files = [RawFile(printable(path.name), path)]
        elif zipfile.is_zipfile(path):
            files = _in_zip(path, "")
        else:
            files = _in_tar(path, Path(scratch))
        if not files:
            kind = "folder" if path.is_dir() else "archive"
            raise DataError(f"{path}: the {kind} is empty; expected raw recordings in it")
        try:
            yield sorted(files, key=lambda file: (file.stem, file.name))
        finally:
            _opened.cache_clear()


def _stem_and_suffix(name: str) -> tuple[str, str]:
    """Split the last part of a path as :mod:`pathlib` does, which takes ten times as long."""
    file = name.rpartition("/")[2]
    stem, _, ending = file.rpartition(".")
    return (stem, f".{ending}") if stem and ending else (file, "")


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _is_archive(path: Path) -> bool:
    """Tell whether a file's ending or content is an archive's; without an ending it is no recording's."""
    ending = path.suffix.lower()
    if ending == ".npz":
        return False
    if not ending or ending in _ARCHIVE_ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(8)
        return head.startswith(tuple(_OPENERS)) or zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except (*DAMAGED, OSError) as error:
        raise DataError(
            f"{path}: cannot be read ({error_text(error)}); check that you may read it"
        ) from error


def _in_folder(folder: Path) -> list[RawFile]:
    """Walk through ``folder``, also along links, but through no folder twice."""

    def stop(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror})") from error

    files: list[RawFile] = []
    seen = {folder.resolve()}
    for parent, folders, names in os.walk(folder, onerror=stop, followlinks=True):
        here = Path(parent)
        fresh = [name for name in folders if (here / name).resolve() not in seen]
        seen.update((here / name).resolve() for name in fresh)
        folders[:] = fresh
        prefix = "" if here == folder else f"{here.relative_to(folder).as_posix()}/"
        files += [RawFile(printable(prefix + name), here / name) for name in names if not _is_hidden(name)]
    return files


def _in_zip(path: Path, prefix: str) -> list[RawFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (*DAMAGED, OSError) as error:
        raise _damaged(path, error) from error
    return [
        RawFile(printable(prefix + member.filename), path, member=member)
        for member in members
        if not _is_hidden(member.filename)
    ]


@lru_cache(maxsize=8)
def _opened(archive: Path, process: int) -> zipfile.ZipFile:
    """Open an archive once a process: a forked one must not share the place in the file with its parent."""
    return zipfile.ZipFile(archive)


def _read_member(archive: Path, member: zipfile.ZipInfo) -> bytes:
    """Return a file's content, compared with its check sum and its length in the archive's list."""
    data = _opened(archive, os.getpid()).read(member)
    if len(data) != member.file_size:
        raise zipfile.BadZipFile(f"{len(data)} bytes of the {member.file_size} listed")
    return data


def _in_tar(path: Path, scratch: Path) -> list[RawFile]:
    try:
        with path.open("rb") as file:
            head = file.read(8)
        opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
        if opener is None:
            plain = path
        else:
            plain = scratch / "plain.tar"
            with opener(path) as packed, plain.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, 1 << 20)
        with tarfile.open(plain, "r:") as archive:
            members = [(member.name, member.offset_data, member.size) for member in archive if member.isreg()]
    except (*DAMAGED, OSError) as error:
        raise _damaged(path, error) from error
    return [
        RawFile(printable(str(PurePosixPath(name))), plain, span=(start, size))
        for name, start, size in members
        if not _is_hidden(name)
    ]


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: neither a folder nor a readable .zip, .tar, .tar.gz, .tar.xz or .tar.bz2 file "
        f"({error_text(error)}); copy it again or give the folder with the recordings"
    )
