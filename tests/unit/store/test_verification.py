import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store
from skelact.store.verify import find_problems
from skelact.store.writer import StoreWriter


@pytest.fixture
def store(small_store: Store, tmp_path: Path) -> Store:
    shutil.copytree(small_store.path, tmp_path / "copy")
    return Store.open(tmp_path / "copy")


def change(store: Store, name: str, place: int, value: float) -> list[str]:
    """Write one value into an array, and return the problems less the one that its hash shows."""
    array = np.memmap(store.path / f"{name}.bin", dtype=store.array(name).dtype, mode="r+")
    array[place] = value
    array.flush()
    problems = find_problems(Store.open(store.path, check=False))
    assert problems[0] == f"{store.path / name}.bin: content changed since it was written"
    return problems[1:]


def test_a_store_as_written_is_sound(store: Store) -> None:
    assert find_problems(store) == []


def test_any_changed_position_is_found(store: Store) -> None:
    assert change(store, "joints", 1000, 0.5) == []  # plausible, so the hash alone tells
    (problem,) = change(store, "joints", -1, np.nan)
    assert problem == "joints: sequence9 holds a position that is not finite, or farther than 1,000,000"


@pytest.mark.parametrize(
    ("name", "place", "value", "expected"),
    [
        ("frame_rows", 3, 10_000_000, "points outside its joints"),
        ("frame_rows", 0, -1, "do not go through the joints one by one"),
        ("frame_numbers", 5, 5000, "do not rise inside its frames"),
        ("joint_start", 1, 10_000_000, "joint_start: expected 11 numbers that rise from 0"),
        ("num_bodies", 2, 3, "one row for each of their bodies and kept frames"),
        ("label", 2, 4, "label: sequence2 has one outside the 4 classes"),
    ],
)
def test_a_changed_index_is_named(store: Store, name: str, place: int, value: int, expected: str) -> None:
    assert any(expected in problem for problem in change(store, name, place, value))


def test_changed_metadata_is_found(store: Store) -> None:
    meta = json.loads((store.path / "meta.json").read_text())
    meta["class_names"][0] = "other"
    (store.path / "meta.json").write_text(json.dumps(meta))
    assert find_problems(Store.open(store.path, check=False)) == [
        f"{store.path / 'meta.json'}: content changed since it was written"
    ]


def test_an_array_that_is_not_listed_is_named(store: Store) -> None:
    meta = json.loads((store.path / "meta.json").read_text())
    del meta["arrays"]["frame_rows"]
    (store.path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DataError, match=r"meta\.json: no array 'frame_rows'; the store is damaged"):
        Store.open(store.path, check=False)


def named_store(path: Path, intervals: str) -> Store:
    """Two untrimmed recordings with named cameras, and a table of intervals."""
    with StoreWriter(
        path,
        data_set="mine",
        topology=NTU_25,
        class_names=["a", "b"],
        fps=None,
        options={},
        attribute_values={"camera": ["L", "R"]},
    ) as writer:
        for number in range(2):
            positions, present = np.ones((1, 9, 25, 3), np.float32), np.ones((1, 9), np.bool_)
            attributes = {"camera": number}
            writer.add(SkeletonSequence(f"r{number}", positions, present, NTU_25, attributes=attributes))
        writer.attach("intervals.csv", f"recording,action,start,end\nr0,1,0,5\n{intervals}\n")
        return writer.finish()


def test_sound_names_and_intervals(tmp_path: Path) -> None:
    assert find_problems(named_store(tmp_path / "store", "r1,0,3,20")) == []


def test_an_attribute_without_a_name_is_found(tmp_path: Path) -> None:
    store = named_store(tmp_path / "store", "r1,0,3,20")
    assert change(store, "attribute_camera", 1, 2) == [
        "attribute_camera: r1 has one outside the 2 that have names"
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("r2,0,3,20", "intervals.csv: r2 is no sequence of the store"),
        ("r1,2,3,20", "intervals.csv: r1 has no sound interval 3 to 20"),
        ("r1,0,20,20", "intervals.csv: r1 has no sound interval 20 to 20"),
        ("r1,0,x,20", "not a table of intervals"),
    ],
)
def test_intervals_that_cannot_be(tmp_path: Path, row: str, expected: str) -> None:
    (problem,) = find_problems(named_store(tmp_path / "store", row))
    assert expected in problem
