"""Commands that fail, that are stopped, and that are stopped while they begin."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from skelact.errors import SkelactError
from skelact.reproduction import execution
from skelact.reproduction.commands import Workspace
from skelact.reproduction.execution import (
    passed_on,
    run_all,
    run_command,
    shares_of_gpus,
    stop_commands,
)
from skelact.training.loop import RunStoppedError


class Command(SimpleNamespace):
    """A command that notes when it ran, and what came of it."""

    waits_for = None

    def arguments(self, workspace, results):
        return [self.title]

    def trained_in(self, workspace):
        return workspace.out / self.title


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Let ``run_all`` find commands of two kinds, and note those that it runs."""
    ran, left = [], [Command(title="bad", what=None), Command(title="slow", what=None)]

    def run(arguments, *others):
        ran.append(arguments[0])
        time.sleep(0.1 if arguments[0] == "bad" else 0.4)
        if arguments[0] == "bad":
            return 1
        left[:] = [each for each in left if each.title != arguments[0]]
        return 0

    monkeypatch.setattr(execution, "pending_commands", lambda *_: list(left))
    monkeypatch.setattr(execution, "what_is_left", lambda *_: [])
    monkeypatch.setattr(execution, "pretraining_state", lambda *_: "done")
    monkeypatch.setattr(execution, "run_command", run)
    results = SimpleNamespace(known=None, look_again=lambda: None)
    return ran, lambda jobs: run_all([], Workspace(tmp_path, tmp_path), results, jobs)


def test_after_a_failure_nothing_new_begins_though_another_ends_well(commands):
    ran, work = commands
    with pytest.raises(SkelactError, match="bad: its command ended with status 1"):
        work(2)
    assert sorted(ran) == ["bad", "slow"]


def test_a_signal_while_it_is_looked_what_is_left_starts_nothing(commands, monkeypatch):
    ran, work = commands
    monkeypatch.setattr(execution, "what_is_left", lambda *_: os.kill(os.getpid(), signal.SIGTERM) or [])
    with pytest.raises(RunStoppedError):
        work(1)
    assert ran == []


def test_what_others_did_between_the_look_and_the_claim_is_not_done_again(commands, monkeypatch):
    ran, work = commands
    looks = [[Command(title="slow", what=None)], [], []]
    monkeypatch.setattr(execution, "pending_commands", lambda *_: looks.pop(0))
    work(1)
    assert ran == []


def test_the_command_of_a_worker_that_was_killed_is_waited_for(commands, monkeypatch, tmp_path):
    ran, work = commands
    monkeypatch.setattr(execution, "LOOK_AGAIN_AFTER", 0.01)
    holders = ["process 7", "process 7", None]
    asked = []
    monkeypatch.setattr(execution, "holder_of", lambda folder: asked.append(folder.name) or holders.pop(0))
    left = [[Command(title="slow", what=None)] for _ in range(6)] + [[]]
    monkeypatch.setattr(execution, "pending_commands", lambda *_: left.pop(0))
    work(1)
    assert (ran, asked) == (["slow"], ["slow"] * 3)


@pytest.fixture
def sleeping(monkeypatch, tmp_path):
    """Let commands be a process that sleeps for a minute; return the file that says that it has begun."""
    begun = tmp_path / "begun"
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\ntouch {begun}\nexec {sys.executable} -c 'import time; time.sleep(60)'\n")
    script.chmod(0o755)
    monkeypatch.setattr(execution.sys, "executable", str(script))
    return begun


def test_a_handler_of_the_thread_that_waits_sees_the_command_end(sleeping):
    """As a job's does, which is told that its time is over."""
    seen = []

    def handler(number, frame):
        stop_commands(wait=True)
        seen.append(number)

    def signal_when_begun():
        while not sleeping.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGUSR2)

    before = signal.signal(signal.SIGUSR2, handler)
    try:
        threading.Thread(target=signal_when_begun).start()
        started = time.monotonic()
        assert run_command([]) == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert seen == [signal.SIGUSR2]
    assert time.monotonic() - started < 30


def test_a_command_that_begins_as_work_is_stopped_is_stopped_too(sleeping):
    stopped = []
    with passed_on(lambda: stopped.append(True)):
        os.kill(os.getpid(), signal.SIGTERM)
        assert run_command([], is_stopped=lambda: bool(stopped)) == -signal.SIGTERM


def test_scores_that_are_missing_are_named(tmp_path: Path):
    content = {"scores": {"file": "a.npz", "sha256": ""}}
    with pytest.raises(SkelactError, match=r"a\.npz.*remove the result that names them"):
        execution.collect(tmp_path / "a.json", content, tmp_path / "to" / "a.json")


@pytest.mark.parametrize(
    ("jobs", "devices", "expected"),
    [
        (1, 1, [None]),
        (2, 1, ["4", "5"]),
        (2, 2, ["4,5", "6,7"]),
        (6, 1, ["4", "5", "6", "7", "4", "5"]),
        (2, 8, [None, None]),  # the command says that there are too few
    ],
)
def test_jobs_side_by_side_share_the_gpus(monkeypatch, tmp_path, jobs, devices, expected):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    workspace = Workspace(tmp_path, tmp_path, devices, "auto")
    assert shares_of_gpus(workspace, jobs) == expected
    assert shares_of_gpus(replace(workspace, accelerator="cpu"), jobs) == [None] * jobs


def test_a_command_gets_the_gpus_of_its_job(monkeypatch, tmp_path):
    script, told = tmp_path / "python", tmp_path / "told"
    script.write_text(f"#!/bin/sh\necho $CUDA_VISIBLE_DEVICES > {told}\n")
    script.chmod(0o755)
    monkeypatch.setattr(execution.sys, "executable", str(script))
    assert run_command([], gpus="2,3") == 0
    assert told.read_text() == "2,3\n"
