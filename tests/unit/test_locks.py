"""Locks on folders: one holder at a time, whatever becomes of it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from skelact.errors import DataError
from skelact.locks import LOCK, FolderLock, end_holder, holder_of, holding_process

HOLD = """
import sys
from pathlib import Path
from skelact.errors import DataError
from skelact.locks import FolderLock

try:
    lock = FolderLock(Path(sys.argv[1]), DataError)
except DataError as error:
    print(error, flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
    lock.release()
"""


def start(folder):
    """Start a process that tries to hold the lock until its standard input ends; return what it says, too."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], **pipes)
    return process, process.stdout.readline().strip()


def test_the_second_learns_who_holds_it_and_the_next_gets_it(tmp_path):
    folder = tmp_path / "a" / "run"
    first, said = start(folder)
    assert said == "held"
    try:
        second, refused = start(folder)
        assert second.wait(60) == 0
        host = os.uname().nodename
        assert refused.startswith(f"process {first.pid} on {host} since 2")
        with pytest.raises(DataError, match=rf"process {first.pid} on .* UTC$"):
            FolderLock(folder, DataError)
    finally:
        first.communicate()
    assert not folder.exists(), "nothing is left in a folder that was made for it"
    FolderLock(folder, DataError).release()


def test_a_killed_process_leaves_no_lock(tmp_path):
    process, said = start(tmp_path)
    assert said == "held"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tmp_path / LOCK).exists()
    lock = FolderLock(tmp_path, DataError)
    assert lock.is_held
    lock.release()
    lock.release()
    assert not lock.is_held
    assert list(tmp_path.iterdir()) == []


def test_a_process_does_not_get_it_twice(tmp_path):
    lock = FolderLock(tmp_path, DataError)
    for folder in (tmp_path, tmp_path / ".." / tmp_path.name):
        with pytest.raises(DataError, match=f"this process, {os.getpid()}"):
            FolderLock(folder, DataError)
    lock.release()


def test_what_a_file_says_is_shown_only_as_we_write_it(tmp_path):
    process, said = start(tmp_path)
    assert said == "held"
    try:
        for content in (b"", b"\x1b[31mred", b"process 1 on x since now\nmore", b"\xff" * 5000):
            (tmp_path / LOCK).write_bytes(content)
            with pytest.raises(DataError, match=r"^another process$"):
                FolderLock(tmp_path, DataError)
    finally:
        process.communicate()


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path, what):
    precious, folder = tmp_path / "precious", tmp_path / "run"
    precious.write_text("kept")
    folder.mkdir()
    path = folder / LOCK
    {"link": lambda: path.symlink_to(precious), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[what]()
    with pytest.raises(OSError, match=r"Too many|Is a directory|is no file"):
        FolderLock(folder, DataError)
    assert holder_of(folder) is None
    with pytest.raises(DataError, match="no process is at work there"):
        holding_process(folder)
    assert precious.read_text() == "kept"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say who holds a lock")
def test_the_holder_is_known_for_certain_and_ends_when_asked(tmp_path):
    with pytest.raises(DataError, match="no process is at work"):
        holding_process(tmp_path)
    process, said = start(tmp_path)
    assert said == "held"
    try:
        assert holding_process(tmp_path) == process.pid
        assert holder_of(tmp_path).startswith(f"process {process.pid} on ")
        written = (tmp_path / LOCK).read_text()
        for false in (written.replace(str(process.pid), "1"), written.replace(" on ", " on x"), "somebody"):
            (tmp_path / LOCK).write_text(false)
            with pytest.raises(DataError, match="not certain"):
                end_holder(tmp_path)
        (tmp_path / LOCK).write_text(written)
        assert process.poll() is None
        assert end_holder(tmp_path) == process.pid
        assert process.wait(60) == -signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    assert holder_of(tmp_path) is None
    with pytest.raises(DataError, match="no process is at work"):
        end_holder(tmp_path)


def test_nobody_ends_the_own_process(tmp_path):
    lock = FolderLock(tmp_path, DataError)
    with pytest.raises(DataError, match="this very process"):
        end_holder(tmp_path)
    lock.release()


def test_of_several_threads_one_holds_a_folder_at_a_time(tmp_path):
    inside, most, failed = [], [], []

    def work():
        for _ in range(40):
            try:
                lock = FolderLock(tmp_path / "folder", DataError)
            except DataError:
                continue
            except BaseException as error:
                failed.append(error)
                raise
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.001)
            inside.pop()
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed
    assert max(most) == 1
