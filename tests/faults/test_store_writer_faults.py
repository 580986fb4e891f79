"""What stops a writer while it finishes is what its user hears of, and the work before is kept."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store import writer as store_writer
from skelact.store.journal import Journal
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


def new_writer(path: Path, is_resumable: bool) -> StoreWriter:
    source = {"raw": "1"} if is_resumable else None
    return StoreWriter(
        path, data_set="any", topology=NTU_25, class_names=["a"], fps=30.0, options={}, source=source
    )


def full_disk(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("is_resumable", [True, False])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (store_writer, "sha256"),
        (store_writer.os, "replace"),
        (store_writer.os, "fsync"),
        (Journal, "write"),
        (Path, "write_bytes"),
        (Path, "write_text"),
        (Store, "open"),
    ],
)
def test_the_first_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, is_resumable: bool
) -> None:
    sequence = SkeletonSequence("a", np.ones((1, 2, 25, 3), np.float32), np.ones((1, 2), np.bool_), NTU_25)
    path = tmp_path / "store"
    writer = new_writer(path, is_resumable)

    def work() -> None:
        with writer:
            writer.add(sequence)
            writer.file_done([])
            monkeypatch.setattr(owner, name, full_disk)
            writer.finish()

    with pytest.raises(OSError, match="No space left"):
        work()
    monkeypatch.undo()
    if name == "open":  # it was complete
        assert len(Store.open(path)) == 1
        return
    assert not path.exists()
    with new_writer(path, is_resumable) as again:
        # the entry of the file that was done is lost only where it could not be written itself
        assert again.num_files == (is_resumable and name not in ("write", "fsync"))


def test_a_disk_that_is_full_when_files_are_closed(tmp_path: Path) -> None:
    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            return int(full_disk())

    sequence = SkeletonSequence("a", np.ones((1, 2, 25, 3), np.float32), np.ones((1, 2), np.bool_), NTU_25)
    writer = new_writer(tmp_path / "store", True)
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
        new_writer(tmp_path / "store", False) as writer,
        pytest.raises(DataError, match=r"notes\.csv: character 2"),
    ):
        writer.attach("notes.csv", "ab\ud800")
