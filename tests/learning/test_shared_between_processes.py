"""Two processes that share a batch unevenly keep one memory bank and take one set of batch statistics."""

import subprocess
import sys

import pytest
import torch

from skelact.models.sizes import STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.pretraining.contrastive.memory_bank import MemoryBank
from skelact.skeleton.topology import Topology

LINE = Topology("line", ("a", "b", "c"), (0, 0, 1))
SHARES = [(slice(0, 5), slice(5, 7)), (slice(0, 0), slice(0, 7)), (slice(0, 7), slice(7, 7))]
"""Which clips of the batch each process has in each step; in two steps one of them has none."""

PROCESS = """
import sys
import torch
import torch.distributed as dist
from {module} import learn, SHARES

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{{folder}}/meeting", rank=rank, world_size=2)
torch.save(learn([shares[rank] for shares in SHARES]), f"{{folder}}/{{rank}}.pt")
dist.barrier()
dist.destroy_process_group()
"""


def learn(shares):
    """Sum the gradients of three steps, and fill a bank of which 20 keys are no multiple of 7."""
    torch.manual_seed(0)
    network = STGCN(STGCNConfig(channels=(4, 6), strides=(1, 2), kernel=3, dropout=0.0), LINE).train()
    bank = MemoryBank(20, 6)
    for step, share in enumerate(shares):
        generator = torch.Generator().manual_seed(step)
        clips = torch.randn(7, 2, 5, 3, 3, generator=generator)
        weights = torch.randn(7, 2, 3, 3, 6, generator=generator)
        present = torch.tensor([[True, n % 3 == 0] for n in range(7)])
        features = network(clips[share], present[share])
        (features * weights[share]).sum().backward()
        bank.add(features.mean((1, 2, 3)))
    gradients = {f"gradient {name}": value.grad for name, value in network.named_parameters()}
    return {**gradients, **network.state_dict(), **{f"bank {k}": v for k, v in bank.state_dict().items()}}


@pytest.mark.slow
def test_two_processes_compute_what_one_does(tmp_path):
    script = PROCESS.format(module="learning.test_shared_between_processes")
    root = __file__.rsplit("/learning/", 1)[0]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(rank), str(tmp_path)],
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    alone = learn([slice(0, 7)] * 3)
    assert alone["bank num_batches"] == 3
    assert (alone["bank born"] > 0).all()
    for name, value in alone.items():
        if name.startswith("gradient"):  # each process has the part of the loss that is its own
            torch.testing.assert_close(first[name] + second[name], value, rtol=1e-4, atol=1e-4, msg=name)
        else:
            torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5, msg=name)
            assert torch.equal(first[name], second[name]), name
