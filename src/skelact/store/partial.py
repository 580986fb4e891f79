"""The folder in which a store is written until it is complete: ``<path>.partial``.

It belongs to one process at a time, see :mod:`skelact.locks`. What a killed one left is removed by the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
from pathlib import Path

from skelact.errors import DataError
from skelact.files import beside
from skelact.locks import LOCK, FolderLock
from skelact.store.metadata import META

_OWN = {LOCK, "store", "replaced", "arrays", "journal.jsonl"}
"""What stands in the folder; the last two of earlier versions."""
_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of Linux


def exchange(first: Path, second: Path) -> bool:
    """Let two folders change places in one step; return False where the system or the disk cannot.

    Raises:
        OSError: they cannot for another reason, as one that is missing.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(second))


class PartialFolder:
    """Makes and locks the folder, and removes what an earlier process left there.

    Args:
        path: where the store is to appear.
        overwrite: a store may stand there; it is replaced when the new one is complete.

    Raises:
        DataError: ``path`` exists (with ``overwrite``: and is no store), the folder cannot be made or holds
            anything else, or another process is writing this store.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path = path.resolve() if path.is_symlink() else path  # the link stays, to the new store
        self._partial = beside(self.path, ".partial")
        self.folder = self._partial / "store"
        """What becomes the store."""
        self.had_leftover = False
        """Whether an unfinished store was found, and removed."""
        self._replaced = self._partial / "replaced"
        if not self._partial.exists():
            self._check_target(overwrite)
        try:
            self._lock = FolderLock(self._partial, self._refusal)
            self._lock.has_made = True  # the whole folder goes, whoever made it
            self._check_own()
            try:
                self._restore()
                self._check_target(overwrite)
                self._remove_leftovers()
                self.folder.mkdir()
            except BaseException:
                self.discard()
                raise
        except OSError as error:
            with contextlib.suppress(OSError):  # on a full disk the folder may be there, and empty
                self._partial.rmdir()
            raise DataError(
                f"{self._partial}: cannot be made ({error.strerror or error}); choose another place"
            ) from error

    def publish(self) -> None:
        """Bring everything to the disk, and rename the folder to ``path``."""
        for file in self.folder.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        if not self.path.exists():
            os.replace(self.folder, self.path)
        elif exchange(self.folder, self.path):  # at no moment is there no store
            os.replace(self.folder, self._replaced)
        else:
            os.replace(self.path, self._replaced)
            os.replace(self.folder, self.path)
        self.discard()

    def discard(self) -> None:
        """Remove the folder, and end the lock. A store that was about to be replaced stays."""
        if not self._lock.is_held:  # from then on it may be another process's
            return
        with contextlib.suppress(OSError):
            self._restore()
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()  # last: the next process may begin from here on

    def _check_target(self, overwrite: bool) -> None:
        if self.path.exists() and not (self.path / META).is_file():
            raise DataError(f"{self.path}: exists already and is no store; choose another name")
        if self.path.exists() and not overwrite:
            raise DataError(f"{self.path}: exists already; choose another name or overwrite it (--overwrite)")

    def _check_own(self) -> None:
        """Leave a folder that somebody else has called so as it is."""
        others = sorted(entry.name for entry in self._partial.iterdir() if entry.name not in _OWN)
        if others:
            self._lock.release()
            raise DataError(
                f"{self._partial}: holds {others[0]}, which is of no unfinished store; move it away or "
                "choose another name"
            )

    def _refusal(self, holder: str) -> DataError:
        return DataError(
            f"{self._partial}: {holder} is preparing this store; wait for it or choose another name"
        )

    def _restore(self) -> None:
        """Undo a replacement that was stopped between its two renames, or end it when it was done."""
        if self._replaced.is_dir():
            if not self.path.exists():
                os.replace(self._replaced, self.path)
            elif self._replaced.is_symlink():  # an older version took links for folders
                self._replaced.unlink()
            else:
                shutil.rmtree(self._replaced)

    def _remove_leftovers(self) -> None:
        for entry in self._partial.iterdir():
            if entry != self._lock.path:
                self.had_leftover = True
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
