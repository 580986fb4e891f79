"""Kinetics-skeleton: videos with OpenPose's people as shares of the image, and the labels beside them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import skelact
from skelact.errors import DataError
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.kinetics_skeleton import read_labels, read_video
from skelact.skeleton.tables import OPENPOSE_18
from skelact.store.prepare import prepare

POSE = np.random.default_rng(0).uniform(0.3, 0.6, (18, 2)).round(3)


def person(shift: float = 0, **other: Any) -> dict[str, Any]:
    return {"pose": np.add(POSE, (shift, 0)).reshape(-1).tolist(), "score": [0.9] * 18, **other}


def video(*frames: list[Any], **other: Any) -> dict[str, Any]:
    data = [{"frame_index": number, "skeleton": people} for number, people in enumerate(frames, 1)]
    return {"data": data, "label": "waving", "label_index": 3, **other}


def read(content: object, **options: Any) -> Any:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_video("folder/a.json", "a", data, **options)


def test_a_file_becomes_a_sequence_in_pixels() -> None:
    score = [0.9] * 18
    score[4] = 0.0
    told = read(video([], [person()], [person(), person(0.3)], [person(score=score)]), image_size=(340, 256))
    sequence = told.sequence
    assert (sequence.topology, sequence.fps, sequence.label) == (OPENPOSE_18, 30.0, None)
    assert told.names == {"label": "waving"}
    assert sequence.attributes == {"image_width": 340, "image_height": 256}
    assert sequence.present.tolist() == [[False, True, True, True]]  # who is seen once is a stray
    np.testing.assert_allclose(sequence.positions[0, 1], POSE * (340, 256), rtol=1e-6)
    assert np.argwhere(~sequence.joint_present[0, 3]).tolist() == [[4]]
    assert len(told.notes) == 2


def test_pixels_stay_pixels() -> None:
    pixels = person(pose=(POSE * 300).reshape(-1).tolist())
    told = read(video([pixels]), image_size=(340, 256))
    np.testing.assert_allclose(told.sequence.positions[0, 0], POSE * 300, rtol=1e-6)
    assert told.notes == []


def test_classes_by_number_where_they_have_no_name() -> None:
    told = read(video([person()], label=""))
    assert (told.sequence.label, told.names) == (3, {})
    told = read(video([person()], label=None, label_index=-1))
    assert (told.sequence.label, told.names) == (None, {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        ([], "the whole: 0 values; expected an object with data"),
        ({"label": "a"}, "data: null; expected a list of frames"),
        (video(), "data: no frames"),
        ({"data": [3]}, r"data\[0\]: a number; expected an object with frame_index"),
        ({"data": [{"skeleton": []}]}, r"data\[0\]: frame_index is None; expected a number from 0"),
        ({"data": [{"frame_index": 1, "skeleton": []}] * 2}, r"data\[1\]: frame_index 1 is there before"),
        ({"data": [{"frame_index": 1}]}, r"data\[0\].skeleton: null; expected a list of people"),
        (video([3]), r"data\[0\].skeleton\[0\]: a number; expected an object with pose and score"),
        (video([person(pose=None)]), r"skeleton\[0\].pose: null; expected numbers"),
        (video([person(pose=[0.5] * 34)]), "34 numbers in pose and 18 in score; expected 36 and 18"),
        (video([person(score=["a"] * 18)]), r"skeleton\[0\].score: holds text; expected numbers"),
        (video([], []), "expected a person in at least one frame"),
    ],
)
def test_what_is_wrong_is_told(content: object, message: str) -> None:
    with pytest.raises(UnusableRecordingError, match=r"^folder/a\.json: .*" + message):
        read(content)


def test_the_layout_of_the_release(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for side, names in (("train", "ab"), ("val", "c")):
        (raw / f"kinetics_{side}").mkdir(parents=True)
        for name in names:
            content = video(*[[person()]] * 3, label="x")
            (raw / f"kinetics_{side}" / f"{name}.json").write_text(json.dumps(content))
        labels = {name: {"has_skeleton": True, "label": "yes", "label_index": 0} for name in names}
        (raw / f"kinetics_{side}_label.json").write_text(json.dumps(labels))
    outcome = prepare("kinetics-skeleton", raw, tmp_path / "store", num_workers=1)
    store = outcome.store
    assert (store.names, list(store.class_names)) == (["a", "b", "c"], ["yes"])
    assert [protocol["name"] for protocol in store.meta["protocols"]] == ["given"]
    assert store.attribute("split_given").tolist() == [0, 0, 1]
    assert outcome.exclusions == []
    assert outcome.num_files == 3  # the tables of labels are not counted
    (raw / "kinetics_val_label.json").write_text(json.dumps({"a": {"label": "yes"}}))
    with pytest.raises(DataError, match="a is in train and val"):
        prepare("kinetics-skeleton", raw, tmp_path / "other")


def test_lists_of_validation_and_test_are_kept_apart(tmp_path: Path) -> None:
    for name, side in (("a", "train"), ("b", "val"), ("c", "test")):
        (tmp_path / f"{name}.json").write_text(json.dumps(video(*[[person()]] * 3)))
        (tmp_path / f"k_{side}_label.json").write_text(json.dumps({name: {"label": "yes"}}))
    store = prepare("kinetics-skeleton", tmp_path, tmp_path / "store", num_workers=1).store
    assert [protocol["name"] for protocol in store.meta["protocols"]] == ["given", "given_val"]
    assert store.attribute("split_given").tolist() == [0, 2, 1]


def test_videos_that_lists_name_and_nobody_has_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(video(*[[person()]] * 3)))
    listed = {"a.mp4": {"label": "yes"}, "gone": {"label": "no"}}
    (tmp_path / "k_train_label.json").write_text(json.dumps(listed))
    outcome = prepare("kinetics-skeleton", tmp_path, tmp_path / "store", num_workers=1)
    assert outcome.store.labels.tolist() == [outcome.store.class_names.index("yes")]
    assert "1 of 2 videos that k_train_label.json list have no file here" in outcome.remarks


def test_videos_of_one_name_in_two_folders_keep_class_and_side(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for folder in ("one", "two"):
        (raw / folder).mkdir(parents=True)
        (raw / folder / "a.json").write_text(json.dumps(video(*[[person()]] * 3, label="x")))
    (raw / "kinetics_train_label.json").write_text(json.dumps({"a": {"label": "yes", "label_index": 0}}))
    store = prepare("kinetics-skeleton", raw, tmp_path / "store", num_workers=1).store
    assert (store.class_names, store.labels.tolist()) == (["yes"], [0, 0])
    assert store.attribute("split_given").tolist() == [0, 0]


def test_labels_that_are_none() -> None:
    with pytest.raises(UnusableRecordingError, match="labels: the whole: 1 values; expected an object"):
        read_labels("labels", b"[1]")
    with pytest.raises(UnusableRecordingError, match="labels: a: a number; expected an object with label"):
        read_labels("labels", b'{"a": 1}')


def test_the_case_of_four_videos(shared_cases_dir: Path, tmp_path: Path) -> None:
    store = prepare(
        "kinetics-skeleton", shared_cases_dir / "c03_kinetics", tmp_path / "store", num_workers=1
    ).store
    assert (len(store), list(store.class_names)) == (4, ["kicking", "waving"])
    assert store.labels.tolist() == [1, 0, 1, 0]
    assert np.diff(store.array("frame_start")).tolist() == [25] * 4
    assert store.array("joints").shape[1:] == (18, 2)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"label": "jumping"}, "b.json: label_index 3 is 'jumping', in a.json it is 'waving'; correct one"),
        ({"label_index": 4}, "b.json: the label 'waving' has label_index 4, in a.json it has 3; correct one"),
    ],
)
def test_names_and_numbers_of_classes_that_do_not_fit_are_an_error(
    other: dict[str, Any], message: str, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, more in (("a", {}), ("b", other)):
        (raw / f"{name}.json").write_text(json.dumps(video(*[[person()]] * 3, **more)))
    with pytest.raises(DataError, match=re.escape(message)):
        prepare("kinetics-skeleton", raw, tmp_path / "store", num_workers=1)
    labels = {name: {"label": "waving", "label_index": 3, **more} for name, more in (("a", {}), ("b", other))}
    (raw / "kinetics_train_label.json").write_text(json.dumps(labels))
    where = "kinetics_train_label.json: "
    with pytest.raises(
        DataError, match=re.escape(message.replace(".json", "").replace("in a", f"in {where}a"))
    ):
        prepare("kinetics-skeleton", raw, tmp_path / "store", num_workers=1)
    (raw / "kinetics_train_label.json").unlink()
    (raw / "manifest.csv").write_text("file,label\na,one\nb,two\n")  # goes before the files
    assert len(prepare("kinetics-skeleton", raw, tmp_path / "store", num_workers=1).store) == 2


def test_a_table_of_numbers_alone_gives_the_classes(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a", "b"):
        (raw / f"{name}.json").write_text(json.dumps(video(*[[person()]] * 3, label="x", label_index=7)))
    labels = {"a": {"label_index": 1}, "b": {"label_index": 0}}
    (raw / "kinetics_train_label.json").write_text(json.dumps(labels))
    (tmp_path / "classes.txt").write_text("wave\njump\n")
    made = skelact.prepare(
        "kinetics-skeleton", raw, tmp_path / "store", class_names=tmp_path / "classes.txt", workers=1
    )
    assert made.labels.tolist() == [1, 0]
