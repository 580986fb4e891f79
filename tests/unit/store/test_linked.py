"""Parts that are joined without copying are, to all that reads them, the store that one run gives."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from faults.mutations import json_edits
from killed_preparation import digests
from skelact.api.data import prepare as prepare_command
from skelact.api.descriptions import describe_store
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.errors import ConfigurationError, DataError, SkelactError
from skelact.store import linked
from skelact.store.linked import IN_PARTS, JoinedArray
from skelact.store.prepare import PreparationResult, prepare
from skelact.store.store import Store
from skelact.store.verify import find_problems

NUM_RECORDINGS, NUM_PARTS = 13, 4


def write_people(folder: Path, joints_missing: bool) -> Path:
    """Recordings of one to three people who come and go; with missing joints in the last part alone."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(NUM_RECORDINGS):
        num_frames, bodies = 3 + 2 * number, []
        for body in range(1 + number % 3):
            positions: list[Any] = random.normal(size=(num_frames, 17, 3)).tolist()
            if body:
                positions[number % num_frames] = None
            if joints_missing and number == NUM_RECORDINGS - 1:
                positions[1][4] = None
            bodies.append({"positions": positions})
        content = {"topology": "coco-17", "fps": 25, "label": "ab"[number % 2], "bodies": bodies}
        (folder / f"{number:02}.json").write_text(json.dumps(content | {"subject": number % 4}))
    return folder


def linked_parts(raw: Path, store: Path, **options: Any) -> PreparationResult:
    """Make the parts and join them by links."""
    for number in range(1, NUM_PARTS + 1):
        prepare("pose-json", raw, store, shard=(number, NUM_PARTS), num_workers=1, **options)
    return prepare("pose-json", raw, store, num_workers=1, link_parts=True, **options)


@pytest.fixture(scope="module", params=["float32", "int16", "joints missing"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """The store of one run, and the one of linked parts."""
    folder = tmp_path_factory.mktemp("linked")
    raw = write_people(folder / "raw", request.param == "joints missing")
    positions = "float32" if request.param == "joints missing" else request.param
    whole = prepare("pose-json", raw, folder / "whole", num_workers=1, positions=positions)
    made = linked_parts(raw, folder / "store", positions=positions)
    assert made.remarks[-1] == f"joined from store.part-*-of-{NUM_PARTS}, which hold its positions"
    return whole.store, made.store


@pytest.fixture
def copied(both: tuple[Store, Store], tmp_path: Path) -> Path:
    shutil.copytree(both[1].path.parent, tmp_path / "copy", ignore=shutil.ignore_patterns("raw", "whole"))
    return tmp_path / "copy" / "store"


def test_what_it_says_and_holds(both: tuple[Store, Store]) -> None:
    whole, store = both
    assert store.content_hash == whole.content_hash
    meta = {key: value for key, value in store.meta.items() if key != "parts"}
    assert meta == whole.meta
    in_parts = {f"{name}.bin" for name in IN_PARTS}
    expected = {name: digest for name, digest in digests(whole.path).items() if name not in in_parts}
    assert {**digests(store.path), "meta.json": expected["meta.json"]} == expected
    assert find_problems(store) == []
    assert f"positions lie in {NUM_PARTS} parts beside it" in describe_store(store, 100)


def test_sequences(both: tuple[Store, Store]) -> None:
    whole, store = both
    for index in range(NUM_RECORDINGS):
        own, other = store.sequence(index), whole.sequence(index)
        assert (own.name, own.label, own.attributes) == (other.name, other.label, other.attributes)
        np.testing.assert_array_equal(own.positions, other.positions)
        np.testing.assert_array_equal(own.present, other.present)
        assert (own.joint_present is None) == (other.joint_present is None)
        if own.joint_present is not None and other.joint_present is not None:
            np.testing.assert_array_equal(own.joint_present, other.joint_present)


@pytest.mark.usefixtures("either_reader")
@pytest.mark.parametrize("max_bodies", [1, 2, 3])
@pytest.mark.parametrize(("stream", "view"), [("joint", "camera"), ("bone-motion", "upright")])
def test_clips(both: tuple[Store, Store], max_bodies: int, stream: str, view: str) -> None:
    settings = ClipSettings(
        num_frames=8, min_crop_frames=4, max_bodies=max_bodies, stream=stream, view=view, scale="body"
    )
    whole, store = (ClipSource(each, settings) for each in both)
    generator = torch.Generator().manual_seed(0)
    draws, indices = draw_crops(20, generator), torch.randint(NUM_RECORDINGS, (20,), generator=generator)
    for own, other in (
        (store.train(indices, draws), whole.train(indices, draws)),
        (store.test(indices),) * 2,
    ):
        for name in own._fields:
            one, two = getattr(own, name), getattr(other, name)
            assert (one is None) == (two is None), name
            assert one is None or torch.equal(one, two), name
    for index in range(NUM_RECORDINGS):
        np.testing.assert_array_equal(store.frame_numbers(index), whole.frame_numbers(index))


def test_few_files_are_open_at_a_time(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linked, "MOST_MAPPED", 3)
    store = Store.open(copied)
    for index in [*range(NUM_RECORDINGS)] * 2:
        store.sequence(index)
    with os.scandir("/proc/self/fd") as entries:
        files = [os.path.realpath(entry.path) for entry in entries]
    own = [file for file in files if file.startswith(f"{copied.resolve()}.part-")]
    assert 1 <= len(own) <= 3


def refusal(path: Path) -> str:
    """Return the error of reading a store, if there is one."""
    try:
        store = Store.open(path)
        describe_store(store, 100)
        ClipSource(store, ClipSettings(num_frames=4, min_crop_frames=2)).test(np.arange(len(store)))
    except SkelactError as error:
        return str(error)
    return ""


def test_parts_that_are_not_there_or_others(copied: Path) -> None:
    second, third = (copied.parent / f"store.part-{number}-of-{NUM_PARTS}" for number in (2, 3))
    away = copied.parent / "away"
    second.rename(away)
    with pytest.raises(
        DataError, match=r"part-2-of-4: is missing, and positions of .* lie there; put it back"
    ):
        Store.open(copied)
    second.symlink_to(away)  # on another disk
    assert len(Store.open(copied)) == NUM_RECORDINGS
    second.unlink()
    shutil.copytree(third, second)
    with pytest.raises(
        DataError, match=r"part-2-of-4: is not the part that .* was joined from; put that back"
    ):
        Store.open(copied)
    shutil.rmtree(second)
    away.rename(second)
    joints = (second / "joints.bin").read_bytes()
    (second / "joints.bin").write_bytes(bytes([joints[0] ^ 1]) + joints[1:])
    assert any("part-2-of-4" in problem for problem in find_problems(Store.open(copied)))
    (second / "joints.bin").write_bytes(joints[:-1])
    with pytest.raises(DataError, match=r"part-2-of-4.joints\.bin: \d+ bytes long, expected \d+"):
        Store.open(copied)


def test_edits_of_what_it_says_of_its_parts(copied: Path) -> None:
    meta, found = copied / "meta.json", Counter[str]()
    content = json.loads(meta.read_text())
    parts = content.pop("parts")
    for what, text in json_edits(parts, 300, seed=0):
        meta.write_text(f'{json.dumps(content)[:-1]}, "parts": {text}}}')
        said = refusal(copied)
        found["refused" if said else "read"] += 1
        assert not said or said.isprintable(), what
    assert found["refused"] > 150, found


def test_what_cannot_be_linked(tmp_path: Path) -> None:
    raw, store = write_people(tmp_path / "raw", False), tmp_path / "store"
    with pytest.raises(DataError, match="no part lies beside it; make them with --shard I/N"):
        prepare("pose-json", raw, store, num_workers=1, link_parts=True)
    with pytest.raises(ConfigurationError, match="--link-parts: give it to the command without --shard"):
        prepare("pose-json", raw, store, shard=(1, 2), link_parts=True)
    for number in (1, 2):
        prepare("pose-json", raw, store, num_workers=1, shard=(number, 2))
    (tmp_path / "bad.csv").write_text("name\n01\n")
    with pytest.raises(
        DataError, match=r"1 sequence of its parts would be left out, .*; leave out --link-parts"
    ):
        prepare_command("pose-json", raw, store, link_parts=True, without=tmp_path / "bad.csv", workers=1)
    assert not store.exists()
    store.with_name("store.part-2-of-2").rename(tmp_path / "away")
    with pytest.raises(DataError, match=r"part-2-of-2: is missing \(1 of 2 parts are\); make it with"):
        prepare("pose-json", raw, store, num_workers=1, link_parts=True)


def test_an_array_in_pieces_is_read_like_one() -> None:
    pieces = [np.arange(6).reshape(3, 2), np.empty((0, 2), np.int64), np.arange(6, 14).reshape(4, 2)]
    array = JoinedArray([3, 0, 4], (2,), np.int64, lambda number: pieces[number])
    whole = np.concatenate(pieces)
    assert (array.shape, array.ndim, len(array), array.dtype) == (whole.shape, 2, 7, whole.dtype)
    numbers = np.array([[6, 0], [3, 3], [2, -1]])
    slices = [(None,), (1, 5), (5, 1), (-2, None), (0, 7, 3), (None, None, -2)]
    for rows in (*(slice(*each) for each in slices), 4, -1, numbers):
        np.testing.assert_array_equal(array[rows], whole[rows])
    np.testing.assert_array_equal(array[numbers[:0]], whole[numbers[:0]])
    assert np.shares_memory(array[3:5], pieces[2])
    for row in (7, -8):
        with pytest.raises(IndexError, match=f"row {row} of 7"):
            array[np.array([0, row])]
