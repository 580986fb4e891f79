"""Several machines: agents of torchrun over the loopback, one killed; and processes of which one is gone."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skelact.training.log import read_metrics
from skelact.training.watch import SECONDS_TO_END

pytestmark = pytest.mark.slow
STOPPED_FOR = SECONDS_TO_END + 1
"""Seconds: longer than processes wait for each other when one ends."""
SLOWLY = """
import sys, time
from skelact.cli.main import main
from skelact.pretraining.masked.task import MaskedTask

loss = MaskedTask.loss

def slowly(task, model, batch):
    time.sleep(1.5)
    return loss(task, model, batch)

MaskedTask.loss = slowly
sys.exit(main(sys.argv[1:]))
"""
STUCK = """
import os, pathlib, sys, time
from skelact.cli.main import main
from skelact.errors import DataError
from skelact.pretraining.masked.task import MaskedTask

def fail_or_wait(task, model, batch):
    # as on a GPU, a process that waits for another does not learn by itself that it is gone
    if os.environ.get("LOCAL_RANK", "0") != os.environ["FAILS"]:
        pathlib.Path(os.environ["WAITS"]).write_text(str(os.getpid()))
        time.sleep(300)
    while not pathlib.Path(os.environ["WAITS"]).exists():
        time.sleep(0.1)
    raise DataError("the disk is full")

MaskedTask.loss = fail_or_wait
sys.exit(main(sys.argv[1:]))
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def torchrun(
    words: list[str], script: Path, arguments: list[str], log: Path, **settings: str
) -> subprocess.Popen[bytes]:
    """Start a machine's agent of torchrun, with one process at work, in a session of its own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1", *words]
    with log.open("wb") as file:
        return subprocess.Popen(
            [*command, str(script), *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings},
            start_new_session=True,
        )


def agent(number: int, port: int, script: Path, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start an agent of elastic torchrun."""
    meet = ["--rdzv-backend", "c10d", "--rdzv-id", "7", "--rdzv-endpoint", f"127.0.0.1:{port}"]
    alive = "keep_alive_interval=1,keep_alive_max_attempt=6"  # gone after 6 seconds of silence, not 15
    meet += ["--rdzv-conf", f"is_host={int(number == 0)},join_timeout=120,last_call_timeout=1,{alive}"]
    words = ["--nnodes", "1:2", *meet, "--max-restarts", "3"]
    return torchrun(words, script, arguments, log, TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1")


def wait_for_an_epoch(out: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the first epoch of a run is done."""
    deadline = time.monotonic() + 200
    while not (out / "metrics.jsonl").exists() or not read_metrics(out / "metrics.jsonl"):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def kill_in_second_epoch(agents: list[subprocess.Popen[bytes]], out: Path) -> None:
    """Kill the second agent and its process once an epoch is done."""
    wait_for_an_epoch(out, agents[0])
    at_work = subprocess.run(["ps", "-o", "pid=", "--ppid", str(agents[1].pid)], capture_output=True)
    agents[1].kill()
    os.kill(int(at_work.stdout), signal.SIGKILL)


@contextmanager
def gone_at_last(agents: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Kill the agents that are left, with their processes, whatever becomes of the test."""
    try:
        yield
    finally:
        for each in agents:
            if each.poll() is None:
                os.killpg(each.pid, signal.SIGKILL)


def assert_same_losses(out: Path, alone: Path) -> None:
    """Compare two runs epoch by epoch."""
    ours, others = (read_metrics(folder / "metrics.jsonl") for folder in (out, alone))
    assert [line["step"] for line in ours] == [line["step"] for line in others]
    for a, b in zip(ours, others, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


def test_a_run_goes_on_by_itself_when_one_of_two_machines_is_gone(
    tiny_run, store_path, tmp_path, pretrain_arguments
):
    script, out = tmp_path / "slowly.py", tmp_path / "run"
    script.write_text(SLOWLY)
    more = ["--nodes", "2", "--training.accelerator", "cpu", "--resume", "auto"]
    arguments, port = pretrain_arguments(store_path, out, *more), free_port()
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    agents = [agent(number, port, script, arguments, logs[number]) for number in range(2)]
    with gone_at_last(agents):
        kill_in_second_epoch(agents, out)
        assert agents[0].wait(200) == 0, logs[0].read_text()
    said = logs[0].read_text()
    assert "MEMBER: 1/2" in said
    assert "process 1 (of 0 to 1) ended before the work was done" in said
    assert (out / "card.json").exists()
    assert_same_losses(out, tiny_run)


def test_machines_that_are_not_elastic_end_when_one_is_gone_and_one_alone_goes_on(
    tiny_run, store_path, tmp_path, pretrain_arguments
):
    script, out, port = tmp_path / "slowly.py", tmp_path / "run", str(free_port())
    script.write_text(SLOWLY)
    arguments = pretrain_arguments(store_path, out, "--training.accelerator", "cpu", "--resume", "auto")
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    meet = ["--nnodes", "2", "--master-addr", "127.0.0.1", "--master-port", port]
    agents = [
        torchrun([*meet, "--node-rank", str(number)], script, [*arguments, "--nodes", "2"], logs[number])
        for number in range(2)
    ]
    with gone_at_last(agents):
        kill_in_second_epoch(agents, out)
        assert agents[0].wait(60) == 1, logs[0].read_text()  # that of torchrun
    said = logs[0].read_text()
    assert "process 1 (of 0 to 1) ended before the work was done" in said
    assert re.search(r"exitcode\s*: 3\b", said), said
    assert len(read_metrics(out / "metrics.jsonl")) < 3
    command = [sys.executable, "-m", "skelact.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_losses(out, tiny_run)


def test_a_process_that_is_stopped_for_a_while_is_waited_for(
    tiny_run, store_path, tmp_path, pretrain_arguments
):
    script, out = tmp_path / "slowly.py", tmp_path / "run"
    script.write_text(SLOWLY)
    more = ["--devices", "2", "--training.accelerator", "cpu"]
    command = [sys.executable, str(script), *pretrain_arguments(store_path, out, *more)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as first:
        wait_for_an_epoch(out, first)
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first.pid)], capture_output=True)
        second = int(found.stdout.split()[0])  # started by the first
        os.kill(second, signal.SIGSTOP)
        time.sleep(STOPPED_FOR)
        at_work = first.poll() is None
        os.kill(second, signal.SIGCONT)
        said = first.communicate(timeout=200)[1]
    assert at_work
    assert first.returncode == 0, said
    assert_same_losses(out, tiny_run)


def test_two_tasks_of_slurm_train_as_one_process(tiny_run, store_path, tmp_path, pretrain_arguments):
    out, port = tmp_path / "run", str(free_port())
    arguments = pretrain_arguments(store_path, out, "--training.accelerator", "cpu", "--nodes", "2")
    job = {"JOB_ID": "7", "JOB_NAME": "ntu60", "NTASKS": "2", "NTASKS_PER_NODE": "1", "NNODES": "2"}
    job = {f"SLURM_{name}": value for name, value in {**job, "NODELIST": "localhost,other"}.items()}
    tasks = []
    for number in ("0", "1"):  # as srun starts them, here on one machine
        own = {"SLURM_PROCID": number, "SLURM_NODEID": number, "SLURM_LOCALID": "0", "MASTER_PORT": port}
        command = [sys.executable, "-m", "skelact.cli.main", *arguments]
        tasks.append(subprocess.Popen(command, env={**os.environ, **job, **own}, stderr=subprocess.PIPE))
    said = [task.communicate(timeout=200)[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    assert_same_losses(out, tiny_run)


@pytest.mark.parametrize(("fails", "status"), [("0", 2), ("1", 3)])
def test_processes_that_wait_for_one_that_failed_end_with_it(
    store_path, tmp_path, pretrain_arguments, fails, status
):
    script, waits = tmp_path / "stuck.py", tmp_path / "waits"
    script.write_text(STUCK)
    more = ["--devices", "2", "--training.accelerator", "cpu"]
    arguments = pretrain_arguments(store_path, tmp_path / "run", *more)
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**os.environ, "FAILS": fails, "WAITS": str(waits)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert done.stderr.count("skelact: the disk is full") == 1
    assert done.stderr.count("process 1 (of 0 to 1) ended") == (fails == "1")  # what the first says is enough
    deadline = time.monotonic() + 60
    while Path(f"/proc/{waits.read_text()}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_restart_that_torch_cannot_do_is_refused(
    monkeypatch, tmp_path, capsys, pretrain_arguments, store_path
):
    from skelact.cli.main import main

    machine = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "GROUP_RANK": "0"}
    kept = {"RUN_ID": "7", "MAX_RESTARTS": "3", "USE_AGENT_STORE": "True", "RESTART_COUNT": "0"}
    for name, value in {**machine, **{f"TORCHELASTIC_{name}": value for name, value in kept.items()}}.items():
        monkeypatch.setenv(name, value)
    assert main(pretrain_arguments(store_path, tmp_path / "run", "--nodes", "2")) == 2
    assert "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun" in capsys.readouterr().err


def test_machines_that_nobody_started_are_refused(tmp_path, capsys, pretrain_arguments, store_path):
    from skelact.cli.main import main

    assert main(pretrain_arguments(store_path, tmp_path / "run", "--nodes", "2")) == 2
    assert "start it by torchrun --nnodes 2 on each" in capsys.readouterr().err
