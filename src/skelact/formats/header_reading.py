"""Reading the lists of archives: no more bytes at once than an honest list or header has."""

from __future__ import annotations

import re
from typing import BinaryIO

_LONG_NUMBER = re.compile(rb"\d{256}")  # longer than a file's name; it takes tarfile's patterns very long

_BLOCK = 1 << 20


class TooLongError(ValueError):
    """A header that announces more bytes than there should be."""


class HeaderFile:
    """An open file as :mod:`tarfile` and :mod:`zipfile` take it, of which few bytes can be read at once."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._most = file, most
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, count: int = -1) -> bytes:
        """Return up to ``count`` bytes.

        Raises:
            TooLongError: they are more than this file gives at once, or hold a number of 256 digits.
        """
        if count > self._most:
            raise TooLongError(f"a header of {count:,} bytes, more than {self._most:,}")
        left = count if count >= 0 else self._most + 1
        data = b""
        while left and (block := self._file.read(min(left, _BLOCK))):  # a false count allocates nothing
            data += block
            left -= len(block)
        if len(data) > self._most or _LONG_NUMBER.search(data):
            raise TooLongError(f"a header of more than {self._most:,} bytes, or a number of 256 digits in it")
        return data
