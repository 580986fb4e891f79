"""How commands use the processor: waiting, threads, memory."""

import os
import platform
import subprocess
import sys
from typing import Any

import pytest
from numba import njit

from skelact.configuration import instantiate
from skelact.pretraining.config import MaskedRun
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.methods import find_method
from skelact.processor import SMALL, WAITING, compiled, sleep_when_waiting

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


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT"])
def test_a_users_own_way_of_waiting_stays(name):
    own = {name: "1"}
    sleep_when_waiting(own)
    assert own == {name: "1"}
    environment = {"PATH": "/bin"}
    sleep_when_waiting(environment)
    assert environment == {"PATH": "/bin", **WAITING}


THREADS = """
import os, sys
from skelact.processor import choose_threads, set_up_command

if {command}:
    set_up_command()
assert "torch" not in sys.modules
import torch

before = torch.get_num_threads()
choose_threads({small} - 1)
small = torch.get_num_threads()
choose_threads({small})
print(before, small, torch.get_num_threads(), os.environ.get("OMP_WAIT_POLICY"))
"""


def threads(command: bool, **variables: str) -> list[str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", *WAITING)
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", THREADS.format(command=command, small=SMALL)],
        check=True,
        capture_output=True,
        text=True,
        env={**environment, **variables},
    )
    return done.stdout.split()


def test_a_command_gives_small_models_one_thread():
    before, small, large, policy = threads(command=True)
    assert (small, large, policy) == ("1", before, "PASSIVE")


@pytest.mark.slow
def test_a_users_number_of_threads_stays():
    before, small, large, _ = threads(command=True, OMP_NUM_THREADS="2")
    assert before == small == large


@pytest.mark.slow
def test_outside_of_commands_nothing_is_changed():
    before, small, large, policy = threads(command=False)
    assert (small, large, policy) == (before, before, "None")


@pytest.mark.parametrize("size", ["tiny", "demo", "small", "compact", "base"])
def test_the_smallest_shipped_sizes_have_one_thread(size):
    content = find_method("stjd-mp").settings(size, {"data": ["store"], "protocol": ["xsub"]})
    config = instantiate(MaskedRun, content)
    encoder = config.model.encoder(25, 3, config.clips.num_frames)
    model = MaskedModel(encoder, config.model.decoder(), config.objective)
    is_small = sum(parameter.numel() for parameter in model.parameters()) < SMALL
    assert is_small == (size in ("tiny", "demo"))


def test_compiles_without_a_cache_where_none_can_be_kept():
    defined: dict[str, Any] = {}
    exec("def double(number): return 2 * number", defined)  # of no file, so numba has no place for its cache
    with pytest.raises(RuntimeError, match="cannot cache"):
        njit("int64(int64)", cache=True)(defined["double"])
    assert compiled(defined["double"], "int64(int64)")(21) == 42
