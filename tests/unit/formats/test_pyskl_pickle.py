"""PYSKL's pickle: annotations, scores, splits, and what is refused."""

import io
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.formats.data_set import LabelledSequence
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.pyskl import PysklPickle, read_pyskl
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.store.prepare import prepare


def annotation(name: str = "a", **other: object) -> dict[str, object]:
    keypoint = np.random.default_rng(1).normal(size=(2, 5, 25, 3)).astype(np.float16)
    keypoint[1, :3] = 0
    return {"frame_dir": name, "label": 2, "keypoint": keypoint, "total_frames": 5} | other


def read(annotations: object, split: object = None) -> PysklPickle:
    data = pickle.dumps({"split": split or {}, "annotations": annotations})
    return read_pyskl("some.pkl", io.BytesIO(data), len(data))


def only(content: PysklPickle, min_confidence: float = 0.0) -> SkeletonSequence | UnusableRecordingError:
    topology = NTU_25 if content.num_joints == 25 else COCO_17
    (item,) = content.sequences(topology, 30.0, min_confidence)
    return item


def test_an_annotation_becomes_a_sequence() -> None:
    raw = annotation()
    content = read([raw], {"xsub_train": ["a"], "xsub_val": [], "xset_val": ["a"], "xset_train": ["b"]})
    sequence = only(content)
    assert isinstance(sequence, SkeletonSequence)
    np.testing.assert_array_equal(sequence.positions, raw["keypoint"])
    assert sequence.present.tolist() == [[True] * 5, [False] * 3 + [True] * 2]
    assert (sequence.name, sequence.label, sequence.fps) == ("a", 2, 30.0)
    assert sequence.attributes == {"split_xsub": 0, "split_xset": 1}
    assert sequence.joint_present is None
    assert (content.num_joints, content.num_coordinates) == (25, 3)
    assert (tuple(content.sides), content.missing()) == (("xsub", "xset"), ["b"])
    assert content.labels == range(2, 3)


def test_flat_poses_with_scores() -> None:
    keypoint = np.random.default_rng(0).uniform(1, 9, (1, 3, 17, 2)).astype(np.float32)
    score = np.full((1, 3, 17), 0.5, np.float16)
    score[0, 0, 4], score[0, 1, 2], score[0, 2] = 0, 0.2, 0
    raw = annotation(
        keypoint=keypoint, keypoint_score=score, total_frames=3, img_shape=(1080, 1920), original_shape=(1, 1)
    )
    del raw["label"]
    for min_confidence, num_missing in ((0.0, 1), (0.3, 2)):
        sequence = only(read([raw]), min_confidence)
        assert isinstance(sequence, SkeletonSequence)
        assert sequence.joint_present is not None
        assert sequence.present.tolist() == [[True, True, False]]
        assert (~sequence.joint_present[0, :2]).sum() == num_missing
        assert not sequence.positions[~sequence.joint_present].any()
        assert sequence.attributes == {"image_height": 1080, "image_width": 1920}
        assert sequence.label is None


@pytest.mark.parametrize(
    ("keys", "protocol"),
    [
        (("train", "val"), "given"),
        (("train1", "test1"), "1"),
        (("sub_train", "sub_test"), "sub"),
        (("xsub_train2", "xsub_val2"), "xsub_2"),
        (("Training", "Test"), "given"),
        (("Xsub_Train", "Xsub_Validation"), "xsub"),
        (("XSubTrain", "XSubVal"), "xsub"),
        (("xsubtrain", "xsubtest"), "xsub"),
        (("xview-train", "xview-val"), "xview"),
        (("s1train", "s1test"), "s1"),
        (("train_1", "test_1"), "1"),
    ],
)
def test_names_of_splits(keys: tuple[str, str], protocol: str) -> None:
    content = read([annotation()], {keys[0]: ["a"], keys[1]: np.array(["b", "c"])})
    tested = "test" if "test" in keys[1].lower() else "val"
    assert content.sides == {protocol: {"a": "train", "b": tested, "c": tested}}
    assert content.side_names == {protocol: ("train", "test")}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": "a"}, "split 'train': expected a list of sequences' names"),
        ({"train": [1]}, "split 'train': expected a list"),
        ({"train": ["a"], "val": ["a"]}, "a is in train and val of given; it can be in one of them"),
        ({"x_val": ["a"], "X_val": ["b"]}, "splits 'x_val' and 'X_val' are both a val side"),
    ],
)
def test_splits_that_make_no_protocol(split: object, message: str) -> None:
    with pytest.raises(DataError, match=rf"^some\.pkl: {message}"):
        read([annotation()], split)


def test_annotations_that_cannot_be_used() -> None:
    bad = {
        "no printable string under frame_dir": annotation(name=""),
        "no array of numbers under keypoint": annotation("b", keypoint=[1, 2]),
        "keypoint has shape (2, 5, 20, 3); expected (M, T, 25, 3)": annotation(
            "b", keypoint=np.ones((2, 5, 20, 3))
        ),
        "label is -2; expected an integer from 0": annotation("b", label=-2),
        "label is ['x']; expected an integer": annotation("b", label=["x"]),
        "label is True; expected an integer": annotation("b", label=True),
        "keypoint_score has shape (2, 5)": annotation("b", keypoint_score=np.ones((2, 5))),
        "keypoint[0, 0, 0, 0] is inf; expected finite": annotation(
            "b", keypoint=np.full((1, 5, 25, 3), 1e39)
        ),
        "expected a body": annotation("b", keypoint=np.full((1, 5, 25, 3), np.nan)),
        "expected a body in at least one frame": annotation("b", keypoint=np.zeros((1, 5, 25, 3))),
    }
    content = read([annotation(), *bad.values(), 7])
    first, *others = content.sequences(NTU_25, None, 0.0)
    assert isinstance(first, SkeletonSequence)
    for number, (item, message) in enumerate(zip(others, bad, strict=False), 1):
        assert isinstance(item, UnusableRecordingError)
        assert str(item).startswith(f"some.pkl: annotation {number}")
        assert message in str(item)
    assert isinstance(others[-1], UnusableRecordingError)


@pytest.mark.parametrize(
    "content",
    [[], [1, {}], {"split": {}}, {"split": {}, "annotations": 3}, {"split": [], "annotations": []}],
)
def test_something_else_is_no_such_file(content: object) -> None:
    data = pickle.dumps(content)
    with pytest.raises(DataError, match=r"^some\.pkl: .*expected"):
        read_pyskl("some.pkl", io.BytesIO(data), len(data))


def test_without_splits_and_with_empty_labels() -> None:
    data = pickle.dumps({"annotations": [flat(label="kick"), flat(name="b", label=" ")]})
    content = read_pyskl("some.pkl", io.BytesIO(data), len(data))
    assert content.sides == {}
    named, plain = content.sequences(COCO_17, None, 0.0)
    assert isinstance(named, LabelledSequence)
    assert isinstance(plain, SkeletonSequence)
    assert plain.label is None


def test_no_annotation_with_keypoints() -> None:
    with pytest.raises(DataError, match="no annotation has a keypoint array"):
        read([{"frame_dir": "a"}])


def test_messages_show_values_of_any_depth_and_size_at_once() -> None:
    deep: object = []
    for _ in range(200):
        deep = [deep, deep]
    for value in (deep, {"a": deep}, (deep,), 1 << 100_000):
        item = only(read([annotation(label=value)]))
        assert isinstance(item, UnusableRecordingError)
        assert len(str(item)) < 200
    content = read([annotation()], {1 << 60: ["a"]})
    assert content.remarks == (
        "some.pkl: split 1152921504606846976 is neither a training nor a test side; not used",
    )
    item = only(read([annotation(keypoint=np.ones((1, 2, 17, 2)), total_frames=deep, img_shape=deep)]))
    assert isinstance(item, SkeletonSequence)


def flat(**other: object) -> dict[str, object]:
    return annotation(keypoint=np.random.default_rng(3).uniform(10, 400, (1, 4, 17, 2)), **other)


@pytest.mark.parametrize(
    "shape",
    [(480, 640), [480, 640], np.array([480, 640]), np.array([480.0, 640.0]), (np.int64(480), 640.0)],
)
def test_any_pair_of_whole_numbers_is_a_size(shape: object) -> None:
    content = read([flat(img_shape=shape, total_frames=np.int64(4))])
    sequence = only(content)
    assert isinstance(sequence, SkeletonSequence)
    assert sequence.attributes == {"image_height": 480, "image_width": 640}
    assert content.remarks == ()


def test_no_sequence_is_lost_for_its_size_or_its_total_frames() -> None:
    odd = [None, (480,), (480, 640, 3), (0, 640), (480.5, 640), "480x640", np.zeros((2, 2))]
    content = read([flat(name=f"s{number}", img_shape=shape) for number, shape in enumerate(odd)])
    found = list(content.sequences(COCO_17, None, 0.0))
    assert all(isinstance(item, SkeletonSequence) and not item.attributes for item in found)
    assert content.remarks == (
        "some.pkl: img_shape of 6 annotations is no (height, width); taken as unknown",
        "some.pkl: total_frames of 7 annotations is not what keypoint has; not used",
    )


def test_positions_that_are_not_numbers_are_joints_not_seen() -> None:
    raw = flat(total_frames=4)
    keypoint = raw["keypoint"]
    assert isinstance(keypoint, np.ndarray)
    keypoint[0, 1, 5], keypoint[0, 2, 6, 0], keypoint[0, 3] = np.nan, np.nan, np.nan
    for score in (None, np.where(np.isnan(keypoint).any(3), 0, 0.9)):
        sequence = only(read([raw | {"keypoint_score": score}]))
        assert isinstance(sequence, SkeletonSequence)
        assert sequence.joint_present is not None
        assert sequence.present.tolist() == [[True, True, True, False]]
        assert np.argwhere(~sequence.joint_present[0, :3]).tolist() == [[1, 5], [2, 6]]
        assert not sequence.positions[~sequence.joint_present].any()


def test_a_third_number_that_is_a_confidence() -> None:
    places = np.random.default_rng(3).uniform(10, 400, (1, 4, 17, 2))
    score = np.full((1, 4, 17, 1), 0.9)
    score[0, 2, 3], score[0, 1, 4] = 0, 0.2
    raw = annotation(keypoint=np.concatenate([places, score], 3).astype(np.float32), total_frames=4)
    content = read([raw])
    assert (content.num_coordinates, content.has_confidence) == (2, True)
    assert "read as 2-D positions with a confidence" in content.remarks[0]
    sequence = only(content, 0.5)
    assert isinstance(sequence, SkeletonSequence)
    assert sequence.positions.shape == (1, 4, 17, 2)
    assert sequence.joint_present is not None
    assert np.argwhere(~sequence.joint_present[0]).tolist() == [[1, 4], [2, 3]]
    beyond = raw["keypoint"].copy()  # type: ignore[attr-defined]
    beyond[0, 0, 0, 2] = 1.5
    assert not read([raw | {"keypoint": beyond}]).has_confidence
    metres = raw["keypoint"] / [200, 200, 1]  # type: ignore[operator]
    assert not read([raw | {"keypoint": metres}]).has_confidence
    shares = read([raw | {"keypoint": raw["keypoint"] / [400, 400, 1]}])  # type: ignore[operator]
    assert not shares.has_confidence
    assert "three numbers a joint, all within 0 and 1" in shares.remarks[0]


def test_labels_of_every_kind() -> None:
    labels = [0, -1, None, 2.0, np.int64(1), np.array([1])]
    content = read([annotation(name=f"s{number}", label=label) for number, label in enumerate(labels)])
    found = [item.label for item in content.sequences(NTU_25, None, 0.0)]  # type: ignore[union-attr]
    assert found == [0, None, None, 2, 1, 1]
    names = ["sit, up", "\u6325\u624b", " wave "]
    content = read([annotation(name=f"s{number}", label=label) for number, label in enumerate([*names, 3])])
    *named, refused = content.sequences(NTU_25, None, 0.0)
    assert [item.names["label"] for item in named] == ["sit, up", "\u6325\u624b", "wave"]  # type: ignore[union-attr]
    assert "label is 3; expected a class's name, as others have" in str(refused)


def test_labels_from_one() -> None:
    content = read([annotation(name=f"s{number}", label=number) for number in range(3)])
    refused, *found = content.sequences(NTU_25, None, 0.0, first_label=1)
    assert "label is 0; expected an integer from 1" in str(refused)
    assert [item.label for item in found] == [0, 1]  # type: ignore[union-attr]


def test_three_sides() -> None:
    content = read([annotation()], {"train": ["a"], "val": ["b"], "test": ["c"], "all": ["a", "b", "c"]})
    assert content.sides == {"given": {"a": "train", "b": "val", "c": "test"}}
    assert content.side_names == {"given": ("train", "test", "val")}
    assert content.remarks == ("some.pkl: split 'all' is neither a training nor a test side; not used",)


@pytest.mark.parametrize("key", ["latest", "contest", "trainval", "testval"])
def test_what_ends_like_a_side_is_none(key: str) -> None:
    content = read([annotation()], {"train": ["a"], "test": ["b"], key: ["a", "b"]})
    assert content.sides == {"given": {"a": "train", "b": "test"}}


def test_splits_of_any_names_are_sides_that_can_be_chosen() -> None:
    split = {"all": ["a", "b", "c"], "fold_a": ["a"], "fold_b": ["b"], "Latest": ["c"], 7: [], "note": "mine"}
    content = read([annotation()], split)
    assert content.sides == {"given": {"a": "folda", "b": "foldb"}}
    assert content.side_names == {"given": ("folda", "foldb")}
    assert [re.findall("split (.*) is neither", one)[0] for one in content.remarks] == [
        "'all'",
        "'Latest'",
        "7",
        "'note'",
    ]
    many = read([annotation()], {f"fold_{letter}": [letter] for letter in "abcdefghi"})
    assert many.sides == {}
    assert many.remarks == ("some.pkl: 9 splits with names of their own, expected 2 to 8; not used",)
    assert read([annotation()], {"train": ["a"], "contest": ["b"]}).sides == {"given": {"a": "train"}}


@pytest.mark.parametrize(
    ("name", "side"), [("ntu_xsub_train.pkl", "train"), ("val.pkl", "val"), ("mine.pkl", None)]
)
def test_older_files_are_a_list_and_tell_their_side_by_their_name(name: str, side: str | None) -> None:
    data = pickle.dumps([annotation(), annotation("b")])
    content = read_pyskl(name, io.BytesIO(data), len(data))
    assert content.is_list
    assert content.sides == ({} if side is None else {"given": {"a": side, "b": side}})


def test_labels_that_are_names_have_no_first_number(tmp_path: Path) -> None:
    path = tmp_path / "own.pkl"
    path.write_bytes(pickle.dumps([annotation(label="wave")]))
    with pytest.raises(ConfigurationError, match="--first-label means nothing to labels that are names"):
        prepare("pyskl", path, tmp_path / "store", settings={"first_label": 1})


def test_what_was_not_seen_may_be_infinite() -> None:
    keypoint = np.random.default_rng(0).normal(size=(1, 5, 17, 2)).astype(np.float32)
    score = np.ones((1, 5, 17), np.float32)
    keypoint[0, 4, 4, 0], score[0, 4, 4] = np.inf, 0.0
    sequence = only(read([annotation(keypoint=keypoint, keypoint_score=score)]))
    assert isinstance(sequence, SkeletonSequence)
    assert sequence.joint_present is not None
    assert not sequence.joint_present[0, 4, 4]
    assert sequence.joint_present.sum() == 5 * 17 - 1
    score[0, 4, 4] = 0.4
    refused = only(read([annotation(keypoint=keypoint, keypoint_score=score)]))
    assert "keypoint[0, 4, 4, 0] is inf; expected finite" in str(refused)
