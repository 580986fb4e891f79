"""Arrays (N, C, T, V, M) with labels in every kind of file."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.store.prepare import PreparationResult, prepare
from skelact.store.protocols import protocols_of, split


def positions(count: int, shape: tuple[int, int, int, int] = (3, 6, 25, 2)) -> np.ndarray:
    array = np.random.default_rng(count).normal(size=(count, *shape)).astype(np.float32)
    array[0, :, 4:] = 0  # padding
    array[:, :, :, :, 1:] = 0
    array[1, :, :2, :, 1] = 1
    return array


def prepared(folder: Path, **settings: object) -> PreparationResult:
    return prepare("npy", folder, folder.parent / "store", num_workers=1, centred=False, settings=settings)


def write_labels(folder: Path, kind: str, labels: list[object], stem: str = "labels") -> None:
    path = folder / f"{stem}.{kind}"
    if kind == "npy":
        np.save(path, np.array(labels))
    elif kind == "pkl":
        path.write_bytes(pickle.dumps((["first", "second", "third"], labels)))
    else:
        path.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")


@pytest.mark.parametrize("kind", ["npy", "pkl", "txt", "csv"])
@pytest.mark.parametrize("labels", [[1, -1, 0], ["wave", "sit down", "wave"]])
def test_what_the_array_holds_comes_back(kind: str, labels: list[object], tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    array = positions(3)
    np.save(raw / "data.npy", array)
    write_labels(raw, kind, labels)
    store = prepared(raw).store
    assert store.names == (["first", "second", "third"] if kind == "pkl" else [f"data-{n}" for n in range(3)])
    found = [store.sequence(number) for number in range(3)]
    classes = [None if one.label is None else store.class_names[one.label] for one in found]
    assert classes == [{1: "class 2", 0: "class 1", -1: None}.get(label, label) for label in labels]  # type: ignore[call-overload]
    assert found[0].positions.shape == (1, 4, 25, 3)
    np.testing.assert_array_equal(found[0].positions[0], array[0, :, :4, :, 0].transpose(1, 2, 0))
    assert found[1].present.tolist() == [[True] * 6, [True] * 2 + [False] * 4]
    np.testing.assert_array_equal(found[2].positions[0], array[2, ..., 0].transpose(1, 2, 0))


def test_names_have_no_first_number(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    np.save(raw / "data.npy", positions(3))
    write_labels(raw, "txt", ["wave", "sit down", "wave"])
    with pytest.raises(ConfigurationError, match="--first-label means nothing to labels that are names"):
        prepare("npy", raw, tmp_path / "store", settings={"first_label": 1})


def test_sides_by_the_files_names(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for side, first in (("train", 1), ("val", 2), ("test", 1)):
        np.save(raw / f"{side}_data_joint.npy", positions(3))
        write_labels(raw, "npy", [first, 2, 3], f"{side}_label")
    outcome = prepared(raw)
    store = outcome.store
    assert [protocol.name for protocol in protocols_of(store)] == ["given", "given_val"]
    names = np.array(store.names)
    assert names[split(store, "given").test].tolist() == [f"test_data_joint-{n}" for n in range(3)]
    assert names[split(store, "given_val").test].tolist() == [f"val_data_joint-{n}" for n in range(3)]
    assert outcome.remarks == [
        "protocol given tests on test; val kept, unused but by given_val",
        "the smallest label is 1, so class 0 is empty; --first-label 1 counts from it",
        "nothing tells which axis is up, nor does a person who stands upright; --up says it",
    ]
    from_one = prepare("npy", raw, tmp_path / "one", num_workers=1, settings={"first_label": 1}).store
    assert sorted({from_one.sequence(number).label for number in range(9)}) == [0, 1, 2]


def test_labels_one_hot_and_none(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    np.save(raw / "data.npy", positions(3))
    np.save(raw / "label.npy", np.eye(3)[[2, 0, 1]])
    assert prepared(raw).store.labels.tolist() == [2, 0, 1]
    np.save(raw / "label.npy", np.full((3, 3), 0.5))
    with pytest.raises(DataError, match=r"label\.npy: shape \(3, 3\), not one-hot"):
        prepare("npy", raw, tmp_path / "odd", num_workers=1)
    (raw / "label.npy").unlink()
    (raw / "label.txt").write_text("wave\n-1\nkick\n")
    assert prepare("npy", raw, tmp_path / "names", num_workers=1).store.labels.tolist() == [1, -1, 0]


def test_what_says_nothing_of_an_array_is_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    np.save(raw / "data.npy", positions(2))
    (raw / "manifest.csv").write_text("file,label\ndata,a\n")
    outcome = prepared(raw)
    assert (outcome.num_files, outcome.exclusions) == (1, [])
    assert "manifest.csv: not read; labels of arrays stand in a file of labels" in outcome.remarks
    with pytest.raises(
        ConfigurationError, match=r"--min-confidence means nothing to .*data\.npy, which holds no"
    ):
        prepared(raw, min_confidence=0.2)


@pytest.mark.parametrize("scale", [300.0, 1.0])
def test_a_third_number_that_is_a_confidence(scale: float, tmp_path: Path) -> None:
    """In pixels, or in shares of the image from its middle as in Kinetics-skeleton."""
    raw = tmp_path / "raw"
    raw.mkdir()
    array = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3, 5, 18, 1)).astype(np.float32)
    array[:, :2] *= scale
    array[:, 2] = 0.8
    array[0, 2, 1, 3], array[0, 2, 2, 4] = 0, 0.1
    np.save(raw / "data.npy", array)
    outcome = prepared(raw, min_confidence=0.2)
    assert outcome.remarks[:2] == [
        "data.npy: the third number of joints lies within 0 and 1; read as a confidence of 2-D positions",
        "data.npy: no file of labels beside it",
    ]
    one = outcome.store.sequence(0)
    assert one.topology.name == "openpose-18"
    assert one.positions.shape == (1, 5, 18, 2)
    assert one.joint_present is not None
    assert np.argwhere(~one.joint_present[0]).tolist() == [[1, 3], [2, 4]]
    np.save(raw / "data.npy", np.random.default_rng(0).uniform(0, 1, (2, 3, 5, 18, 1)).astype(np.float32))
    shares = prepare("npy", raw, tmp_path / "shares", settings={"topology": "openpose-18"})
    assert "three numbers a joint, all within 0 and 1" in shares.remarks[0]


def test_not_a_number_is_not_seen_and_rows_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    array = positions(4)
    array[0, 0, 1, 2, 0], array[1, 1, 1, 1, 0], array[3] = np.nan, np.inf, 0
    np.save(raw / "data.npy", array)
    outcome = prepared(raw)
    assert outcome.store.names == ["data-0", "data-2"]
    seen = outcome.store.sequence(0).joint_present
    assert seen is not None
    assert np.argwhere(~seen[0]).tolist() == [[1, 2]]
    assert [(entry.place, entry.reason) for entry in outcome.exclusions] == [
        ("row 3", "no body in any frame"),
        ("row 1", "positions that cannot be used"),
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"data.npy": np.ones((2, 3, 4))}, r"no .npy array of shape \(N, C, T, V, M\)"),
        ({"data.npy": np.ones((2, 4, 5, 25, 1))}, r"expected floats of shape \(N, 2 or 3, T, V, M\)"),
        ({"data.npy": np.ones((2, 3, 5, 25, 1), int)}, "expected floats of shape"),
        (
            {"a.npy": np.ones((2, 3, 5, 25, 1)), "b.npy": np.ones((2, 3, 5, 20, 1))},
            "N, 3, T, 25",
        ),
        ({"data.npy": positions(3), "label.npy": np.arange(2)}, "label.npy: 2 labels; expected 3"),
        ({"data.npy": positions(3), "label.npy": np.array([0, 1.5, 2])}, "label.npy: row 1: label 1.5"),
        ({"data.npy": positions(3), "label.pkl": [0, "a", 1]}, "labels that are numbers and names"),
        ({"data.npy": positions(3), "label.pkl": (["a"], [1, 2])}, "label.pkl: 1 names and 2 labels"),
        ({"data.npy": positions(3), "label.pkl": Path("x")}, "label.pkl: the pickle names .*could run code"),
        ({"data.npy": positions(3), "label.npy": np.array([None] * 3)}, "holds object, which is not read"),
        (
            {"train.npy": positions(3), "train_label.npy": np.arange(3), "train_y.npy": np.arange(3)},
            "train.npy: labels in train_label.npy and in train_y.npy",
        ),
    ],
)
def test_mistakes_are_named(files: dict[str, object], message: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, content in files.items():
        if isinstance(content, np.ndarray):
            np.save(raw / name, content)
        else:
            (raw / name).write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=message):
        prepared(raw)


def test_an_unknown_skeleton_is_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.ones((2, 3, 5, 7, 1)))
    with pytest.raises(ConfigurationError, match="7 joints in 3-D, a skeleton that the file does not name"):
        prepare("npy", tmp_path / "data.npy", tmp_path / "store")
