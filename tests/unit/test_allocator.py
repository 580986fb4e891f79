"""Large blocks stay with the process."""

import platform
import subprocess
import sys

import pytest

MEASURE = """
import resource
from skelact.processor import keep_large_blocks
import numpy as np

if {keep}:
    assert keep_large_blocks()
for _ in range(3):
    np.ones(1 << 23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(keep: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(keep=keep)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_kept_blocks_are_not_fetched_page_by_page_again():
    assert page_faults(keep=True) < page_faults(keep=False) / 10
