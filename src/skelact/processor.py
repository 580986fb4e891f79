"""How a process uses this machine's processor: threads, waiting, large blocks of memory, compiled code.

A library's user decides on such things, which hold for the whole process; commands call
:func:`set_up_command` when they start.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import MutableMapping
from importlib.util import find_spec
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from glibc's malloc.h
_NEW_LIMIT, _OLD_LIMIT = 1 << 30, 1 << 25  # older versions refuse thresholds above 32 MiB

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""What makes waiting threads sleep, for any OpenMP runtime; the second is LLVM's and Intel's own."""
_ALSO_ABOUT_WAITING = ("GOMP_SPINCOUNT", "KMP_LIBRARY")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which a user sets the number of threads."""
SMALL = 1_000_000
"""Parameters below which a model has one thread: sizes tiny and demo."""

_most_threads: int | None = None
_is_command = False


def set_up_command() -> None:
    """Set this process up for a command; to be called before torch is imported."""
    global _is_command
    _is_command = True
    sleep_when_waiting(os.environ)
    keep_large_blocks()


def sleep_when_waiting(environment: MutableMapping[str, str]) -> None:
    """Make threads that wait for each other sleep instead of spinning; a user's own setting wins.

    A spinning thread holds its core. With another busy process on the machine, the thread that it waits for
    then does not get one, and everything takes a multiple of its time.

    Args:
        environment: variables of the process; OpenMP reads them when torch is imported.
    """
    if not any(name in environment for name in (*WAITING, *_ALSO_ABOUT_WAITING)):
        environment.update(WAITING)


def choose_threads(num_parameters: int) -> None:
    """In a command, give a small model one thread and any other all that torch began with.

    Where products are small, a second thread that sleeps while it waits gains little, and one that spins
    costs much beside other work. A user's ``OMP_NUM_THREADS`` wins. Outside of commands nothing is changed.

    Args:
        num_parameters: of the model that will run.
    """
    global _most_threads
    if not _is_command or any(name in os.environ for name in THREADS):
        return
    import torch  # here, for the variables above are set before it is imported

    if _most_threads is None:
        _most_threads = torch.get_num_threads()
    torch.set_num_threads(1 if num_parameters < SMALL else _most_threads)


NO_NUMBA = "SKELACT_NO_NUMBA"
"""Environment variable: 1 leaves the compiled NTU scanner and the compiled clips out."""


def numba_is_wanted() -> bool:
    """Tell whether code that numba compiles is to be used: if it is there and the environment allows it."""
    return os.environ.get(NO_NUMBA, "0") in ("", "0") and find_spec("numba") is not None


def compiled(function: Any, signatures: Any, **options: Any) -> Any:
    """Compile a function for arguments of these types, or load what an earlier process compiled.

    Args:
        function: as numba can compile it.
        signatures: its types as numba writes them, a text or a list of texts.
        options: others of ``numba.njit``.
    """
    from numba import njit

    try:
        return njit(signatures, cache=True, **options)(function)
    except Exception:  # no folder for the cache can be written, or what lies in it is damaged
        return njit(signatures, **options)(function)


def keep_large_blocks() -> bool:
    """Make this process keep freed memory for later, up to blocks of 1 GiB.

    glibc gives every large block back to the system as soon as it is freed, and takes it afresh for the next
    tensor of the same size, page by page. A training step asks for the same blocks over and over: keeping
    them saves the time of clearing those pages. Resident memory stays at its peak afterwards.

    Returns:
        Whether it took effect: False where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return any(
        library.mallopt(_MMAP_THRESHOLD, limit) and library.mallopt(_TRIM_THRESHOLD, limit)
        for limit in (_NEW_LIMIT, _OLD_LIMIT)
    )
