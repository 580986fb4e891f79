"""Raw files, whatever they lie in: a folder (searched recursively), a ``.zip``, or a ``.tar``, packed or not;
or one file on its own.

:func:`raw_files` lists them; each :class:`RawFile` can then be read on its own, in any order, by any process.
A member's name in an archive is a label and no path: nothing is ever written under it, and no link inside an
archive is followed.
"""

from __future__ import annotations

import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from skelact.errors import DataError, printable
from skelact.files import open_regular, read_file
from skelact.formats.exclusions import UnusableRecordingError, error_text
from skelact.formats.tar_archive import PACKINGS, fault_of, is_tar, tar_members, unpacked
from skelact.formats.zip_archive import forget_opened, is_link, read_member, zip_members
from skelact.limits import beyond, limit

UNREADABLE = "unreadable file"

_ARCHIVE_ENDINGS = (".zip", ".tar", ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2")
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, struct.error, EOFError),
    *(NotImplementedError, LookupError, ValueError, RecursionError, MemoryError),
)
"""What their readers raise on archives that are cut short, altered or packed in an unknown way."""
_AGAIN = "copy it again from the release"


@dataclass(frozen=True)
class RawFile:
    """One file in a folder or an archive; each :meth:`read` opens it, so it can go to another process."""

    name: str
    """Its path inside the folder or archive, with forward slashes; it ends in one where ``fault`` is that of
    a folder."""
    container: Path
    """The file itself, or the archive that holds it."""
    member: zipfile.ZipInfo | None = None
    """Its entry in the list of the zip archive ``container``."""
    span: tuple[int, int] | None = None
    """Where it begins in the tar archive ``container``, and its length in bytes."""
    fault: str = ""
    """Why it cannot be read, where its listing tells."""
    called: str = ""
    """What its recording is called where :attr:`stem` alone would be the name of several."""

    @property
    def is_packed(self) -> bool:
        """Whether it lies in an archive."""
        return self.member is not None or self.span is not None

    @property
    def stem(self) -> str:
        """The file's name without folders and ending, or what else its recording is :attr:`called`."""
        return self.called or _stem_and_suffix(self.name)[0]

    @property
    def suffix(self) -> str:
        """The file name's ending in small letters, e.g. ``.txt``."""
        return _stem_and_suffix(self.name)[1].lower()

    @property
    def path_stem(self) -> str:
        """The file's path without its ending."""
        return self.name[: len(self.name) - len(self.suffix)]

    def read(self, bound: str = "recording") -> bytes:
        """Return the content.

        Args:
            bound: the name of the limit of its size.

        Raises:
            UnusableRecordingError: it cannot be read, is no regular file, or is larger than the limit.
        """
        with self._faults():
            if not self.is_packed:
                return read_file(self.container, bound, _AGAIN)
            if self._packed_size > limit(bound):
                raise DataError(f"has {beyond(bound, self._packed_size)}")
            data = self._bytes(self._packed_size)
            if len(data) < self._packed_size:
                raise EOFError(f"{len(data)} of {self._packed_size} bytes")
            return data

    def head(self, count: int) -> bytes:
        """Return the first ``count`` bytes, or all there are.

        Raises:
            UnusableRecordingError: it cannot be read, or is no regular file.
        """
        with self._faults():
            return self._bytes(min(count, self._packed_size) if self.is_packed else count)

    @property
    def _packed_size(self) -> int:
        """Bytes of a file in an archive, as the archive lists them."""
        return self.member.file_size if self.member is not None else self.span[1] if self.span else 0

    def _bytes(self, count: int) -> bytes:
        if self.member is not None:
            return read_member(self.container, self.member, count)
        with open_regular(self.container, _AGAIN) as file:
            file.seek(self.span[0] if self.span else 0)
            return file.read(count)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn what the block meets into one error of this file."""
        try:
            if self.fault:
                raise DataError(self.fault)
            yield
        except DataError as error:
            detail = str(error).removeprefix(f"{self.container}: ")
            raise UnusableRecordingError(UNREADABLE, self.name, "", detail) from error
        except (*DAMAGED, OSError, RuntimeError) as error:  # RuntimeError: a zip with a password
            detail = f"cannot be read ({error_text(error)}); {_AGAIN}"
            raise UnusableRecordingError(UNREADABLE, self.name, "", detail) from error


@contextmanager
def raw_files(path: str | Path, most: int | None = None) -> Iterator[list[RawFile]]:
    """List the files in ``path``, ordered by file name; files and folders that begin with a dot are no data.

    A folder that holds zip archives, and beside them text files alone (split files, a readme), is taken as
    those and what its archives hold. A file that is no archive is taken as a folder with that file alone; so
    is a ``.npz`` file, whose archive is its own affair. A folder inside that cannot be listed, and a link
    inside an archive, are files with a fault.

    Args:
        path: a folder; a zip or tar (plain, gzip, xz, bzip2) archive, told by its content; or a file.
        most: how many files of a folder are looked at before that is an error; None: the limit ``files``.

    Yields:
        The files, readable until the context ends.

    Raises:
        DataError: nothing is there, it is empty, neither a folder nor a regular file, an archive that cannot
            be read, or has more than ``most`` files or the limits ``files`` and ``unpacked``.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such folder or file; check the path of the raw recordings")
    with ExitStack() as stack:
        if path.is_dir():
            files = _in_folder(path, most)
            if all(file.fault or file.suffix in (".zip", ".txt") for file in files):
                archives = [file for file in files if file.suffix == ".zip" and not file.fault]
                files = [file for file in files if file.suffix != ".zip" or file.fault]
                files += [file for one in archives for file in _in_zip(one.container, f"{one.name}/")]
        elif not _is_archive(path):
            files = [RawFile(printable(path.name), path)]
        elif zipfile.is_zipfile(path):
            files = _in_zip(path, "")
        else:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="skelact-"))
            files = _in_tar(path, Path(scratch))
        if not files:
            kind = "folder" if path.is_dir() else "archive"
            raise DataError(
                f"{path}: the {kind} is empty (what begins with a dot is no data); expected raw recordings"
            )
        try:
            yield sorted(files, key=lambda file: (file.stem, file.name))
        finally:
            forget_opened()


def _stem_and_suffix(name: str) -> tuple[str, str]:
    """Split the last part of a path as :mod:`pathlib` does, which takes ten times as long."""
    file = name.rpartition("/")[2]
    stem, _, ending = file.rpartition(".")
    return (stem, f".{ending}") if stem and ending else (file, "")


def _is_hidden(name: str) -> bool:
    """Tell whether a file, or a folder around it, is one of those that are not listed, as ``.git`` is."""
    *folders, file = name.split("/")
    return file.startswith(".") or any(one.startswith(".") for one in folders if one not in (".", ".."))


def _is_archive(path: Path) -> bool:
    """Tell whether a file's ending or content is an archive's; without an ending it is no recording's.

    Raises:
        DataError: it cannot be read, or is no regular file.
    """
    with open_regular(path, "check the path of the raw recordings, and that you may read them") as file:
        ending = path.suffix.lower()
        if ending == ".npz":
            return False
        if not ending or ending in _ARCHIVE_ENDINGS:
            return True
        head = file.read(8)
        file.seek(0)
        return head.startswith(tuple(PACKINGS)) or is_tar(file) or zipfile.is_zipfile(file)


def _listed(
    name: str,
    container: Path,
    fault: str = "",
    member: zipfile.ZipInfo | None = None,
    span: tuple[int, int] | None = None,
) -> RawFile:
    """Return a file under its name as it is printed; one whose name is too long has that fault."""
    name, length = printable(name), len(name)
    if length > limit("name"):
        name, fault = f"{name[:40]}...{name[-20:]}", f"the length of its name is {beyond('name', length)}"
    return RawFile(name, container, member, span, fault)


def _in_folder(folder: Path, expected: int | None = None) -> list[RawFile]:
    """Walk through ``folder``, also along links (last), but through no folder twice."""
    files: list[RawFile] = []
    seen: set[tuple[int, int]] = set()
    waiting, links, most = [""], list[str](), min(limit("files"), expected or limit("files"))
    while waiting or links:
        prefix = waiting.pop() if waiting else heappop(links)
        here = folder / prefix
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in seen:  # all in it is listed under its own name
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                for entry in entries:
                    if _is_hidden(entry.name):
                        continue
                    if not _is_folder(entry):
                        files.append(_listed(prefix + entry.name, here / entry.name))
                    elif entry.is_symlink():
                        heappush(links, f"{prefix}{entry.name}/")
                    else:
                        waiting.append(f"{prefix}{entry.name}/")
                    if len(files) + len(seen) + len(waiting) + len(links) > most:
                        if most == expected:
                            raise DataError(f"{folder}: holds more than {most:,} files; give one of them")
                        raise DataError(f"{folder}: {beyond('files')}")
        except OSError as error:
            fault = f"cannot be listed ({error.strerror})"
            if not prefix:
                raise DataError(f"{folder}: {fault}; check that you may read it") from error
            files.append(_listed(prefix, here, f"{fault}; check that you may read this folder"))
    return files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _in_zip(path: Path, prefix: str) -> list[RawFile]:
    try:
        return [
            _listed(
                prefix + member.filename,
                path,
                "a link inside an archive, which is not followed" if is_link(member) else "",
                member=member,
            )
            for member in zip_members(path)
            if not _is_hidden(member.filename)
        ]
    except (*DAMAGED, OSError) as error:
        raise _damaged(path, error) from error


def _in_tar(path: Path, scratch: Path) -> list[RawFile]:
    try:
        plain = unpacked(path, scratch)
        return [
            _listed(
                str(PurePosixPath(member.name)),
                plain,
                fault_of(member),
                span=(member.offset_data, member.size),
            )
            for member in tar_members(plain, str(path))
            if not _is_hidden(member.name)
        ]
    except (*DAMAGED, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: neither a folder nor a readable .zip, .tar, .tar.gz, .tar.xz or .tar.bz2 file "
        f"({error_text(error)}); copy it again or give the folder with the recordings"
    )
