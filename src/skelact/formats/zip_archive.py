"""The files in a ``.zip``: what it lists, and each one's content, never more than is listed."""

from __future__ import annotations

import bz2
import copy
import lzma
import os
import stat
import struct
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

from skelact.files import open_regular
from skelact.formats.header_reading import HeaderFile
from skelact.limits import check_limit, limit

_LIST_BYTES = 128  # of the list, a file


def zip_members(path: Path) -> list[zipfile.ZipInfo]:
    """Return what an archive lists, but for folders.

    Raises:
        DataError: it cannot be opened, or lists more than the limits ``files`` and ``unpacked``.
        zipfile.BadZipFile and others: it is damaged.
    """
    with open_regular(path) as file:
        most = max(1 << 20, _LIST_BYTES * limit("files"))
        with zipfile.ZipFile(cast("IO[bytes]", HeaderFile(file, most))) as archive:
            listed = archive.infolist()
    check_limit("files", len(listed), str(path))
    check_limit("unpacked", sum(member.file_size for member in listed), str(path))
    return [member for member in listed if not member.is_dir()]


def is_link(member: zipfile.ZipInfo) -> bool:
    """Tell whether a member is a symbolic link, as archives from Unix keep them."""
    return member.create_system == 3 and stat.S_ISLNK(member.external_attr >> 16)


def read_member(archive: Path, member: zipfile.ZipInfo, count: int) -> bytes:
    """Return a file's first ``count`` bytes; all of them are compared with its check sum and its length.

    Raises:
        zipfile.BadZipFile and others: it is damaged.
    """
    most = count + (count >= member.file_size)  # one more tells that there is more than is listed
    if member.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        data = _inflated(archive, member, most)
    else:
        with _opened(archive, os.getpid()).open(member) as file:
            data = file.read(most)
    if count >= member.file_size and len(data) != member.file_size:
        raise zipfile.BadZipFile(f"{len(data)} bytes of the {member.file_size} listed")
    return data


def _inflated(archive: Path, member: zipfile.ZipInfo, most: int) -> bytes:
    """Return up to ``most`` bytes of what ``member`` unpacks to; :mod:`zipfile` knows no such bound."""
    stored = copy.copy(member)
    stored.compress_type, stored.file_size = zipfile.ZIP_STORED, member.compress_size
    stored.CRC = None  # type: ignore[assignment]  # it is that of the unpacked bytes
    with _opened(archive, os.getpid()).open(stored) as file:
        packed = file.read(member.compress_size)
    if member.compress_type == zipfile.ZIP_BZIP2:
        data = bz2.BZ2Decompressor().decompress(packed, most)
    else:
        _, length, code, dict_size = struct.unpack_from("<HHBI", packed)
        filters = {
            "id": lzma.FILTER_LZMA1,
            "dict_size": max(4096, min(dict_size, member.file_size)),
            "lc": code % 9,
            "lp": code // 9 % 5,
            "pb": code // 45,
        }
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[filters])
        data = decompressor.decompress(packed[4 + length :], most)
    if len(data) == member.file_size and zlib.crc32(data) != member.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {member.filename!r}")
    return data


@lru_cache(maxsize=8)
def _opened(archive: Path, process: int) -> zipfile.ZipFile:
    """Open an archive once a process: a forked one must not share the place in the file with its parent."""
    return zipfile.ZipFile(archive)


def forget_opened() -> None:
    """Close the archives that :func:`read_member` keeps open."""
    _opened.cache_clear()
