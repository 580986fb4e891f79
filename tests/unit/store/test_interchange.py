"""Import, export, import again: nothing changes on the way."""

import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.formats.protocol import attribute_of
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.store.export import export_padded_npz, export_pyskl
from skelact.store.prepare import prepare
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


@pytest.fixture(scope="module")
def store(small_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The labelled sequences of the small store, less their third bodies, with two splits of their own."""
    path = tmp_path_factory.mktemp("interchange") / "store"
    protocols = [
        {"name": name, "attribute": attribute_of(name), "train": [0], "test": [1], "published_counts": None}
        for name in ("xsub", "given")
    ]
    with StoreWriter(
        path,
        data_set="d",
        topology=NTU_25,
        class_names=list("abcd"),
        fps=None,
        options={},
        protocols=protocols,
    ) as writer:
        for number in range(9):
            one = small_store.sequence(number)
            sides = {attribute_of("xsub"): number % 2, attribute_of("given"): number // 5}
            writer.add(
                SkeletonSequence(
                    name=one.name,
                    positions=one.positions[:2],
                    present=one.present[:2],
                    topology=NTU_25,
                    label=one.label,
                    attributes=sides,
                )
            )
        return writer.finish()


def pyskl_again(store: Store, folder: Path, protocols: list[str], **settings: object) -> Store:
    folder.mkdir()
    export_pyskl(store, protocols, folder / "a.pkl")
    return prepare("pyskl", folder, folder / "store", centred=False, settings=settings).store


def assert_same_motion(one: SkeletonSequence, other: SkeletonSequence, padded: bool = False) -> None:
    """``padded``: frames without any body at the end are padding."""
    end = int(np.flatnonzero(one.present.any(0))[-1]) + 1 if padded else one.num_frames
    np.testing.assert_array_equal(one.positions[:, :end], other.positions)
    np.testing.assert_array_equal(one.present[:, :end], other.present)
    assert one.label == other.label


def test_padded_npz_there_and_back(store: Store, tmp_path: Path) -> None:
    stores = [store]
    for name in ("one", "two"):
        export_padded_npz(stores[-1], "given", tmp_path / f"{name}.npz")
        again = prepare("npz", tmp_path / f"{name}.npz", tmp_path / name, centred=False)
        assert again.exclusions == []
        stores.append(again.store)
    assert stores[1].content_hash == stores[2].content_hash
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    before, after = split(store, "given"), split(stores[1], "given")
    for old, new in zip(np.r_[before.train, before.test], np.r_[after.train, after.test], strict=True):
        assert_same_motion(store.sequence(int(old)), stores[1].sequence(int(new)), padded=True)


def test_padded_npz_is_what_numpy_reads(store: Store, tmp_path: Path) -> None:
    made = export_padded_npz(store, "xsub", tmp_path / "a.npz", num_frames=200, num_bodies=3)
    assert (made.num_train, made.num_test, made.num_frames, made.num_missing_joints) == (5, 4, 200, 0)
    with np.load(tmp_path / "a.npz") as arrays:
        assert list(arrays) == ["x_train", "y_train", "x_test", "y_test"]
        assert arrays["x_train"].shape == (5, 200, 3 * 75)
        assert arrays["x_train"].dtype == np.float32
        assert arrays["y_test"].dtype == np.float64
        np.testing.assert_array_equal(arrays["y_train"].argmax(1), store.labels[split(store, "xsub").train])
        last = store.sequence(7)
        row = arrays["x_test"][3].reshape(200, 3, 25, 3)
        np.testing.assert_array_equal(row[:120, 0], last.positions[0])
        assert not row[120:].any()


def test_the_published_arrays_come_back(golden_dir: Path, tmp_path: Path) -> None:
    """All rows but those in which the reference wrote the origin over an absent body."""
    raw = golden_dir / "ntu_synthetic" / "ntu60_XView.npz"
    first = prepare("npz", raw, tmp_path / "one", centred=False).store
    export_padded_npz(first, "given", tmp_path / "a.npz", num_frames=70)
    num_different = 0
    with np.load(raw) as expected, np.load(tmp_path / "a.npz") as found:
        for name in expected:
            num_different += int(
                (expected[name] != found[name]).reshape(len(expected[name]), -1).any(1).sum()
            )
    assert num_different <= 1
    again = prepare("npz", tmp_path / "a.npz", tmp_path / "two", centred=False).store
    assert again.content_hash == first.content_hash


def test_pyskl_there_and_back(store: Store, tmp_path: Path) -> None:
    first = pyskl_again(store, tmp_path / "one", ["xsub", "given"])
    second = pyskl_again(first, tmp_path / "two", ["xsub", "given"])
    assert first.content_hash == second.content_hash
    assert (tmp_path / "one/a.pkl").read_bytes() == (tmp_path / "two/a.pkl").read_bytes()
    assert first.names == store.names
    for index in range(len(store)):
        assert_same_motion(store.sequence(index), first.sequence(index))
    for protocol in ("xsub", "given"):
        assert split(first, protocol).test.tolist() == split(store, protocol).test.tolist()


def test_pyskl_is_what_pickle_reads(store: Store, tmp_path: Path) -> None:
    export_pyskl(store, ["xsub", "given"], tmp_path / "a.pkl")
    with (tmp_path / "a.pkl").open("rb") as file:
        content = pickle.load(file)
    assert list(content["split"]) == ["xsub_train", "xsub_val", "train", "val"]
    assert content["split"]["val"] == ["sequence5", "sequence6", "sequence7", "sequence8"]
    annotation = content["annotations"][3]
    assert annotation["frame_dir"] == "sequence3"
    assert (annotation["total_frames"], annotation["label"]) == (40, 3)
    assert annotation["keypoint"].dtype == np.float32
    assert annotation["keypoint"].flags.writeable
    np.testing.assert_array_equal(annotation["keypoint"], store.sequence(3).positions)
    assert "keypoint_score" not in annotation


def test_flat_poses_with_missing_joints_there_and_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    seen = random.random((1, 8, 17)) < 0.7
    seen[0, :, 0] = True
    positions = np.where(seen[..., None], random.uniform(1, 100, (1, 8, 17, 2)), 0).astype(np.float32)
    given = {"name": "given", "attribute": "split_given", "train": [0], "test": [1], "published_counts": None}
    with StoreWriter(
        tmp_path / "flat", data_set="d", topology=COCO_17, class_names=["a"], fps=None, options={},
        protocols=[given],
    ) as writer:  # fmt: skip
        for side in (0, 1):
            attributes = {"split_given": side, "image_height": 480, "image_width": 640}
            writer.add(
                SkeletonSequence(
                    f"s{side}", positions, np.ones((1, 8), bool), COCO_17, seen, attributes=attributes
                )
            )
        store = writer.finish()
    first = pyskl_again(store, tmp_path / "one", ["given"])
    second = pyskl_again(first, tmp_path / "two", ["given"])
    assert first.content_hash == second.content_hash
    assert_same_motion(store.sequence(1), first.sequence(1))
    np.testing.assert_array_equal(first.sequence(1).joint_present, seen)
    assert first.sequence(0).attributes == store.sequence(0).attributes
    with pytest.raises(DataError, match="positions are not 3-D"):
        export_padded_npz(store, "given", tmp_path / "a.npz")


def test_what_the_npz_cannot_hold_is_refused(small_store: Store, store: Store, tmp_path: Path) -> None:
    out = tmp_path / "a.npz"
    with pytest.raises(ConfigurationError, match="--frames is 100, but the longest sequence has 121"):
        export_padded_npz(store, "xsub", out, num_frames=100)
    with pytest.raises(ConfigurationError, match=r"--bodies is 1, but a sequence of .* has 2"):
        export_padded_npz(store, "xsub", out, num_bodies=1)
    with pytest.raises(ConfigurationError, match="no protocol 'xsab'"):
        export_padded_npz(store, "xsab", out)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_unless_told(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "a.npz"
    out.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        export_padded_npz(store, "xsub", out)
    assert out.read_text() == "mine"
    export_padded_npz(store, "xsub", out, overwrite=True)
    assert zipfile.is_zipfile(out)
    with pytest.raises(DataError, match="exists already"):
        export_pyskl(store, ["xsub"], tmp_path, overwrite=True)
    with pytest.raises(ConfigurationError, match="expected one or more protocols"):
        export_pyskl(store, ["xsub", "xsub"], out)


def test_an_interrupted_export_leaves_nothing(store: Store, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    for export in (
        lambda: export_padded_npz(store, "xsub", tmp_path / "a.npz", on_progress=stop),
        lambda: export_pyskl(store, ["xsub"], tmp_path / "a.pkl", on_progress=stop),
    ):
        with pytest.raises(KeyboardInterrupt):
            export()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_store(tmp_path: Path) -> None:
    positions = np.random.default_rng(0).normal(size=(1, 300, 25, 3)).astype(np.float32)
    given = {"name": "given", "attribute": "split_given", "train": [0], "test": [1], "published_counts": None}
    with StoreWriter(
        tmp_path / "s",
        data_set="d",
        topology=NTU_25,
        class_names=["a"],
        fps=None,
        options={},
        protocols=[given],
    ) as writer:
        for number in range(150):  # 13.5 MB
            attributes = {"split_given": number % 2}
            present = np.ones((1, 300), np.bool_)
            writer.add(
                SkeletonSequence(f"s{number}", positions, present, NTU_25, label=0, attributes=attributes)
            )
        store = writer.finish()
    for export in (
        lambda: export_padded_npz(store, "given", tmp_path / "a.npz"),
        lambda: export_pyskl(store, ["given"], tmp_path / "a.pkl"),
    ):
        tracemalloc.start()
        try:
            export()
            assert tracemalloc.get_traced_memory()[1] < 4e6
        finally:
            tracemalloc.stop()
