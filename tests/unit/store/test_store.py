from pathlib import Path

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20, NTU_25
from skelact.store.packing import frame_rows
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


def writer(path: Path, **options: bool) -> StoreWriter:
    return StoreWriter(
        path, data_set="mine", topology=NTU_25, class_names=["a", "b"], fps=30.0, options={"x": 1}, **options
    )


def sequence(name: str = "one", present: list[list[int]] | None = None, **more: object) -> SkeletonSequence:
    flags = np.array(present or [[1, 0, 1, 1], [0, 0, 0, 1]], np.bool_)
    positions = np.random.default_rng(0).normal(size=(*flags.shape, 25, 3)).astype(np.float32)
    positions[~flags] = 0
    return SkeletonSequence(name, positions, flags, NTU_25, fps=30.0, **more)  # type: ignore[arg-type]


def test_sequences_come_back_as_they_were_added(tmp_path: Path) -> None:
    added = [
        sequence("one", label=1, attributes={"subject": 3}),
        sequence("zwei ü", [[0, 1, 1]], attributes={"camera": 2}),
        sequence("three", [[1], [1], [1]], label=0),
    ]
    with writer(tmp_path / "store") as store:
        for one in added:
            store.add(one)
        assert len(store) == 3
        opened = store.finish()
    assert [opened.sequence(index).name for index in range(3)] == ["one", "zwei ü", "three"]
    for index, one in enumerate(added):
        back = opened.sequence(index)
        np.testing.assert_array_equal(back.positions, one.positions)
        np.testing.assert_array_equal(back.present, one.present)
        assert (back.label, back.attributes, back.fps) == (one.label, one.attributes, one.fps)
    assert opened.attribute("subject").tolist() == [3, -1, -1]
    assert opened.max_bodies == 3


def test_bodies_that_are_never_present_are_left_out(tmp_path: Path) -> None:
    with writer(tmp_path / "store") as store:
        store.add(sequence(present=[[0, 0], [1, 1]]))
        assert store.finish().sequence(0).num_bodies == 1


def test_frame_rows_point_to_the_nearest_present_frame() -> None:
    rows = frame_rows(np.array([[0, 1, 0, 0, 0, 1], [1, 0, 0, 1, 1, 0]], np.bool_))
    assert rows.tolist() == [[~0, 0, ~0, ~0, ~1, 1], [2, ~2, ~3, 3, 4, ~4]]
    with pytest.raises(ValueError, match="present in no frame"):
        frame_rows(np.zeros((1, 3), np.bool_))


def test_an_unfinished_store_is_none(tmp_path: Path) -> None:
    path = tmp_path / "store"
    unfinished = writer(path)
    unfinished.add(sequence())
    with pytest.raises(DataError, match="its preparation was not finished"):
        Store.open(path)
    with pytest.raises(DataError, match=r"this process, .* is preparing this store"):
        writer(path)
    with unfinished:
        pass
    assert list(tmp_path.iterdir()) == []  # so is one that was left without `finish`, and it leaves nothing


def test_attached_files_belong_to_the_content(tmp_path: Path) -> None:
    hashes = set()
    for text in ("first", "second"):
        with writer(tmp_path / text) as store:
            store.add(sequence())
            store.attach("notes.txt", text)
            opened = store.finish()
        hashes.add(opened.content_hash)
        assert opened.damage() == []
    assert len(hashes) == 2
    (opened.path / "notes.txt").write_text("third")
    assert opened.damage() == [f"{opened.path / 'notes.txt'}: content changed since it was written"]
    (opened.path / "notes.txt").unlink()
    assert opened.damage() == [f"{opened.path / 'notes.txt'}: missing"]


def test_overwriting_needs_a_store(tmp_path: Path) -> None:
    path = tmp_path / "store"
    for _ in range(2):
        with writer(path, overwrite=True) as store:
            store.add(sequence())
            store.finish()
    with pytest.raises(DataError, match="exists already"):
        writer(path)
    (path / "meta.json").unlink()
    with pytest.raises(DataError, match="exists already and is no store"):
        writer(path, overwrite=True)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with writer(tmp_path / "store") as store:
        store.add(sequence())
        with pytest.raises(DataError, match="one: a recording of this name is in the store already"):
            store.add(sequence())
        with pytest.raises(DataError, match="two: class 2 is not one of the data set's"):
            store.add(sequence("two", label=2))
        with pytest.raises(DataError, match="two: no body is present in any frame"):
            store.add(sequence("two", [[0, 0]]))
        other = SkeletonSequence("two", np.ones((1, 1, 20, 3), np.float32), np.ones((1, 1), bool), KINECT_20)
        with pytest.raises(
            DataError,
            match=r"two: 20 joints \(kinect-20\), the first recording has 25 \(ntu-25\)",
        ):
            store.add(other)


def test_nothing_added_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no usable recording"), writer(tmp_path / "store") as store:
        store.finish()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        writer(tmp_path / "file" / "store")


def test_a_damaged_folder_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with pytest.raises(DataError, match="not a store, there is no such folder"):
        Store.open(path)
    with writer(path) as store:
        store.add(sequence())
        store.finish()
    (path / "joints.bin").write_bytes(b"short")
    with pytest.raises(DataError, match=r"joints\.bin: 5 bytes long, expected 1200; the store is damaged"):
        Store.open(path)
    (path / "meta.json").write_text("{")
    with pytest.raises(DataError, match=r"meta\.json: line 1, column 2: not JSON"):
        Store.open(path)
    (path / "meta.json").write_text('{"format": "other", "arrays": {}}')
    with pytest.raises(DataError, match="format 'other', this version reads"):
        Store.open(path)


def test_a_path_may_be_text_and_a_store_shows_what_it_is(tmp_path: Path) -> None:
    path = str(tmp_path / "store")
    with StoreWriter(path, data_set="mine", topology=NTU_25, class_names=[], fps=None, options={}) as store:
        store.add(sequence())
        store.finish()
    assert repr(Store.open(path)) == f"Store(mine, 1 sequences, {path!r})"


def test_up_and_unit_are_kept_and_known_of_public_data_sets_without(tmp_path: Path) -> None:
    opened = []
    for folder, conventions in (("said", {"up": "-z", "unit": "mm"}), ("unsaid", {})):
        with writer(tmp_path / folder, **conventions) as store:  # type: ignore[arg-type]
            store.add(sequence())
            opened.append(store.finish())
    said, unsaid = opened
    assert (said.up, said.unit, unsaid.up, unsaid.unit) == ("-z", "mm", None, None)
    assert said.content_hash == unsaid.content_hash  # of the data, as in versions that did not write them
    assert not said.damage()
    earlier = {key: value for key, value in unsaid.meta.items() if key not in ("up", "unit")}
    known = Store(unsaid.path, earlier | {"data_set": "ntu60"})
    assert (known.up, known.unit) == ("y", "m")
    assert Store(unsaid.path, earlier).up is None
