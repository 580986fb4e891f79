"""One array of a store under construction: a file that only grows, hashed while it does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class ArrayFile:
    """The array at ``path``; bytes that are there already are kept, and read once for the hash."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        with path.open("rb") as before:
            self._digest = hashlib.file_digest(before, "sha256")

    def append(self, data: bytes) -> None:
        """Put ``data`` behind what is there."""
        self._file.write(data)
        self._digest.update(data)

    def sync(self) -> None:
        """Bring everything to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        self._file.close()

    @property
    def is_closed(self) -> bool:
        """Whether nothing more can be appended."""
        return self._file.closed

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes, in hexadecimal."""
        return self._digest.hexdigest()
