"""Two processes learn what one learns at the same global batch."""

import subprocess
import sys

import pytest

from skelact.training.log import read_metrics


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tiny_run, store_path, tmp_path, pretrain_arguments):
    out = tmp_path / "two"
    arguments = pretrain_arguments(
        store_path, out, "--training.devices", "2", "--training.accelerator", "cpu"
    )
    command = [sys.executable, "-m", "skelact.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    one, two = (read_metrics(folder / "metrics.jsonl") for folder in (tiny_run, out))
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], abs=1e-5)
        assert b["step"] == a["step"]
