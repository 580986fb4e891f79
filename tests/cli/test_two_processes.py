"""Two processes learn what one learns at the same global batch, and stop together."""

import subprocess
import sys

import pytest

from skelact.training.log import read_metrics

ROUNDING = 3e-5
"""How far two orders of summation may lead apart: float32's 1.2e-7 times the root of the numbers in a loss.

Those are 80 hidden tokens of 24 numbers for each of the 16 to 32 bodies of a batch, 61,440 at most.
"""
STOPPED = """
import os, signal, sys
from skelact.cli.main import main
from skelact.pretraining.masked.task import MaskedTask

loss = MaskedTask.loss

def ask_one_to_stop(task, model, batch):
    if os.environ.get("LOCAL_RANK") == "1":
        os.kill(os.getpid(), signal.SIGTERM)
    return loss(task, model, batch)

MaskedTask.loss = ask_one_to_stop
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 3])
def test_two_processes_give_the_losses_of_one(tiny_run, store_path, tmp_path, pretrain_arguments, accumulate):
    out = tmp_path / "two"
    arguments = pretrain_arguments(
        store_path, out, "--devices", "2", "--training.accelerator", "cpu", "--accumulate", str(accumulate)
    )
    command = [sys.executable, "-m", "skelact.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": stjd-mp (tiny), 3 epochs") == 1  # one process speaks for both
    one, two = (read_metrics(folder / "metrics.jsonl") for folder in (tiny_run, out))
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        for name in ("loss", "grad_norm"):
            assert b[name] == pytest.approx(a[name], rel=ROUNDING), name
        assert b["step"] == a["step"]


@pytest.mark.slow
def test_when_one_process_is_asked_to_stop_both_do_and_one_says_so(store_path, tmp_path, pretrain_arguments):
    (tmp_path / "stopped.py").write_text(STOPPED)
    more = ["--devices", "2", "--training.accelerator", "cpu"]
    arguments = pretrain_arguments(store_path, tmp_path / "run", *more)
    command = [sys.executable, str(tmp_path / "stopped.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("stopped after step 1 ") == 1
    assert (tmp_path / "run" / "checkpoints" / "step-000000001.safetensors").exists()
