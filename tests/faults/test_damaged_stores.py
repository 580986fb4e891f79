"""Damaged stores: every edit of ``meta.json`` and of the small arrays is one line, or a store that can be read."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from faults.mutations import IN_PLACE, WILD_VALUES, in_place_of, json_edits, places, replaced
from skelact.api.descriptions import describe_store
from skelact.cli.main import main
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import SkelactError
from skelact.store.convert import convert_store
from skelact.store.store import Store
from skelact.store.verify import compare_counts, find_problems

CLIPS = ClipSettings(num_frames=8, min_crop_frames=4, max_bodies=2)
INDICES = ("joint_start", "row_start", "frame_start", "frame_rows", "frame_numbers", "num_bodies", "num_frames")
COLUMNS = ("label", "attribute_subject", "attribute_camera")


@pytest.fixture(params=["small_store", "fixed_store"])
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(request.getfixturevalue(request.param).path, tmp_path / "store")
    return tmp_path / "store"


def read_all(path: Path) -> None:
    """Do with a store all that reads it."""
    store = Store.open(path)
    describe_store(store, 100)
    for index in range(len(store)):
        store.sequence(index)
    ClipSource(store, CLIPS).test(np.arange(len(store)))
    compare_counts(store)


def outcome(read: Callable[[], object], what: str) -> str:
    """Return "read" or the error, which is one line that can be shown."""
    try:
        read()
    except SkelactError as error:
        assert str(error).isprintable(), what
        assert len(str(error)) < 1000, what
        return "refused"
    except Exception as error:
        raise AssertionError(f"{what}: {error!r}") from error
    return "read"


def test_edits_of_the_table_of_contents(copied: Path) -> None:
    meta = copied / "meta.json"
    found: Counter[str] = Counter()
    for what, text in json_edits(json.loads(meta.read_text()), 1500, seed=1):
        meta.write_text(text)
        found[outcome(lambda: read_all(copied), what)] += 1
    print(dict(found))
    assert found["refused"] > 900


def test_edits_of_the_small_arrays(copied: Path) -> None:
    store, random = Store.open(copied), Random(2)
    found: Counter[str] = Counter()
    for name in (*INDICES, *COLUMNS, "names", "joint_scale", "joint_present"):
        if name not in store.meta["arrays"]:
            continue
        file = copied / f"{name}.bin"
        data = file.read_bytes()
        dtype = store.array(name).dtype
        for _ in range(150):
            array = np.frombuffer(data, dtype).copy()
            for place in random.choices(range(len(array)), k=random.choice([1, 1, 1, 3])):
                array[place] = wild_number(random, array, place)
            if array.tobytes() == data:
                continue
            file.write_bytes(array.tobytes())
            what = f"{name} {np.flatnonzero(array != np.frombuffer(data, dtype))}"
            result = outcome(lambda: read_all(copied), what)
            found[f"{name} {result}"] += 1
            found[result] += 1
            if result == "read":  # nothing but a hash tells a plausible number
                assert find_problems(Store.open(copied)), what
        file.write_bytes(data)
    print(dict(found))


def wild_number(random: Random, array: np.ndarray, place: int) -> object:
    if array.dtype.kind == "S":
        return random.choice([b"", b"a\0b", b"\xff", b"\xc3", array[place - 1], array[place] + b"x", b"new"])
    if array.dtype.kind == "f":
        return random.choice([np.nan, np.inf, -1, 0, 1e-30, 1e30])
    value, info = int(array[place]), np.iinfo(array.dtype)
    near = [value + step for step in (-2, -1, 1, 2, 7, 1000)]
    wild = [0, -1, -2, 1, ~value, info.max, info.min, info.max - 1, 1 << 20, int(random.choice(array.tolist()))]
    return min(max(random.choice([*near, *wild]), info.min), info.max)
