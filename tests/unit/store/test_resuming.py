"""A preparation that is killed at any moment, and started again, ends in the same store."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from killed_preparation import FORK, digests, killed
from skelact.errors import DataError
from skelact.store import parallel_reading, partial
from skelact.store import writer as store_writer
from skelact.store.prepare import prepare
from skelact.store.store import Store

NUM_FILES = 40


@pytest.fixture(scope="module")
def raw(ntu_text: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    random = np.random.default_rng(0)
    for number in range(NUM_FILES):
        data = ntu_text([[(7, random.normal(size=(25, 3)))] for _ in range(3 + number % 5)])
        if number % 9 == 4:
            data = data[: len(data) // 2]  # cut short, so left out
        (folder / f"S001C{number % 3 + 1:03}P{number + 1:03}R001A001.skeleton").write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def expected(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return digests(
        prepare("ntu60", raw, tmp_path_factory.mktemp("whole") / "store", num_workers=1).store.path
    )


STARTING_OVER = "an unfinished preparation of store was found and removed: starting over"


@pytest.mark.parametrize("num_workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        (store_writer, "ArrayFile", 1),  # nothing is there yet
        (store_writer.StoreWriter, "_append", 2),
        (store_writer.StoreWriter, "_append", 50),  # amid a sequence
        (store_writer.StoreWriter, "attach", 1),
        (store_writer, "sha256", 4),  # while the arrays are hashed
        (partial.os, "fsync", 3),
        (partial.os, "replace", 1),
    ],
)
def test_any_kill(
    owner: Any, name: str, call: int, num_workers: int, raw: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    store = tmp_path / "store"
    killed(owner, name, call, raw, store, num_workers=num_workers)
    with pytest.raises(DataError, match="not finished"):
        Store.open(store)
    for folder in (tmp_path / "store.partial", tmp_path / "store.partial" / "store"):
        if not (folder / "meta.json").is_file():
            with pytest.raises(DataError, match="not a store"):
                Store.open(folder)
    remarks: list[str] = []
    again = prepare("ntu60", raw, store, num_workers=num_workers, on_remark=remarks.append)
    assert digests(store) == expected
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]
    assert len(again.exclusions) == NUM_FILES // 9 + 1 - (NUM_FILES % 9 <= 4)
    assert remarks == [STARTING_OVER]


def test_two_kills(raw: Path, tmp_path: Path, expected: dict[str, str]) -> None:
    store = tmp_path / "store"
    for call in (60, 30):
        killed(store_writer.StoreWriter, "_append", call, raw, store, num_workers=1)
    prepare("ntu60", raw, store, num_workers=1)
    assert digests(store) == expected


@pytest.mark.slow
def test_a_kill_with_16_bit_positions_and_other_options(raw: Path, tmp_path: Path) -> None:
    killed(store_writer.StoreWriter, "_append", 50, raw, tmp_path / "store", num_workers=2, centred=False)
    options: dict[str, Any] = {"positions": "int16", "num_workers": 2}
    remarks: list[str] = []
    again = prepare("ntu60", raw, tmp_path / "store", on_remark=remarks.append, **options).store
    assert remarks == [STARTING_OVER]
    assert digests(again.path) == digests(prepare("ntu60", raw, tmp_path / "whole", **options).store.path)


@pytest.mark.parametrize(("owner", "name", "call"), [(Path, "unlink", 1), (Path, "rmdir", 1)])
def test_a_kill_when_only_tidying_up_is_left(
    owner: Any, name: str, call: int, raw: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    store = tmp_path / "store"
    killed(owner, name, call, raw, store, num_workers=1)
    assert digests(store) == expected  # it is whole
    with pytest.raises(DataError, match="exists already"):
        prepare("ntu60", raw, store, num_workers=1)
    assert digests(store) == expected
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("call", [1, 2])
def test_a_kill_while_a_store_is_replaced(
    call: int, raw: Path, tmp_path: Path, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system cannot exchange two folders, two renames do it."""
    monkeypatch.setattr(partial, "exchange", lambda *_: False)
    store = tmp_path / "store"
    prepare("ntu60", raw, store, num_workers=1, centred=False)
    killed(partial.os, "replace", call, raw, store, num_workers=1, overwrite=True)
    prepare("ntu60", raw, store, num_workers=1, overwrite=True)
    assert digests(store) == expected
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_a_link_to_a_store_stays_one_when_the_store_is_replaced(
    raw: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    disk, link = tmp_path / "disk", tmp_path / "store"
    disk.mkdir()
    prepare("ntu60", raw, disk / "large", num_workers=1, centred=False)
    link.symlink_to(disk / "large")
    for _ in range(2):
        prepare("ntu60", raw, link, num_workers=1, overwrite=True)
        assert link.is_symlink()
        assert digests(disk / "large") == expected
    assert sorted(entry.name for entry in tmp_path.rglob("*") if entry.parent != disk / "large") == [
        "disk",
        "large",
        "store",
    ]


def test_the_old_store_returns_where_the_new_one_fails(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial, "exchange", lambda *_: False)
    store = tmp_path / "store"
    old = prepare("ntu60", raw, store, num_workers=1, centred=False).store.content_hash
    killed(partial.os, "replace", 2, raw, store, num_workers=1, overwrite=True)
    with pytest.raises(DataError, match=r"was being replaced; prepare it again, or move .*replaced back"):
        Store.open(store)
    with pytest.raises(DataError, match="stopped by --strict"):
        prepare("ntu60", raw, store, num_workers=1, overwrite=True, strict=True)
    assert Store.open(store).content_hash == old


def test_what_an_earlier_version_left_is_removed(raw: Path, tmp_path: Path, expected: dict[str, str]) -> None:
    arrays = tmp_path / "store.partial" / "arrays"
    arrays.mkdir(parents=True)
    (arrays / "joints.bin").write_bytes(b"half")
    (arrays.parent / "journal.jsonl").write_text("{}\n")
    prepare("ntu60", raw, tmp_path / "store", num_workers=1)
    assert digests(tmp_path / "store") == expected
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_a_folder_of_ones_own_that_is_called_so_is_left_alone(raw: Path, tmp_path: Path) -> None:
    for name in ("store", "thesis"):
        (tmp_path / "store.partial" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=r"store\.partial: holds thesis, which is of no unfinished store"):
        prepare("ntu60", raw, tmp_path / "store", num_workers=1)
    assert sorted(entry.name for entry in (tmp_path / "store.partial").iterdir()) == ["store", "thesis"]


def test_ctrl_c_leaves_nothing(raw: Path, tmp_path: Path) -> None:
    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("ntu60", raw, tmp_path / "store", num_workers=1, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_are_refused(raw: Path, tmp_path: Path) -> None:
    held, ready, go = tmp_path / "store", FORK.Event(), FORK.Event()

    def work() -> None:
        def wait(progress: object) -> None:
            ready.set()
            go.wait(60)

        prepare("ntu60", raw, held, num_workers=1, on_progress=wait)

    process = FORK.Process(target=work)
    process.start()
    assert ready.wait(60)
    try:
        for overwrite in (False, True):
            with pytest.raises(DataError, match=r"process \d+ on .* is preparing this store"):
                prepare("ntu60", raw, held, num_workers=1, overwrite=overwrite)
    finally:
        go.set()
        process.join(60)
    assert process.exitcode == 0
    assert len(Store.open(held)) > 0


def test_workers_end_with_a_killed_parent(raw: Path, tmp_path: Path) -> None:
    receiver, sender = FORK.Pipe(duplex=False)

    def work() -> None:
        def die(progress: object) -> None:
            sender.send([child.pid for child in multiprocessing.active_children()])
            os.kill(os.getpid(), signal.SIGKILL)

        prepare("ntu60", raw, tmp_path / "store", num_workers=2, on_progress=die)

    process = FORK.Process(target=work)
    process.start()
    pids = receiver.recv()
    process.join(60)
    assert len(pids) == 2
    deadline = time.monotonic() + 30
    while any(_is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker is still there"
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # dead, though nobody has asked for its exit status


def test_a_killed_worker_stops_the_run(
    raw: Path, tmp_path: Path, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_reading, "_CHUNK", 1)  # so that most files are not yet under way

    def kill_workers(progress: object) -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    with pytest.raises(DataError, match=r"process.* was killed.*fewer --workers"):
        prepare("ntu60", raw, tmp_path / "store", num_workers=2, on_progress=_only_once(kill_workers))
    prepare("ntu60", raw, tmp_path / "store", num_workers=2)
    assert digests(tmp_path / "store") == expected


def _only_once(function: Callable[[object], None]) -> Callable[[object], None]:
    calls: list[object] = []

    def call(progress: object) -> None:
        calls.append(progress)
        if len(calls) == 1:
            function(progress)

    return call
