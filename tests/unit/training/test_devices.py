"""As many processes run as devices were asked for, or none."""

import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.training.config import TrainingConfig
from skelact.training.devices import beside_steps, check_same_data, make_fabric, other_arithmetic

JOB = {"NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "JOB_ID": "7", "JOB_NAME": "ntu60"}
CODE = """
from skelact.errors import ConfigurationError
from skelact.training.config import TrainingConfig
from skelact.training.devices import make_fabric

assert make_fabric(TrainingConfig(accelerator="cpu")).world_size == 1
try:
    make_fabric(TrainingConfig(accelerator="cpu", devices=2))
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_job_of_one_task_with_several_devices_is_refused_instead_of_using_one():
    # a process of its own: the group of processes that starts here would be that of all later tests
    job = {f"SLURM_{name}": value for name, value in JOB.items()}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(
        command, env={**os.environ, **job}, capture_output=True, text=True, timeout=120, check=True
    )
    assert "2 were asked for, but 1 processes run" in done.stdout
    assert "unset SLURM_NTASKS" in done.stdout


def test_convolutions_of_a_run_are_not_rounded_to_tf32(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    make_fabric(TrainingConfig(accelerator="cpu"))
    assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"


def test_torchrun_with_other_processes_on_a_machine_than_devices_is_told(monkeypatch):
    machine = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "GROUP_RANK": "0", "LOCAL_WORLD_SIZE": "2"}
    torchrun = {"TORCHELASTIC_RUN_ID": "x", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in {**machine, **torchrun}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="torchrun starts 2 processes here; give --devices 2 or"):
        make_fabric(TrainingConfig(accelerator="cpu", devices=1, nodes=2))


def test_machines_with_other_data_do_not_begin():
    rows = np.arange(3)
    ours = SimpleNamespace(world_size=2, global_rank=1, broadcast=lambda own: own)
    check_same_data(ours, "store", "hash", rows)
    firsts = []
    first = SimpleNamespace(world_size=2, global_rank=0, broadcast=lambda own: firsts.append(own) or own)
    for content_hash, others in (("hash", np.arange(4)), ("another", rows)):
        check_same_data(first, "store", content_hash, others)
        second = SimpleNamespace(world_size=2, global_rank=1, broadcast=lambda own: firsts[-1])
        with pytest.raises(DataError, match="store: process 1 has other data there than the first one"):
            check_same_data(second, "store", "hash", rows)


LEFT = """
import atexit
import torch.distributed
from skelact.training.config import TrainingConfig
from skelact.training.devices import make_fabric

atexit.register(lambda: print("group left", not torch.distributed.is_initialized()))  # runs last
fabric = make_fabric(TrainingConfig(accelerator="cpu", devices=2, batch_size=2))
assert torch.distributed.is_initialized()
fabric.barrier()
"""


@pytest.mark.slow
def test_processes_leave_their_group_before_python_ends(tmp_path):
    # else torch aborts now and then: the threads by which they talk are still there when Python is not
    (tmp_path / "left.py").write_text(LEFT)
    command = [sys.executable, str(tmp_path / "left.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "group left True" in done.stdout
    assert "group left False" not in done.stdout


@pytest.mark.parametrize(
    ("has_instructions", "told", "computes"),
    [(True, "AVX512", True), (False, "AVX512", False), (True, "AVX2", False)],
)
def test_bfloat16_is_computed_where_the_processor_has_it(monkeypatch, has_instructions, told, computes):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_instructions)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: told)
    config = TrainingConfig(precision="bf16", accelerator="cpu")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fabric = make_fabric(config)
    lines = [str(each.message) for each in caught if issubclass(each.category, SkelactWarning)]
    assert any("computes in float32" in line for line in lines) is not computes
    assert other_arithmetic(config) == ({} if computes else {"computed_in": "32"})
    with fabric.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if computes else torch.float32)


def test_batches_are_made_in_a_stream_of_their_own_and_ready_when_they_are_given(monkeypatch):
    did = []

    class Stream:
        def __init__(self, device):
            did.append(f"stream of {device}")

        def __enter__(self):
            did.append("in it")

        def __exit__(self, *_):
            did.append("out of it")

        def synchronize(self):
            did.append("all is done")

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)

    def make(item):
        did.append(f"made {item}")
        return -item

    beside = beside_steps(make, torch.device("cuda", 1))
    assert [beside(1), beside(2)] == [-1, -2]
    each = [["in it", f"made {item}", "all is done", "out of it"] for item in (1, 2)]
    assert did == ["stream of cuda:1", *each[0], *each[1]]
    assert beside_steps(make, torch.device("cpu")) is make
