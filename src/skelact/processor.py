"""How computation uses this machine's processor: compiled code, and large blocks of memory.

glibc gives every large block back to the system as soon as it is freed, and takes it afresh for the next
tensor of the same size, page by page. A training step asks for the same blocks over and over: keeping them
saves the time of clearing those pages.
"""

from __future__ import annotations

import ctypes
import os
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from glibc's malloc.h
_NEW_LIMIT, _OLD_LIMIT = 1 << 30, 1 << 25  # older versions refuse thresholds above 32 MiB


NO_NUMBA = "SKELACT_NO_NUMBA"
"""Environment variable: 1 leaves the compiled NTU scanner and the compiled clips out."""


def numba_is_wanted() -> bool:
    """Tell whether code that numba compiles is to be used: unless the environment says no."""
    return os.environ.get(NO_NUMBA, "0") in ("", "0")


def keep_large_blocks() -> bool:
    """Make this process keep freed memory for later, up to blocks of 1 GiB; commands do so when they start.

    The setting holds for the whole process, so a library's user decides: call it once before training or
    extracting features on a CPU. Resident memory stays at its peak afterwards.

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
