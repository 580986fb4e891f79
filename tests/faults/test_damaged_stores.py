"""Damaged stores: an edit of ``meta.json`` or of the small arrays is one line, or leaves what can be read."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from faults.mutations import IN_PLACE, in_place_of, json_edits
from skelact.api.descriptions import describe_store
from skelact.cli.main import main
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import DataError, SkelactError
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store
from skelact.store.verify import compare_counts, find_problems
from skelact.store.writer import StoreWriter

CLIPS = ClipSettings(num_frames=8, min_crop_frames=4, max_bodies=2)
INDICES = (
    "joint_start",
    "row_start",
    "frame_start",
    "frame_rows",
    "frame_numbers",
    "num_bodies",
    "num_frames",
)
COLUMNS = ("label", "attribute_subject", "attribute_camera")


@pytest.fixture(params=["small_store", pytest.param("fixed_store", marks=pytest.mark.slow)])
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(request.getfixturevalue(request.param).path, tmp_path / "store")
    return tmp_path / "store"


def read_all(path: Path) -> None:
    """Do with a store all that reads it."""
    store = Store.open(path)
    describe_store(store, 100)
    for index in range(0, len(store), 3):
        store.sequence(index)
    ClipSource(store, CLIPS).test(np.arange(len(store)))
    compare_counts(store)


def outcome(read: Callable[[], object], what: str) -> str:
    """Return "read" or the error, which is one line that can be shown."""
    try:
        read()
    except SkelactError as error:
        message = str(error)
    except Exception as error:
        raise AssertionError(f"{what}: {error!r}") from error
    else:
        return "read"
    assert message.isprintable(), what
    assert len(message) < 1000, what
    return "refused"


def test_edits_of_the_table_of_contents(copied: Path) -> None:
    meta = copied / "meta.json"
    found: Counter[str] = Counter()
    for what, text in json_edits(json.loads(meta.read_text()), 1500, seed=1):
        meta.write_text(text)
        found[outcome(lambda: read_all(copied), what)] += 1
    print(dict(found))
    assert found["refused"] > 1200


@pytest.mark.slow
def test_edits_of_the_small_arrays(copied: Path) -> None:
    store, random = Store.open(copied), Random(2)
    found: Counter[str] = Counter()
    for name in (*INDICES, *COLUMNS, "names", "joint_scale", "joint_present"):
        if name not in store.meta["arrays"]:
            continue
        file = copied / f"{name}.bin"
        data = file.read_bytes()
        dtype = store.array(name).dtype
        for _ in range(100):
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
    assert found["refused"] > 700


def wild_number(random: Random, array: np.ndarray, place: int) -> object:
    if array.dtype.kind == "S":
        return random.choice([b"", b"a\0b", b"\xff", b"\xc3", array[place - 1], array[place] + b"x", b"new"])
    if array.dtype.kind == "f":
        return random.choice([np.nan, np.inf, -1, 0, 1e-30, 1e30])
    value, info = int(array[place]), np.iinfo(array.dtype)
    near = [value + step for step in (-2, -1, 1, 2, 7, 1000)]
    wild = [
        0,
        -1,
        -2,
        1,
        ~value,
        info.max,
        info.min,
        info.max - 1,
        1 << 20,
        int(random.choice(array.tolist())),
    ]
    return min(max(random.choice([*near, *wild]), info.min), info.max)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("frame_rows", 3, -1),  # the presence of a body-frame, and with it all that come after, would shift
        ("frame_rows", -1, -1),
        ("frame_rows", 3, 10_000_000),
        ("frame_numbers", 2, -1),
        ("joint_start", 1, 10_000_000),
        ("joint_start", 1, -5),
        ("row_start", 1, 1 << 62),
        ("label", 2, 2**31 - 1),
        ("label", 2, -2),
        ("num_bodies", 2, 1 << 30),
        ("num_frames", 2, 2**31 - 1),
        ("names", 2, b"sequence3"),
        ("names", 2, b"\xff"),
        ("attribute_subject", 1, -(2**31)),
    ],
)
def test_a_damaged_array_is_told_in_one_line_by_every_command(
    copied: Path, name: str, place: int, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    array = np.memmap(copied / f"{name}.bin", Store.open(copied).array(name).dtype, "r+")
    array[place] = value
    array.flush()
    out = str(copied.parent / "out")
    for command in (["info"], ["convert"], ["export"], ["verify"]):
        more = {
            "convert": [out, "--topology", "ntu-25"],
            "export": [out, "--format", "pyskl", "--protocol", "x"],
        }
        status = main(["data", *command, str(copied), *more.get(command[0], [])])
        said = capsys.readouterr()
        if command == ["verify"]:
            assert status == 1
            assert name in said.out
            continue
        assert status == 2
        (line,) = said.err.splitlines()
        assert line.startswith(f"skelact: {copied}: ")
        assert line.endswith("; the store is damaged, prepare the data set again")
    assert [path.name for path in copied.parent.iterdir()] == ["store"]


@pytest.mark.parametrize("what", IN_PLACE)
@pytest.mark.parametrize("file", ["meta.json", "joints.bin", "frame_rows.bin", "names.bin", "excluded.csv"])
def test_what_is_no_file_of_the_store(small_store: Store, tmp_path: Path, file: str, what: str) -> None:
    path = tmp_path / "store"
    shutil.copytree(small_store.path, path)
    in_place_of(path / file, what)
    result = outcome(lambda: read_all(path), f"{what} as {file}")
    assert result == ("read" if (what, file) == ("nothing", "excluded.csv") else "refused")


def test_an_array_elsewhere_is_not_read(small_store: Store, tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "store", tmp_path / "elsewhere.bin"
    shutil.copytree(small_store.path, path)
    (path / "joints.bin").rename(elsewhere)
    (path / "joints.bin").symlink_to(elsewhere)
    with pytest.raises(DataError, match=r"joints\.bin: a link, and a store holds files alone"):
        Store.open(path)
    (path / "joints.bin").unlink()
    meta = json.loads((path / "meta.json").read_text())
    meta["arrays"]["../elsewhere"] = meta["arrays"].pop("joints")
    (path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DataError, match=r"meta\.json: .*; the store is damaged"):
        Store.open(path)
    meta["attached"] = {"meta.json": "0" * 64}
    meta["arrays"]["joints"] = meta["arrays"].pop("../elsewhere")
    (path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DataError, match=r"attached: meta\.json is no name of a file of text"):
        Store.open(path)


def test_a_class_called_as_a_number_is_written(tmp_path: Path, small_store: Store) -> None:
    names = [".inf", ".nan", "null", "1e400"]
    with StoreWriter(
        tmp_path / "store", data_set="x", topology=NTU_25, class_names=names, fps=None, options={}
    ) as writer:
        writer.add(small_store.sequence(2))
        assert writer.finish().class_names == names


@pytest.mark.parametrize("given", [None, 5, b"store", ["store"], 1.5])
def test_a_folder_of_another_type(given: object) -> None:
    with pytest.raises(SkelactError, match=r"path is .*, expected a path"):
        Store.open(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [-1, 10, 1 << 70, "a", None, 1.0, [1], slice(3)])
def test_a_sequence_that_is_not_there(small_store: Store, index: object) -> None:
    for read in (small_store.sequence, small_store.positions):
        with pytest.raises(DataError, match=r"there is no sequence|a sequence is given by its number"):
            read(index)  # type: ignore[operator]
    assert small_store.sequence(np.int64(9)).name == "sequence9"
