"""A run that is killed outright goes on from its last checkpoint and ends where it would have ended."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from skelact.cli.main import main
from skelact.models.pretrained import load_pretrained
from skelact.training.log import read_metrics

KILLED = """
import os, signal, sys
from skelact.cli.main import main
from skelact.pretraining.masked.task import MaskedTask

loss, steps = MaskedTask.loss, 0

def die_in_the_middle(task, model, batch):
    global steps
    steps += 1
    if steps == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return loss(task, model, batch)

MaskedTask.loss = die_in_the_middle
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_run_ends_in_the_weights_of_an_uninterrupted_one(
    tiny_run, store_path, tmp_path, pretrain_arguments
):
    run = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, *pretrain_arguments(store_path, run)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < len(read_metrics(run / "metrics.jsonl")) < 3
    assert not (run / "weights.safetensors").exists()
    assert main(pretrain_arguments(store_path, run, "--resume")) == 0
    before, after = (load_file(folder / "weights.safetensors") for folder in (tiny_run, run))
    assert all(torch.equal(before[name], after[name]) for name in before)
    kept = ("epoch", "step", "loss", "grad_norm", "lr")
    whole, resumed = (read_metrics(folder / "metrics.jsonl") for folder in (tiny_run, run))
    assert [[line[key] for key in kept] for line in resumed] == [
        [line[key] for key in kept] for line in whole
    ]


@pytest.mark.slow
def test_a_run_stopped_while_its_card_is_written_is_not_taken_for_finished(
    store_path, tmp_path, pretrain_arguments, monkeypatch
):
    run, replace = tmp_path / "run", os.replace

    def stop_at_the_card(source, target):
        if target.name == "card.json":
            assert json.loads(source.read_text())["method"]  # complete, under another name
            assert (run / "weights.safetensors").exists()
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", stop_at_the_card)
        assert main(pretrain_arguments(store_path, run)) == 130
    assert not list(run.glob("card*"))
    assert main(pretrain_arguments(store_path, run, "--resume")) == 0
    assert load_pretrained(run).card["method"]
