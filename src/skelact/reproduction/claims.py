"""Claims: of several workers, on one machine or many, only one does a command at a time.

A claim is a small file that can be made once. Its holder touches it while it works; one that nobody touches
for a while, or whose process is gone from this machine, is taken over. That while is measured by one's own
watch from the first look on: clocks of machines and file servers differ, and jump.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from msgspec import Meta

from skelact.errors import DataError
from skelact.files import read_json, writing

TOUCHED_EVERY = 20.0
"""Seconds from one touch to the next."""
ABANDONED_AFTER = 300.0
"""Seconds without a touch after which a claim is anybody's."""
_looks: dict[Path, tuple[int, float]] = {}
"""Of claims of others: the touch that was seen last, and when by one's own watch it was seen first."""


@dataclass(frozen=True)
class Claim:
    """What a claim's file says of its holder."""

    host: str
    pid: Annotated[int, Meta(ge=1, lt=1 << 31)]
    token: str


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold the claim ``path`` while the block runs, if nobody else does.

    Yields:
        Whether it is held; where it is not, the block must leave the work alone.
    """
    own = uuid4().hex
    if not _taken(path, own):
        yield False
        return
    done = threading.Event()
    toucher = threading.Thread(target=_touch, args=(path, done), daemon=True)
    toucher.start()
    try:
        yield True
    finally:
        done.set()
        toucher.join()
        if _token(path) == own:  # not taken over meanwhile
            path.unlink(missing_ok=True)


def _taken(path: Path, own: str) -> bool:
    """Make the claim's file, in place of an abandoned one if need be; return whether that went well."""
    holder = _holder(path)
    if holder is not None:
        if not _is_abandoned(path, holder):
            return False
        aside = path.with_name(f"{path.name}.{own}")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return False  # somebody else was faster
        taken = _holder(aside)
        if taken is not None and taken.get("token") != holder.get("token"):
            aside.rename(path)  # it had just been taken over: it goes back
            return False
        aside.unlink()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                json.dump({"host": _this_machine(), "pid": os.getpid(), "token": own}, file)
        except FileExistsError:
            return False
    return True


def _holder(path: Path) -> dict[str, object] | None:
    """Return who holds a claim, None where nobody does; a claim that is just being made has no entries."""
    try:
        content = read_json(path, schema=Claim)
    except DataError:
        return {} if os.path.lexists(path) else None
    return asdict(content)


def _token(path: Path) -> object:
    return (_holder(path) or {}).get("token")


def _is_abandoned(path: Path, holder: dict[str, object]) -> bool:
    """Tell whether a claim's process is gone from here, or nobody has touched it since it was seen first."""
    try:
        touched = path.stat().st_mtime_ns
    except FileNotFoundError:
        return False
    pid = holder.get("pid")
    if holder.get("host") == _this_machine() and isinstance(pid, int):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # somebody else's, and alive
            pass
    before, since = _looks.setdefault(path, (touched, time.monotonic()))
    if before != touched:
        _looks[path] = (touched, time.monotonic())
        return False
    return time.monotonic() - since > ABANDONED_AFTER


@cache
def _this_machine() -> str:
    """Return the host's name with what tells it, and a container on it, from others that are called so."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _touch(path: Path, done: threading.Event) -> None:
    while not done.wait(TOUCHED_EVERY):
        try:
            os.utime(path)
        except OSError:  # gone, or a file system that is away for a moment
            continue
