"""Work in a child process of its own: with a bound of time and of memory, and a look at how it ended."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SECONDS = 60.0
"""After which work counts as one without end."""
MEMORY = 2 << 30
"""Bytes of address space that work may take beyond what the parent has."""
LARGEST_FILE = 256 << 20
"""Bytes of a file that work may write."""
CRASHED = 99
Work = Callable[[], int | None]


@dataclass(frozen=True)
class Ended:
    """How work ended."""

    status: int
    """Exit status; below zero: the signal."""
    text: str
    """What it wrote to the standard error."""
    is_endless: bool = False
    cpu_seconds: float = 0.0
    """Of endless work: what it computed; next to nothing where it hangs."""

    @property
    def fault(self) -> str:
        """What is wrong with the end, empty where nothing is: a result, or a mistake told in one line."""
        lines = self.text.splitlines()
        if self.is_endless:
            return "no end"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        if "Traceback (most recent call last)" in self.text:
            return f"traceback: {lines[-1][:200]}"
        if self.status not in (0, 1, 2):
            return f"status {self.status}: {lines[-1:]}"
        if not all(line.isprintable() for line in lines):
            return f"raw characters: {self.text[:200]!r}"
        if self.status == 2 and sum(line.startswith("skelact: ") for line in lines) < 1:
            return f"status 2 without a word: {self.text[:200]!r}"
        return ""


def in_child(work: Work, folder: Path, seconds: float = SECONDS) -> Ended:
    """Run ``work`` in a child process and return how it ended.

    Args:
        work: what is done; what it returns is the exit status, None for 0.
        folder: a place for the child's output.
        seconds: after which it and its children are killed outright.
    """
    (ended,) = in_children([work], folder, seconds)
    return ended


def in_children(works: Sequence[Work], folder: Path, seconds: float = SECONDS) -> list[Ended]:
    """Run works side by side, each in a child process, and return how they ended."""
    with ExitStack() as files:
        outputs = [files.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in works]
        until, children = time.monotonic() + seconds, []
        for work, output in zip(works, outputs, strict=True):
            child = os.fork()
            if child == 0:
                _be_the_child(work, output.fileno())
            children.append(child)
        return [_end(child, until, output) for child, output in zip(children, outputs, strict=True)]


def _end(child: int, until: float, output: BinaryIO) -> Ended:
    status = _wait(child, until)
    is_endless = status is None
    if status is None:
        os.kill(child, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what it has started
    cpu_seconds = 0.0
    if status is None:
        _, code, used = os.wait4(child, 0)
        status, cpu_seconds = os.waitstatus_to_exitcode(code), used.ru_utime + used.ru_stime
    output.seek(0)
    return Ended(status, output.read(1 << 20).decode(errors="replace"), is_endless, cpu_seconds)


def _be_the_child(work: Work, output: int) -> None:
    status = CRASHED
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        status = work() or 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _wait(child: int, until: float) -> int | None:
    """Return how the child ended, None where it has not by then."""
    pause = 0.001
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(pause, left))
        pause = min(2 * pause, 0.02)
