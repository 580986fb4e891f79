"""Stores that detection cannot use: each is refused in one line that says what to do."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from skelact.detection.detection import read_truth
from skelact.errors import DataError
from skelact.store.store import Store

ALL = np.arange(15)


@pytest.fixture
def damaged(untrimmed_store: Store, tmp_path: Path) -> Store:
    shutil.copytree(untrimmed_store.path, tmp_path / "store")
    return Store.open(tmp_path / "store")


def rewrite(store: Store, old: str, new: str) -> None:
    path = store.path / "intervals.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_store_of_trimmed_actions(small_store: Store, damaged: Store) -> None:
    with pytest.raises(DataError, match="'skelact data prepare pku1 RAW STORE --untrimmed'"):
        read_truth(small_store, np.arange(3))
    (damaged.path / "intervals.csv").unlink()
    with pytest.raises(DataError, match=r"no intervals\.csv.*data prepare pku1 RAW STORE --untrimmed"):
        read_truth(damaged, ALL)


def test_a_recording_without_actions(damaged: Store) -> None:
    lines = (damaged.path / "intervals.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("0003-M", "0007-M"))]
    (damaged.path / "intervals.csv").write_text("".join(kept))
    with pytest.raises(DataError, match=r"2 recordings have no action in .* the first is 0003-M"):
        read_truth(damaged, ALL)
    assert len(read_truth(damaged, np.array([4])).all_intervals) == 6  # the others can be used


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0099-M,1,0,10", "no such recording"),
        ("0001-M,51,0,10", "no such class"),
        ("0001-M,-1,0,10", "no such class"),
        ("0001-M,1,10,10", "expected an end after the start"),
        ("0001-M,1,-5,10", "expected an end after the start"),
        ("0001-M,walk,0,10", "not a table of intervals"),
    ],
)
def test_intervals_that_do_not_fit_the_store(damaged: Store, line: str, message: str) -> None:
    rewrite(damaged, "start,end\n", f"start,end\n{line}\n")
    with pytest.raises(DataError, match=message) as error:
        read_truth(damaged, ALL)
    assert "\n" not in str(error.value)


def test_an_interval_behind_the_end_is_left_out_and_counted(damaged: Store) -> None:
    rewrite(damaged, "start,end\n", "start,end\n0001-M,1,90000,90010\n")
    truth = read_truth(damaged, ALL)
    assert truth.num_outside == 1
    assert len(truth.all_intervals) == 15 * 6
