"""The files in a ``.tar``, packed or not: where each one's bytes lie.

A packed tar can only be read from its beginning, so it is unpacked first, in bounded space.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from skelact.errors import DataError
from skelact.files import open_regular, writing
from skelact.formats.header_reading import HeaderFile
from skelact.limits import amount, beyond, limit

PACKINGS: dict[bytes, Callable[[BinaryIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
"""What opens a packed file, by its first bytes."""

_HEADER_BYTES = 1 << 16  # longest header; one with every extended attribute has less
_BLOCK = 1 << 20
_BLOCKS_A_LOOK = 64  # between two looks at the free space
_RESERVE = 256 << 20  # bytes of the disk that stay free
_MORE_ROOM = "set TMPDIR to a folder with more room, or unpack the archive and give its folder"


def is_tar(file: BinaryIO) -> bool:
    """Tell whether an open file is a tar that is not packed."""
    try:
        with _opened(file):
            return True
    except (tarfile.TarError, ValueError, RecursionError):
        return False


def unpacked(path: Path, scratch: Path) -> Path:
    """Return ``path`` if it is not packed, else what it becomes in the folder ``scratch``.

    Raises:
        DataError: it cannot be opened, or becomes larger than the limit ``unpacked`` or than the free disk.
        EOFError and others: it is damaged.
    """
    with open_regular(path) as file:
        head = file.read(8)
        file.seek(0)
        opener = next((opener for magic, opener in PACKINGS.items() if head.startswith(magic)), None)
        if opener is None:
            return path
        plain, most = scratch / "plain.tar", limit("unpacked")
        with opener(file) as packed, plain.open("wb") as target:
            written = blocks = 0
            while block := packed.read(_BLOCK):
                written += len(block)
                if written > most:
                    raise DataError(f"{path}: {beyond('unpacked')}")
                blocks += 1
                if blocks % _BLOCKS_A_LOOK == 0 and _is_full(scratch):
                    so_far = f"{amount('unpacked', written)} unpacked so far"
                    raise DataError(f"{path}: the {so_far} fill the disk of {scratch.parent}; {_MORE_ROOM}")
                with writing(scratch.parent, _MORE_ROOM):
                    target.write(block)
                    target.flush()
        return plain


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < _RESERVE + _BLOCKS_A_LOOK * _BLOCK


def tar_members(path: Path, where: str) -> Iterator[tarfile.TarInfo]:
    """Yield what a tar lists, but for folders.

    Args:
        path: the tar, not packed.
        where: how errors call it.

    Raises:
        DataError: it cannot be opened, or has more members than the limit ``files``.
        tarfile.TarError and others: it is damaged.
    """
    most = limit("files")
    with open_regular(path) as file, _opened(file) as archive:
        count = 0
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            count += 1
            if count > most:
                raise DataError(f"{where}: {beyond('files')}")
            if not member.isdir():
                yield member
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError(f"no header of a file at byte {archive.offset}")


def _opened(file: BinaryIO) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast("IO[bytes]", HeaderFile(file, _HEADER_BYTES)), mode="r:")


def fault_of(member: tarfile.TarInfo) -> str:
    """Return why a member is no file that can be read; empty where it is one."""
    if member.issym() or member.islnk():
        return "a link inside an archive, which is not followed"
    if not member.isreg():
        return "neither a file nor a folder"
    return "a file with holes, as only tar reads them" if member.issparse() else ""
