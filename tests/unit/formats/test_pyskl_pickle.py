"""PYSKL's pickle: annotations, scores, splits, and what is refused."""

import io
import pickle

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.pyskl import PysklPickle, read_pyskl
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17, NTU_25


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
    assert (content.num_joints, content.num_coordinates, content.num_classes) == (25, 3, 3)
    assert (content.protocols, content.missing()) == (("xsub", "xset"), ["b"])


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
    ],
)
def test_names_of_splits(keys: tuple[str, str], protocol: str) -> None:
    content = read([annotation()], {keys[0]: ["a"], keys[1]: np.array(["b", "c"])})
    assert content.sides == {protocol: {"a": 0, "b": 1, "c": 1}}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"fold": ["a"]}, "split 'fold' is neither"),
        ({3: ["a"]}, "split 3 is neither"),
        ({"train": "a"}, "split 'train': expected a list of sequences' names"),
        ({"train": [1]}, "split 'train': expected a list"),
        ({"train": ["a"], "val": ["a"]}, "a trains and tests under given"),
        ({"val": ["a"], "test": ["b"]}, "splits 'val' and 'test' are both a test side"),
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
        "total_frames is 4, keypoint has 5": annotation("b", total_frames=4),
        "label is -1; expected an integer": annotation("b", label=-1),
        "label is True; expected an integer": annotation("b", label=True),
        "keypoint_score has shape (2, 5)": annotation("b", keypoint_score=np.ones((2, 5))),
        "keypoint[0, 0, 0, 0] is inf; expected finite": annotation(
            "b", keypoint=np.full((1, 5, 25, 3), 1e39)
        ),
        "keypoint[0, 0, 0, 0] is nan": annotation("b", keypoint=np.full((1, 5, 25, 3), np.nan)),
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
    [[], {"split": {}}, {"split": {}, "annotations": 3}, {"split": [], "annotations": []}],
)
def test_something_else_is_no_such_file(content: object) -> None:
    data = pickle.dumps(content)
    with pytest.raises(DataError, match=r"^some\.pkl: .*expected"):
        read_pyskl("some.pkl", io.BytesIO(data), len(data))


def test_no_annotation_with_keypoints() -> None:
    with pytest.raises(DataError, match="no annotation has a keypoint array"):
        read([{"frame_dir": "a"}])


def test_messages_show_values_of_any_depth_and_size_at_once() -> None:
    deep: object = []
    for _ in range(200):
        deep = [deep, deep]
    for key in ("label", "total_frames"):
        for value in (deep, {"a": deep}, (deep,), "x" * 100_000, 1 << 100_000):
            item = only(read([annotation(**{key: value})]))
            assert isinstance(item, UnusableRecordingError)
            assert len(str(item)) < 200
    with pytest.raises(DataError, match="neither a training nor a test side"):
        read([annotation()], {1 << 100_000: ["a"]})
    item = only(read([annotation(keypoint=np.ones((1, 2, 17, 2)), total_frames=2, img_shape=deep)]))
    assert isinstance(item, UnusableRecordingError)
    assert "img_shape is [[[" in str(item)
