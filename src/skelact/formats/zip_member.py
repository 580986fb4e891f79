"""One file in a zip archive, found once and then read without the archive's list of files.

Files that are stored or deflated are read here and inflated by ISA-L, at several times zlib's rate. Any other
method, and files that are encrypted, go to the standard library, which knows them or says why not.
"""

from __future__ import annotations

import os
import struct
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

from isal import isal_zlib

INFLATE_ERROR = cast("type[Exception]", isal_zlib.error)
"""What ISA-L raises on bytes that no deflate made."""

_HEADER = struct.Struct("<4s22xHH")
"""What stands before a file's packed bytes: signature, ..., lengths of the name and of an extra field."""
_SIGNATURE = b"PK\x03\x04"
_UTF8_NAME = 0x800
_SPECIAL = 0x01 | 0x20 | 0x40
"""Flags of files that are encrypted or patches."""
_MOST_A_BYTE = 1032
"""Bytes that deflate packs into one at most."""


@dataclass(frozen=True)
class ZipMember:
    """Where a file lies in an archive, and what the archive's list says of it."""

    name: str
    """With forward slashes."""
    listed_name: str
    """As it stands in the archive."""
    offset: int
    """Where its header begins."""
    method: int
    flags: int
    packed_size: int
    size: int
    """Bytes, unpacked."""
    crc: int

    @classmethod
    def of(cls, entry: zipfile.ZipInfo) -> ZipMember:
        """Return the member that an archive's ``entry`` tells of."""
        return cls(
            name=entry.filename,
            listed_name=entry.orig_filename,
            offset=entry.header_offset,
            method=entry.compress_type,
            flags=entry.flag_bits,
            packed_size=entry.compress_size,
            size=entry.file_size,
            crc=entry.CRC,
        )

    def read(self, archive: Path) -> bytes:
        """Return the content.

        Raises:
            OSError: ``archive`` cannot be read.
            zipfile.BadZipFile, struct.error, ValueError, or what :meth:`zipfile.ZipFile.read` raises: the
                content is not as listed, or packed in an unknown way.
        """
        if self.flags & _SPECIAL or self.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return opened(archive, os.getpid()).read(self.name)
        packed = self._packed(archive)
        data = packed if self.method == zipfile.ZIP_STORED else self._inflated(packed)
        if len(data) != self.size:
            raise zipfile.BadZipFile(f"{len(data)} bytes of the {self.size} listed")
        if isal_zlib.crc32(data) != self.crc:
            raise zipfile.BadZipFile("the check sum (CRC-32) is not the one listed")
        return data

    def _packed(self, archive: Path) -> bytes:
        """Return the packed bytes, after checking that the file's own header names it."""
        with archive.open("rb") as file:
            if self.offset + self.packed_size > os.fstat(file.fileno()).st_size:
                raise zipfile.BadZipFile(f"{self.packed_size} packed bytes listed, more than the archive has")
            file.seek(self.offset)
            signature, name_length, extra_length = _HEADER.unpack(file.read(_HEADER.size))
            name = file.read(name_length).decode("utf-8" if self.flags & _UTF8_NAME else "cp437")
            if (signature, name) != (_SIGNATURE, self.listed_name):
                raise zipfile.BadZipFile("its header is not where the archive's list says")
            file.seek(extra_length, os.SEEK_CUR)
            return file.read(self.packed_size)

    def _inflated(self, packed: bytes) -> bytes:
        """Inflate, but never to more than what is listed, nor for a size that cannot be."""
        if self.size > _MOST_A_BYTE * self.packed_size:
            raise zipfile.BadZipFile(
                f"{self.size} bytes listed, more than {self.packed_size} packed bytes can hold"
            )
        stream = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)
        try:
            data = stream.decompress(packed, self.size + 1)
        except INFLATE_ERROR as error:
            raise zipfile.BadZipFile(f"its packed bytes are damaged: {error}") from error
        if len(data) > self.size:
            raise zipfile.BadZipFile(f"more than the {self.size} bytes listed")
        if not stream.eof:
            raise zipfile.BadZipFile(f"the packed bytes end after {len(data)} of {self.size} bytes")
        return data


@lru_cache(maxsize=8)
def opened(archive: Path, process: int) -> zipfile.ZipFile:
    """Open an archive once a process: a forked one must not share the place in the file with its parent."""
    return zipfile.ZipFile(archive)


def members(archive: Path) -> list[ZipMember]:
    """List the files, not the folders, of an archive.

    Raises:
        OSError, or what :class:`zipfile.ZipFile` raises: it cannot be read.
    """
    with zipfile.ZipFile(archive) as opened_archive:
        return [ZipMember.of(entry) for entry in opened_archive.infolist() if not entry.is_dir()]
