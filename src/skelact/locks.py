"""Locks for processes that would write the same folder; they end with the process, however it ends.

A lock is advisory and lies in a file that says who holds it. Processes that the holder starts do not inherit
it. Where the system or the file system knows no locks, everybody gets one.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from skelact.errors import SkelactError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

LOCK = ".skelact-lock"
"""Name of the file in the folder that is locked."""
_HOLDER = re.compile(r"process \d{1,10} on [\w.-]{1,255} since [\d-]{10} [\d:]{8} UTC")
_held: set[Path] = set()
"""Folders that this process holds, for the system would give them to it a second time."""


class FolderLock:
    """A lock on a folder, held until :meth:`release`.

    Args:
        folder: what is locked; made, with all above it, where it is missing.
        refusal: makes the error for a folder that is locked, of words that say by whom.

    Raises:
        SkelactError: what ``refusal`` makes.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, refusal: Callable[[str], SkelactError]) -> None:
        self.folder, self.path = folder, folder / LOCK
        self.has_made = not folder.exists()
        """Whether the folder was not there before."""
        self._key = folder.resolve()
        if self._key in _held:
            raise refusal(f"this process, {os.getpid()}")
        self._file = self._acquire(refusal)
        _held.add(self._key)
        with contextlib.suppress(OSError):  # a full disk: then it does not say whose it is
            self._file.truncate(0)
            self._file.write(_holder().encode())

    @property
    def is_held(self) -> bool:
        """Whether it was not released yet."""
        return not self._file.closed

    def release(self) -> None:
        """Remove the file, and the folder if nothing else is left in what was made; end the lock.

        From then on it may be another process's.
        """
        if not self.is_held:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        if self.has_made:
            with contextlib.suppress(OSError):  # something is in it
                self.folder.rmdir()
        _held.discard(self._key)
        with contextlib.suppress(OSError):  # what a full disk did not take
            self._file.close()

    def _acquire(self, refusal: Callable[[str], SkelactError]) -> BinaryIO:
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                file = _open(self.path)
            except FileNotFoundError:  # whoever had it removed the folder just now
                continue
            try:
                if _locks(file) and os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    return file
            except FileNotFoundError:  # likewise
                pass
            except (BlockingIOError, PermissionError) as error:
                holder = _read_holder(self.path)
                file.close()
                raise refusal(holder) from error
            file.close()


def holder_of(folder: Path) -> str | None:
    """Return who holds the lock on a folder; None where nobody does, or no locks are known here."""
    if folder.resolve() in _held:
        return f"this process, {os.getpid()}"
    if fcntl is None:
        return None
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return _read_holder(folder / LOCK)
    except OSError:  # not there, or a file system without locks
        return None
    return None


def _open(path: Path) -> BinaryIO:
    """Open the file of a lock, made where it is missing; no link is followed, no pipe waited for."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):  # not on every system
        flags |= getattr(os, name, 0)
    file = os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path.name} is no file")
    return file


def _locks(file: BinaryIO) -> bool:
    """Lock an open file; True also where locks are not known."""
    if fcntl is not None:
        try:  # such a lock ends with its process, and its children do not inherit it
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise
        except OSError:  # a file system without locks
            pass
    return True


def _holder() -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return f"process {os.getpid()} on {platform.node()} since {since}"


def _read_holder(path: Path) -> str:
    """Return what a lock says of its holder, as far as it is what we write there."""
    with contextlib.suppress(OSError):
        with path.open("rb") as file:
            text = file.read(400).decode("utf-8", "replace")
        if _HOLDER.fullmatch(text):
            return text
    return "another process"
