"""Two trainings in one folder: one goes on, the other says who is at work and leaves everything as it is."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from skelact.cli.main import main
from skelact.locks import LOCK
from skelact.synthetic import write_data_set
from skelact.training.log import read_metrics

pytestmark = pytest.mark.slow

SLOW = """
import sys, time
from pathlib import Path
from skelact.cli.main import main
from skelact.training import loop

write = loop.RunLog.write

def wait(log, metrics):
    write(log, metrics)
    Path(sys.argv[1]).touch()
    while not Path(sys.argv[2]).exists():
        time.sleep(0.01)

loop.RunLog.write = wait
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    write_data_set(folder / "raw", sequences=62, seed=1)
    assert (
        main(["data", "prepare", "ntu60", str(folder / "raw"), str(folder / "store"), "--workers", "1"]) == 0
    )
    return folder / "store"


def pretrain(store, out, *more):
    words = f"pretrain --data {store} --protocol xsub --method mamp --size tiny --out {out} --epochs 2"
    return [*words.split(), "--training.checkpoint_every", "1", "--training.tensorboard", "false", *more]


def supervised(store, out, *more):
    words = f"evaluate supervised --data {store} --protocol xsub --size tiny --out {out} --epochs 2"
    return [*words.split(), "--training.tensorboard", "false", *more]


@pytest.mark.parametrize("command", [pretrain, supervised])
def test_the_second_is_refused_while_the_first_is_at_work(store, tmp_path, command, capsys):
    run, begun, go = tmp_path / "run", tmp_path / "begun", tmp_path / "go"
    words = [sys.executable, "-c", SLOW, begun, go, *command(store, run)]
    first = subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, text=True)
    try:
        while not begun.exists():
            assert first.poll() is None, first.stderr.read()
            time.sleep(0.05)
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        for more in ([], ["--resume"]):
            assert main(list(map(str, command(store, run, *more)))) == 2
            said = capsys.readouterr().err.splitlines()
            assert re.fullmatch(
                rf"skelact: {run}: process {first.pid} on .* since .* UTC is at work in this run; .*",
                said[-1],
            )
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    finally:
        go.touch()
        _, errors = first.communicate(timeout=120)
    assert first.returncode == 0, errors
    assert [line["epoch"] for line in read_metrics(run / "metrics.jsonl")] == [0, 1]
    assert not (run / LOCK).exists()


def test_of_two_fresh_runs_started_at_once_one_goes_on(store, tmp_path):
    words = [sys.executable, "-m", "skelact.cli.main", *map(str, pretrain(store, tmp_path / "run"))]
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=300)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], told
    (refused,) = (text for process, text in zip(both, told, strict=True) if process.returncode == 2)
    assert re.search(r"is at work in this run|exists already", refused.splitlines()[-1])
    assert [line["epoch"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [0, 1]


def test_a_killed_run_is_gone_on_with(store, tmp_path):
    run, begun = tmp_path / "run", tmp_path / "begun"
    words = [sys.executable, "-c", SLOW, begun, tmp_path / "never", *pretrain(store, run)]
    first = subprocess.Popen(list(map(str, words)), stderr=subprocess.DEVNULL)
    while not begun.exists():
        assert first.poll() is None
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait(60)
    assert (run / LOCK).exists()
    assert main(list(map(str, pretrain(store, run)))) == 2, "the run is there, whoever is at work in it"
    assert main(list(map(str, pretrain(store, run, "--resume")))) == 0
    assert not (run / LOCK).exists()
    assert [line["epoch"] for line in read_metrics(run / "metrics.jsonl")] == [0, 1]
    shutil.rmtree(run)
