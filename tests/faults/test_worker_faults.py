"""Workers that are killed, run out of memory, or do not come to an end with a file."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fuzzing.samples import BVH
from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.bvh import bvh_data_set
from skelact.formats.data_set import DataSet, Item, Reader
from skelact.limits import VARIABLE
from skelact.store import recordings
from skelact.store.prepare import prepare

NUM_FILES = 100
BAD = "file-077.bvh"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(NUM_FILES):
        (folder / f"file-{number:03}.bvh").write_bytes(BVH)
    return folder


def read_all_but_one(file: RawFile, *, read: Reader, act: int) -> Iterator[Item]:
    """Read a file; meet the bad one with a signal to the own process, or (0) with waiting, or with hunger."""
    if file.name == BAD:
        if act > 0:
            os.kill(os.getpid(), act)
        if act < 0:
            raise MemoryError
        time.sleep(600)
    yield from read(file)


def with_bad_file(monkeypatch: pytest.MonkeyPatch, act: int) -> None:
    data_set = bvh_data_set()
    assert data_set.survey is not None
    survey = data_set.survey

    def find(name: str) -> DataSet:
        return replace(data_set, survey=surveyed)

    def surveyed(data_set: DataSet, files: list[RawFile]) -> DataSet:
        used = survey(data_set, files)
        return replace(used, read=partial(read_all_but_one, read=used.read, act=act))

    monkeypatch.setattr(recordings, "find_data_set", find)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGUSR1])
def test_a_worker_that_is_killed_names_its_file(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    with_bad_file(monkeypatch, kind)
    expected = rf"^{BAD}: the process that read it was killed, perhaps for want of memory; start the same"
    with pytest.raises(DataError, match=expected):
        prepare("bvh", raw, tmp_path / "store", num_workers=2)
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_worker_that_does_not_end_names_its_file(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_bad_file(monkeypatch, 0)
    monkeypatch.setenv(VARIABLE, "seconds=1")
    expected = rf"^{BAD}: the seconds that it takes to read are more, .* --limit seconds=2"
    with pytest.raises(DataError, match=expected):
        prepare("bvh", raw, tmp_path / "store", num_workers=2)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_file_that_takes_all_memory_is_one_line_of_the_account(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_workers: int
) -> None:
    with_bad_file(monkeypatch, -1)
    outcome = prepare("bvh", raw, tmp_path / "store", num_workers=num_workers)
    assert len(outcome.store) == NUM_FILES - 1
    assert [entry.file for entry in outcome.exclusions] == [BAD]
    assert "needs more memory than there is" in outcome.exclusions[0].detail
