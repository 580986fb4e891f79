"""What stops a writer while it finishes is what its user hears of, and it leaves nothing behind."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact import locks
from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store import partial
from skelact.store import writer as store_writer
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


def new_writer(path: Path) -> StoreWriter:
    return StoreWriter(path, data_set="any", topology=NTU_25, class_names=["a"], fps=30.0, options={})


def full_disk(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (store_writer, "sha256"),
        (partial.os, "replace"),
        (partial.os, "fsync"),
        (Path, "write_bytes"),
        (Path, "write_text"),
        (Store, "open"),
    ],
)
def test_the_first_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    sequence = SkeletonSequence("a", np.ones((1, 2, 25, 3), np.float32), np.ones((1, 2), np.bool_), NTU_25)
    path = tmp_path / "store"
    writer = new_writer(path)

    def work() -> None:
        with writer:
            writer.add(sequence)
            monkeypatch.setattr(owner, name, full_disk)
            writer.finish()

    with pytest.raises(OSError, match="No space left"):
        work()
    monkeypatch.undo()
    if name == "open":  # it was complete
        assert len(Store.open(path)) == 1
        return
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_when_files_are_closed(tmp_path: Path) -> None:
    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            return int(full_disk())

    sequence = SkeletonSequence("a", np.ones((1, 2, 25, 3), np.float32), np.ones((1, 2), np.bool_), NTU_25)
    writer = new_writer(tmp_path / "store")
    writer._files["joints"].close()
    writer._files["joints"]._file = io.BufferedWriter(Full())

    def work() -> None:
        with writer:
            writer.add(sequence)
            writer.finish()

    with pytest.raises(OSError, match="No space left"):
        work()


def test_text_that_cannot_be_written(tmp_path: Path) -> None:
    with (
        new_writer(tmp_path / "store") as writer,
        pytest.raises(DataError, match=r"notes\.csv: character 2"),
    ):
        writer.attach("notes.csv", "ab\ud800")


def test_the_old_store_stays_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = SkeletonSequence("a", np.ones((1, 2, 25, 3), np.float32), np.ones((1, 2), np.bool_), NTU_25)
    path = tmp_path / "store"
    with new_writer(path) as writer:
        writer.add(sequence)
        writer.finish()
    replace, calls = os.replace, []

    def second_fails(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            full_disk()
        replace(*arguments)

    with (
        StoreWriter(
            path, data_set="new", topology=NTU_25, class_names=[], fps=None, options={}, overwrite=True
        ) as writer,
        monkeypatch.context() as patch,
    ):
        writer.add(sequence)
        patch.setattr(partial, "exchange", lambda *_: False)
        patch.setattr(partial.os, "replace", second_fails)
        with pytest.raises(OSError, match="No space left"):
            writer.finish()
    assert Store.open(path).data_set == "any"
    assert list(tmp_path.iterdir()) == [path]


def test_locks_that_the_disk_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence = SkeletonSequence("a", np.ones((1, 2, 25, 3), np.float32), np.ones((1, 2), np.bool_), NTU_25)

    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "lockf", no_locks)
    with new_writer(tmp_path / "store") as writer:
        writer.add(sequence)
        writer.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


class Killed(BaseException):
    """Stands for a kill: what would come after it is not done."""


@pytest.mark.parametrize("num_calls", range(12))
def test_a_store_is_there_at_every_moment_of_its_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_calls: int
) -> None:
    """Publishing is stopped before its n-th change of the disk; the next writer finds its way."""
    sequence = SkeletonSequence("a", np.ones((1, 2, 25, 3), np.float32), np.ones((1, 2), np.bool_), NTU_25)
    path, left = tmp_path / "store", [num_calls]
    with new_writer(path) as writer:
        writer.add(sequence)
        writer.finish()

    def counted(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if left[0] <= 0:
                raise Killed
            left[0] -= 1
            return function(*arguments, **options)

        return call

    new: dict[str, Any] = {"topology": NTU_25, "class_names": [], "fps": None, "options": {}}
    writer = StoreWriter(path, data_set="new", overwrite=True, **new)
    writer.add(sequence)
    with monkeypatch.context() as patch:
        for owner, name in ((os, "replace"), (os, "unlink"), (os, "rmdir"), (partial, "exchange")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        try:
            writer.finish()
        except Killed:  # the system ends the locks of a process that is gone
            writer._partial._lock._file.close()
            locks._held.clear()
    assert Store.open(path).data_set in ("any", "new")
    with StoreWriter(path, data_set="newer", overwrite=True, **new) as writer:
        writer.add(sequence)
        writer.finish()
    assert Store.open(path).data_set == "newer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_without_room_for_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_open", full_disk)
    with pytest.raises(DataError, match=r"store\.partial: cannot be made \(No space left"):
        new_writer(tmp_path / "store")
    assert list(tmp_path.iterdir()) == []
