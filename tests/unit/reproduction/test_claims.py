"""A claim is held by one worker at a time, and a dead one's is taken over."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from skelact.reproduction import claims
from skelact.reproduction.claims import claimed


def test_of_many_workers_one_holds_a_claim_and_it_is_free_afterwards(tmp_path):
    path, start, end = tmp_path / "claims" / "a.json", Barrier(8), Barrier(8)

    def work(_):
        start.wait()
        with claimed(path) as is_mine:
            end.wait()
        return is_mine

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 1
    assert list(path.parent.iterdir()) == []
    with claimed(path) as is_mine:
        assert is_mine


def write(path, pid, host=None):
    path.write_text(json.dumps({"host": host or claims._this_machine(), "pid": pid, "token": "theirs"}))


def test_the_claim_of_a_process_that_is_gone_is_taken_over_by_one(tmp_path):
    path = tmp_path / "a.json"
    process = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    write(path, int(process.stdout))
    with claimed(path) as is_mine, claimed(path) as second:
        assert (is_mine, second) == (True, False)
    write(path, os.getpid())  # alive
    with claimed(path) as is_mine:
        assert not is_mine
    assert path.exists()


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_another_machines_claim_counts_as_long_as_it_is_touched(tmp_path, monkeypatch, days):
    """Whatever its clock says."""
    path, now = tmp_path / "a.json", 1000.0
    monkeypatch.setattr(claims.time, "monotonic", lambda: now)
    write(path, 1, "elsewhere")
    touched = path.stat().st_mtime + 86_400 * days
    for turn in range(3):
        os.utime(path, (touched + turn, touched + turn))
        with claimed(path) as is_mine:
            assert not is_mine
        now += claims.ABANDONED_AFTER + 1
    with claimed(path) as is_mine:
        assert is_mine


def test_a_machine_of_the_same_name_is_another_one(tmp_path):
    path = tmp_path / "a.json"
    write(path, 2**31 - 1, f"{socket.gethostname()} of another container")
    with claimed(path) as is_mine:
        assert not is_mine


def test_a_holder_touches_its_claim_and_leaves_one_that_was_taken_from_it(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "TOUCHED_EVERY", 0.01)
    path = tmp_path / "a.json"
    with claimed(path) as is_mine:
        assert is_mine
        os.utime(path, (0, 0))
        while path.stat().st_mtime == 0:
            pass
        write(path, 1, "elsewhere")
    assert json.loads(path.read_text())["token"] == "theirs"
