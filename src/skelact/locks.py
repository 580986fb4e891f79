"""Locks for processes that would write the same folder; they end with the process, however it ends.

A lock is advisory and lies in a file that says who holds it. Processes that the holder starts do not inherit
it. Where the system or the file system knows no locks, everybody gets one.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import stat
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from skelact.errors import DataError, SkelactError

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

LOCK = ".skelact-lock"
"""Name of the file in the folder that is locked."""
_HOLDER = re.compile(r"process (\d{1,10}) on ([\w.-]{1,255}) since [\d-]{10} [\d:]{8} UTC")
_FLOCK = "hhqqi4x"
"""What Linux says of a lock, on machines with 64 bits: kind, whence, start, length and process."""
_held: set[Path] = set()
"""Folders that this process holds, for the system would give them to it a second time."""
_door = threading.Lock()
"""Lets threads look into :data:`_held` one by one."""


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
        with _door:
            if self._key in _held:
                raise refusal(f"this process, {os.getpid()}")
            _held.add(self._key)
        try:
            self._file = self._acquire(refusal)
        except BaseException:
            _held.discard(self._key)
            raise
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
                _lock(file)
                if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    return file
            except FileNotFoundError:  # likewise
                pass
            except (BlockingIOError, PermissionError) as error:
                holder = _read_holder(self.path)
                file.close()
                raise refusal(holder) from error
            file.close()


@contextlib.contextmanager
def held_file(path: Path) -> Iterator[None]:
    """Make an empty file, or empty what is there, and hold it; wait for whoever else holds it so.

    Where the system or the file system knows no such locks, everybody gets it.

    Raises:
        OSError: it cannot be made.
    """
    is_held = fcntl is None
    if is_held:
        yield
    while not is_held:
        with path.open("ab") as file:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):  # whoever had it has renamed or removed it just now
                is_held = os.path.samestat(os.fstat(file.fileno()), path.stat())
            if is_held:
                file.truncate(0)
                try:
                    yield
                finally:
                    with contextlib.suppress(OSError):  # children may have it open still
                        fcntl.flock(file, fcntl.LOCK_UN)


def holder_of(folder: Path) -> str | None:
    """Return who holds the lock on a folder; None where nobody does, or no locks are known here."""
    if folder.resolve() in _held:
        return f"this process, {os.getpid()}"
    if fcntl is None:
        return None
    try:
        with _open(folder / LOCK, os.O_RDONLY) as file:
            if _tells_processes():  # without taking the lock, which another process may want just now
                return None if _process_of(file) is None else _read_holder(folder / LOCK)
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return _read_holder(folder / LOCK)
    except OSError:  # not there, or a file system without locks
        return None
    return None


def holding_process(folder: Path) -> int:
    """Return the number of the process that holds the lock on a folder, where that is certain.

    The system names it, and it has written itself down as the holder, on this machine.

    Raises:
        DataError: nobody holds the lock, or it is not certain who does; the message says why.
    """
    if folder.resolve() in _held:
        raise DataError(f"{folder}: is held by this very process")
    if not _tells_processes():
        raise DataError(f"{folder}: this system does not tell which process is at work there")
    try:
        with _open(folder / LOCK, os.O_RDONLY) as file:
            number = _process_of(file)
    except OSError as error:
        raise DataError(f"{folder}: no process is at work there") from error
    if number is None:
        raise DataError(f"{folder}: no process is at work there")
    written = _HOLDER.fullmatch(_read_holder(folder / LOCK))
    if written is None or int(written[1]) != number or written[2] != platform.node():
        raise DataError(f"{folder}: it is not certain which process is at work there; it may be elsewhere")
    return number


def end_holder(folder: Path) -> int:
    """Ask the process that holds the lock on a folder to end (SIGTERM), and no other; return its number.

    Raises:
        DataError: as of :func:`holding_process`; or it may not be asked, as another user's.
    """
    number = holding_process(folder)
    try:
        handle = os.pidfd_open(number)  # from here on the number cannot be another process's
    except OSError as error:
        raise DataError(f"{folder}: process {number} cannot be asked to end ({error.strerror})") from error
    try:
        if holding_process(folder) != number:
            raise DataError(f"{folder}: another process is at work there now; try again")
        signal.pidfd_send_signal(handle, signal.SIGTERM)
    except OSError as error:
        raise DataError(f"{folder}: process {number} cannot be asked to end ({error.strerror})") from error
    finally:
        os.close(handle)
    return number


def _tells_processes() -> bool:
    """Return whether the system says which process holds a lock, and can be asked to end that one alone."""
    is_known = sys.platform == "linux" and struct.calcsize("P") == 8 and fcntl is not None
    return is_known and hasattr(signal, "pidfd_send_signal")


def _process_of(file: BinaryIO) -> int | None:
    """Return the process that has locked an open file, 0 for one of another machine; None: nobody."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, number = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else max(int(number), 0)


def _open(path: Path, flags: int = os.O_RDWR | os.O_CREAT | os.O_APPEND) -> BinaryIO:
    """Open the file of a lock, made where it is missing; no link is followed, no pipe waited for."""
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):  # not on every system
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is no file")
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "rb", buffering=0)


def _lock(file: BinaryIO) -> None:
    """Lock an open file, where locks are known.

    Raises:
        BlockingIOError: another process has locked it; on some systems a ``PermissionError``.
    """
    if fcntl is None:
        return
    try:  # such a lock ends with its process, and its children do not inherit it
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise
    except OSError:  # a file system without locks
        pass


def _holder() -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return f"process {os.getpid()} on {platform.node()} since {since}"


def _read_holder(path: Path) -> str:
    """Return what a lock says of its holder, as far as it is what we write there."""
    with contextlib.suppress(OSError):
        with _open(path, os.O_RDONLY) as file:
            text = file.read(400).decode("utf-8", "replace")
        if _HOLDER.fullmatch(text):
            return text
    return "another process"
