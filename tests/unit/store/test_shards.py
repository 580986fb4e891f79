"""Parts of a data set, made one by one in any order, join to what one run gives, byte for byte."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from killed_preparation import FORK, digests, killed
from skelact.errors import ConfigurationError, DataError
from skelact.formats.exclusions import read_exclusions
from skelact.store import partial
from skelact.store import writer as store_writer
from skelact.store.prepare import PreparationResult, prepare
from skelact.store.store import Store
from skelact.store.verify import find_problems
from skelact.store.writer import OTHER_SKELETON
from untrimmed_recordings import write_untrimmed


def in_parts(
    data_set: str, raw: Path, store: Path, count: int, **options: Any
) -> tuple[list[PreparationResult], PreparationResult]:
    """Make the parts, the last one first, and join them."""
    parts = [
        prepare(data_set, raw, store, shard=(number, count), num_workers=1, **options)
        for number in range(count, 0, -1)
    ]
    assert not store.exists()
    return parts[::-1], prepare(data_set, raw, store, num_workers=1, **options)


@pytest.fixture(scope="module")
def raw(ntu_text: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """21 recordings of NTU-60, the first and some others cut short, and files that are none."""
    folder = tmp_path_factory.mktemp("raw")
    random = np.random.default_rng(0)
    for number in range(21):
        data = ntu_text([[(7, random.normal(size=(25, 3)))] for _ in range(3 + number % 5)])
        if number % 9 in (0, 7, 8):
            data = data[: len(data) // 2]
        (folder / f"S001C{number % 3 + 1:03}P{number + 1:03}R001A001.skeleton").write_bytes(data)
    (folder / "readme.txt").write_bytes(b"hello")
    return folder


@pytest.mark.parametrize("positions", ["float32", "int16"])
@pytest.mark.parametrize("count", [1, 3, pytest.param(21, marks=pytest.mark.slow)])
def test_parts_join_to_the_whole(count: int, positions: str, raw: Path, tmp_path: Path) -> None:
    whole = prepare("ntu60", raw, tmp_path / "whole", positions=positions, num_workers=1)
    parts, joined = in_parts("ntu60", raw, tmp_path / "store", count, positions=positions)
    assert digests(joined.store.path) == digests(whole.store.path)
    assert (joined.num_files, joined.exclusions) == (whole.num_files, whole.exclusions)
    assert joined.remarks == [f"joined from store.part-*-of-{count}, which may be removed now"]
    assert sum(part.num_files for part in parts) == 21
    assert [name for part in parts for name in part.store.names] == whole.store.names
    assert all(find_problems(part.store) == [] for part in parts if len(part.store))
    if count == 21:  # the first is of the recording that is cut short alone
        assert len(parts[0].store) == 0
        with pytest.raises(DataError, match="part-1-of-21: a part without a sequence; join all parts"):
            Store.open(parts[0].store.path)


def people(folder: Path, tables: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for number, table in enumerate(tables):
        bodies = [{"positions": np.full((2 + number, 17, 2), number + 1.0).tolist()}]
        whole = {"topology": "coco-17", "fps": 25, "bodies": bodies} | table
        (folder / f"{number:02}.json").write_text(json.dumps(whole))
    return folder


KINDS: list[dict[str, Any]] = [
    {"label": "walk"},
    {"label": "jump", "subject": "eve"},
    {"fps": 30, "subject": "anna"},
    {"label": "bow", "subject": "bob", "fps": None},
    {"topology": "kinect-20", "bodies": [{"positions": np.ones((1, 20, 3)).tolist()}]},
    {"label": "walk", "subject": "anna"},
]


@pytest.mark.parametrize("count", [2, 3, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shift", range(6))
def test_what_the_recordings_decide_is_decided_as_in_one_run(count: int, shift: int, tmp_path: Path) -> None:
    """Whichever comes first: skeleton, number of coordinates, names of classes and attributes, frame rate."""
    raw = people(tmp_path / "raw", KINDS[shift:] + KINDS[:shift])
    whole = prepare("pose-json", raw, tmp_path / "whole", num_workers=1)
    _, joined = in_parts("pose-json", raw, tmp_path / "store", count)
    assert digests(joined.store.path) == digests(whole.store.path)
    assert joined.exclusions == whole.exclusions
    assert [entry.reason for entry in whole.exclusions] == [OTHER_SKELETON] * (5 if shift == 4 else 1)


def test_joints_missing_in_one_part_only(tmp_path: Path) -> None:
    holed: list[Any] = np.ones((2, 17, 2)).tolist()
    holed[1][5] = None
    raw = people(tmp_path / "raw", [{}, {}, {"bodies": [{"positions": holed}]}, {}])
    whole = prepare("pose-json", raw, tmp_path / "whole", num_workers=1)
    _, joined = in_parts("pose-json", raw, tmp_path / "store", 2)
    assert "joint_present" in whole.store.meta["arrays"]
    assert digests(joined.store.path) == digests(whole.store.path)


def test_names_that_occur_in_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skelact.formats import pose_json
    from skelact.skeleton.sequence import SkeletonSequence

    build = SkeletonSequence.__init__

    def renamed(self: SkeletonSequence, name: str, *arguments: Any, **named: Any) -> None:
        build(self, {"03": "00", "02": "01"}.get(name, name), *arguments, **named)

    monkeypatch.setattr(pose_json.SkeletonSequence, "__init__", renamed)
    raw = people(tmp_path / "raw", [{}, {}, {}, {}])
    whole = prepare("pose-json", raw, tmp_path / "whole", num_workers=1)
    assert [entry.file for entry in whole.exclusions] == ["02.json", "03.json"]
    parts, joined = in_parts("pose-json", raw, tmp_path / "store", 2)
    assert [part.exclusions for part in parts] == [[], []]
    assert digests(joined.store.path) == digests(whole.store.path)
    assert joined.exclusions == whole.exclusions


def test_numbers_here_and_names_there_are_not_joined(tmp_path: Path) -> None:
    raw = people(tmp_path / "raw", [{"subject": 1}, {}, {"subject": "bob"}, {}])
    with pytest.raises(DataError, match=r"its parts do not fit .*02: subject is 'bob', a number before"):
        in_parts("pose-json", raw, tmp_path / "store", 2)
    assert not (tmp_path / "store").exists()


def test_intervals_of_untrimmed_recordings(tmp_path: Path) -> None:
    write_untrimmed(tmp_path / "raw", num_train=3, num_test=2, num_actions=2, seed=0)
    settings = {"untrimmed": True}
    whole = prepare("pku1", tmp_path / "raw", tmp_path / "whole", num_workers=1, settings=settings)
    parts, joined = in_parts("pku1", tmp_path / "raw", tmp_path / "store", 2, settings=settings)
    assert digests(joined.store.path) == digests(whole.store.path)
    rows = [len((part.store.path / "intervals.csv").read_text().splitlines()) - 1 for part in parts]
    assert rows == [2 * 2, 3 * 2]


def test_copies_of_the_raw_files_on_two_machines(raw: Path, tmp_path: Path) -> None:
    whole = prepare("ntu60", raw, tmp_path / "whole", num_workers=1)
    shutil.copytree(raw, tmp_path / "copy")
    for number, file in enumerate((tmp_path / "copy").iterdir()):
        os.utime(file, (number, number))
    prepare("ntu60", raw, tmp_path / "store", num_workers=2, shard=(1, 2))
    prepare("ntu60", tmp_path / "copy", tmp_path / "other" / "store", num_workers=1, shard=(2, 2))
    shutil.move(tmp_path / "other" / "store.part-2-of-2", tmp_path)
    assert digests(prepare("ntu60", raw, tmp_path / "store").store.path) == digests(whole.store.path)


def test_a_finished_part_is_not_made_again(raw: Path, tmp_path: Path) -> None:
    store, own = tmp_path / "store", tmp_path / "raw"
    shutil.copytree(raw, own)
    made = prepare("ntu60", own, store, num_workers=1, shard=(2, 3))
    times = {path: path.stat().st_mtime_ns for path in made.store.path.iterdir()}
    again = prepare("ntu60", own, store, num_workers=1, shard=(2, 3))
    assert {path: path.stat().st_mtime_ns for path in again.store.path.iterdir()} == times
    assert again.remarks == ["part 2/3 was finished before, and is left as it is"]
    assert (again.num_files, again.exclusions) == (made.num_files, made.exclusions)
    os.utime(next(own.iterdir()), (0, 0))
    with pytest.raises(
        DataError,
        match=r"part-2-of-3: the times of the raw files changed since it was made; remove "
        r"store\.part-2-of-3 and make it again with --shard 2/3",
    ):
        prepare("ntu60", own, store, num_workers=1, shard=(2, 3))
    prepare("ntu60", own, store, num_workers=1, shard=(2, 3), overwrite=True)


@pytest.mark.parametrize("change", ["option", "positions", "new file", "longer file"])
def test_parts_of_something_else_are_not_joined(change: str, raw: Path, tmp_path: Path) -> None:
    own, store = tmp_path / "raw", tmp_path / "store"
    shutil.copytree(raw, own)
    for number in (1, 2):
        prepare("ntu60", own, store, num_workers=1, shard=(number, 2))
    options: dict[str, Any] = {}
    what = "the raw files"
    if change == "option":
        options, what = {"centred": False}, "the options"
    elif change == "positions":
        options, what = {"positions": "int16"}, "the options"
    elif change == "new file":
        shutil.copy(next(raw.iterdir()), own / "S002C001P001R001A001.skeleton")
    else:
        with next(own.glob("*.skeleton")).open("ab") as file:
            file.write(b"\n")
    with pytest.raises(DataError, match=f"part-1-of-2: {what} changed since it was made; remove"):
        prepare("ntu60", own, store, num_workers=1, **options)
    assert not store.exists()


def test_parts_that_are_missing_mixed_up_or_damaged(raw: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for number in (1, 3):
        prepare("ntu60", raw, store, num_workers=1, shard=(number, 3))

    def refused(expected: str) -> None:
        with pytest.raises(DataError, match=expected) as caught:
            prepare("ntu60", raw, store, num_workers=1)
        assert "\n" not in str(caught.value)
        assert not store.exists()

    first, second, third = (tmp_path / f"store.part-{number}-of-3" for number in (1, 2, 3))
    refused(r"part-2-of-3: is missing \(1 of 3 parts are\); make it with --shard 2/3, or remove")
    shutil.copytree(third, second)
    refused(r"part-2-of-3: is not part 2/3, as its name says; remove store\.part-2-of-3 and make it again")
    shutil.rmtree(second)
    prepare("ntu60", raw, store, num_workers=1, shard=(2, 3))
    prepare("ntu60", raw, store, num_workers=1, shard=(2, 2))
    refused("parts of 2 and of 3 lie beside it; remove those that are not wanted")
    shutil.rmtree(tmp_path / "store.part-2-of-2")
    joints = (second / "joints.bin").read_bytes()
    (second / "joints.bin").write_bytes(joints[:-1] + bytes([joints[-1] ^ 1]))
    refused(r"joints\.bin: content changed since it was written; remove store\.part-2-of-3")
    (second / "joints.bin").write_bytes(joints)
    text = (first / "part.json").read_text()
    (first / "part.json").write_text(text[:40])
    refused(r"part\.json: line 1, .*; remove store\.part-1-of-3 and make it again with --shard 1/3")
    (first / "part.json").write_text(text)
    assert len(prepare("ntu60", raw, store, num_workers=1).store) == 14


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [(store_writer.StoreWriter, "_append", 10), (partial.os, "replace", 1), (Path, "unlink", 1)],
)
@pytest.mark.parametrize("while_joining", [False, True])
def test_kills(owner: Any, name: str, call: int, while_joining: bool, raw: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    if while_joining:
        for number in (1, 2):
            prepare("ntu60", raw, store, num_workers=1, shard=(number, 2))
    shard = None if while_joining else (1, 2)
    killed(owner, name, call, raw, store, num_workers=1, shard=shard)
    for number in (1, 2):
        prepare("ntu60", raw, store, num_workers=1, shard=(number, 2))
    if not store.exists():
        prepare("ntu60", raw, store, num_workers=1)
    whole = prepare("ntu60", raw, tmp_path / "whole", num_workers=1)
    assert digests(store) == digests(whole.store.path)


def test_two_that_join_at_once(raw: Path, tmp_path: Path) -> None:
    store, ready, go = tmp_path / "store", FORK.Event(), FORK.Event()
    for number in (1, 2):
        prepare("ntu60", raw, store, num_workers=1, shard=(number, 2))

    def work() -> None:
        def wait(progress: object) -> None:
            ready.set()
            go.wait(60)

        prepare("ntu60", raw, store, num_workers=1, on_progress=wait)

    process = FORK.Process(target=work)
    process.start()
    assert ready.wait(60)
    try:
        with pytest.raises(DataError, match=r"process \d+ on .* is preparing this store"):
            prepare("ntu60", raw, store, num_workers=1)
    finally:
        go.set()
        process.join(60)
    assert process.exitcode == 0
    assert len(Store.open(store)) == 14


def test_strict_parts_and_strict_joining(raw: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(DataError, match="stopped by --strict"):
        prepare("ntu60", raw, store, num_workers=1, shard=(1, 2), strict=True)
    assert list(tmp_path.iterdir()) == []
    for number in (1, 2):
        prepare("ntu60", raw, store, num_workers=1, shard=(number, 2))
    with pytest.raises(DataError, match="stopped by --strict"):
        prepare("ntu60", raw, store, num_workers=1, strict=True)
    assert read_exclusions(tmp_path / "store.part-1-of-2") != []


def test_nothing_usable(tmp_path: Path, ntu_text: Callable[..., bytes]) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for action in (1, 2):
        (raw / f"S001C001P001R001A00{action}.skeleton").write_bytes(b"1\n0\n")
    with pytest.raises(DataError, match="none of 2 recordings can be used; leave out --shard to hear why"):
        prepare("ntu60", raw, tmp_path / "store", num_workers=1, shard=(1, 2))


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0)])
def test_parts_that_are_none(shard: tuple[int, int], raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected I/N, part I of N, with I from 1 to N"):
        prepare("ntu60", raw, tmp_path / "store", shard=shard)
