"""The folder in which a store is written until it is complete: ``<path>.partial``.

It belongs to one process at a time, by a lock that ends with the process, however it ends. What a killed one
left is removed by the next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from skelact.errors import DataError
from skelact.store.metadata import META

try:
    import fcntl
except ImportError:  # no such locks on this system: nothing tells two preparations of one store apart
    fcntl = None  # type: ignore[assignment]


class PartialFolder:
    """Makes and locks the folder, and removes what an earlier process left there.

    Args:
        path: where the store is to appear.
        overwrite: a store may stand there; it is replaced when the new one is complete.

    Raises:
        DataError: ``path`` exists (with ``overwrite``: and is no store), the folder cannot be made, or
            another process is writing this store.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path, self._partial = path, path.with_name(path.name + ".partial")
        self.folder = self._partial / "store"
        """What becomes the store."""
        self.had_leftover = False
        """Whether an unfinished store was found, and removed."""
        self._replaced, self._lock_path = self._partial / "replaced", self._partial / "lock"
        if not self._partial.exists():
            self._check_target(overwrite)
        try:
            self._lock = self._acquire()
            try:
                self._restore()
                self._check_target(overwrite)
                self._remove_leftovers()
                self.folder.mkdir()
            except BaseException:
                self.discard()
                raise
        except OSError as error:
            raise DataError(
                f"{self._partial}: cannot be made ({error.strerror}); choose another place"
            ) from error

    def publish(self) -> None:
        """Bring everything to the disk, and rename the folder to ``path``."""
        for file in self.folder.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        if self.path.exists():
            os.replace(self.path, self._replaced)
        os.replace(self.folder, self.path)
        self.discard()

    def discard(self) -> None:
        """Remove the folder, and end the lock. A store that was about to be replaced stays."""
        if self._lock.closed:  # from then on it may be another process's
            return
        with contextlib.suppress(OSError):
            self._restore()
            shutil.rmtree(self.folder, ignore_errors=True)
            self._lock_path.unlink()  # last: the next process may begin from here on
            self._partial.rmdir()
        self._lock.close()

    def _check_target(self, overwrite: bool) -> None:
        if self.path.exists() and not overwrite:
            raise DataError(f"{self.path}: exists already; choose another name or overwrite it (--overwrite)")
        if self.path.exists() and not (self.path / META).is_file():
            raise DataError(
                f"{self.path}: exists and is no store, so it is not overwritten; choose another name"
            )

    def _acquire(self) -> BinaryIO:
        while True:
            self._partial.mkdir(parents=True, exist_ok=True)
            try:
                file = self._lock_path.open("ab")
            except FileNotFoundError:  # whoever had it removed the folder just now
                continue
            if fcntl is None:
                return file
            try:  # such a lock ends with its process, and its workers do not inherit it
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file.fileno()), self._lock_path.stat()):
                    return file
            except FileNotFoundError:  # likewise
                pass
            except (BlockingIOError, PermissionError) as error:
                file.close()
                raise DataError(
                    f"{self._partial}: another process is preparing this store; wait for it or choose "
                    "another name"
                ) from error
            file.close()

    def _restore(self) -> None:
        """Undo a replacement that was stopped between its two renames, or end it when it was done."""
        if self._replaced.is_dir():
            if self.path.exists():
                shutil.rmtree(self._replaced)
            else:
                os.replace(self._replaced, self.path)

    def _remove_leftovers(self) -> None:
        for entry in self._partial.iterdir():
            if entry != self._lock_path:
                self.had_leftover = True
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
