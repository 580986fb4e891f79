"""COCO key points: the forms in which estimators write them all give the same sequence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.formats.coco_keypoints import OTHER_JOINTS, read_video
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.people import SHARES, STRAYS, TWICE
from skelact.skeleton.tables import COCO_17, H36M_17
from skelact.store.prepare import prepare

POSE = np.random.default_rng(0).uniform((100, 50), (160, 250), (17, 2)).round(2)
NUM_FRAMES = 6
COCO_NAMES = ["nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"]
COCO_NAMES += [
    f"{side}_{part}" for part in ("elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
]


def pose(frame: int, person: int) -> np.ndarray:
    return np.add(POSE, (200 * person + 2 * frame * person, 0)).round(2)


def flat(frame: int, person: int, score: float = 0.9) -> list[float]:
    return np.concatenate([pose(frame, person), np.full((17, 1), score)], 1).reshape(-1).tolist()


def coco_results() -> Any:
    """Frame 2 shows nobody."""
    return [
        {"image_id": 10 + frame, "category_id": 1, "keypoints": flat(frame, person), "score": 0.9}
        for frame in range(NUM_FRAMES)
        for person in (1, 0)
        if frame != 2
    ]


def alphapose() -> Any:
    return [
        {
            "image_id": f"{found['image_id'] - 10}.jpg",
            "keypoints": found["keypoints"],
            "box": [0, 0, 1, 1],
            "idx": n % 2,
        }
        for n, found in enumerate(coco_results())
    ]


def person(frame: int, who: int) -> dict[str, Any]:
    return {"keypoints": pose(frame, who).tolist(), "keypoint_scores": [0.9] * 17, "bbox": [[1, 2, 3, 4]]}


def mmpose() -> Any:
    frames = [
        {"frame_id": frame, "instances": [] if frame == 2 else [person(frame, 0), person(frame, 1)]}
        for frame in range(NUM_FRAMES)
    ]
    return {"meta_info": {"dataset_name": "coco"}, "instance_info": frames}


def lists_of_lists() -> Any:
    return [frame["instances"] for frame in mmpose()["instance_info"]]


def ultralytics() -> Any:
    def found(frame: int, who: int) -> dict[str, Any]:
        x, y = pose(frame, who).T.tolist()
        points = {"x": x, "y": y, "visible": [0.9] * 17}
        return {"name": "person", "class": 0, "track_id": 5 - who, "keypoints": points}

    return [[] if frame == 2 else [found(frame, 0), found(frame, 1)] for frame in range(NUM_FRAMES)]


def rtmlib() -> Any:
    return [
        {
            "frame": frame,
            "keypoints": [] if frame == 2 else [pose(frame, who).tolist() for who in (0, 1)],
            "scores": [] if frame == 2 else [[0.9] * 17] * 2,
        }
        for frame in range(NUM_FRAMES)
    ]


def annotations() -> Any:
    images = [
        {"id": 100 + frame, "file_name": f"v/{frame:06}.jpg", "width": 640, "height": 480}
        for frame in range(NUM_FRAMES)
    ]
    people = [
        {"id": n, "image_id": found["image_id"] + 90, "keypoints": found["keypoints"], "track_id": n % 2}
        for n, found in enumerate(coco_results())
    ]
    people.append({"id": 99, "image_id": 100, "bbox": [1, 2, 3, 4]})
    return {"images": images, "annotations": people, "categories": [{"id": 1, "keypoints": COCO_NAMES}]}


FORMS = [coco_results, alphapose, mmpose, lists_of_lists, ultralytics, rtmlib, annotations]


def read(content: object, **options: Any) -> Any:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_video("folder/a.json", "a", data, **options)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: Callable[[], Any]) -> None:
    told = read(form(), fps=25.0)
    sequence = told.sequence
    assert (sequence.topology, sequence.fps, told.notes) == (COCO_17, 25.0, [])
    seen = [True, True, False, True, True, True]
    assert sequence.present.tolist() == [seen, seen]
    for frame in (0, 5):  # who walks comes first
        np.testing.assert_allclose(sequence.positions[:, frame], [pose(frame, 1), pose(frame, 0)], rtol=1e-6)
    sizes = {"image_height": 480, "image_width": 640} if form is annotations else {}
    assert sequence.attributes == sizes


def test_joints_that_were_not_found() -> None:
    content = coco_results()
    content[0]["keypoints"][0:3] = [0.0, 0.0, 0.7]
    content[0]["keypoints"][5] = 0.0
    content[0]["keypoints"][8] = 0.3
    sequence = read(content, min_confidence=0.5).sequence
    assert np.argwhere(~sequence.joint_present[0, 0])[:, 0].tolist() == [0, 1, 2]
    assert sequence.joint_present[1, 0].all()


def test_identities_are_used_where_everybody_has_one() -> None:
    content = ultralytics()
    content[1][0]["track_id"], content[1][1]["track_id"] = 4, 5  # taken for each other in one frame
    mixed = read(content).sequence.positions[:, 1, 0, 0]
    np.testing.assert_allclose(sorted(mixed), sorted([pose(1, 0)[0, 0], pose(1, 1)[0, 0]]), rtol=1e-6)
    assert np.abs(read(content).sequence.positions[0, 1] - pose(1, 1)).max() > 100
    del content[3][0]["track_id"]
    assert np.abs(read(content).sequence.positions[0, 1] - pose(1, 1)).max() < 1e-3
    content = alphapose()
    content[1]["idx"] = content[0]["idx"]
    assert [(note.what, note.count) for note in read(content).notes] == [(TWICE, 1)]


def test_whole_bodies_lose_all_but_the_first_joints_and_say_so() -> None:
    content = coco_results()
    for found in content:
        found["keypoints"] += [1.0, 2.0, 0.5] * 116
    told = read(content)
    assert told.sequence.positions.shape[2] == 17
    assert [(note.what, note.count) for note in told.notes] == [(OTHER_JOINTS, 10)]


def test_another_skeleton_is_told() -> None:
    content = coco_results()
    assert read(content, topology=H36M_17).sequence.topology is H36M_17
    content[0]["keypoints"] += [1.0, 2.0, 0.5]
    with pytest.raises(UnusableRecordingError, match=r"\[0\]: 18 joints; expected 17 of coco-17, or"):
        read(content)
    other = annotations()
    other["categories"][0]["keypoints"][1] = "head_top"
    with pytest.raises(UnusableRecordingError, match="'head_top' is not COCO's joint of this number"):
        read(other)
    assert read(other, topology=H36M_17).sequence.topology is H36M_17


def test_every_fifth_frame_and_shares_of_the_image() -> None:
    content = coco_results()
    for found in content:
        found["image_id"] = 5 * found["image_id"]
        found["keypoints"] = (
            (np.array(found["keypoints"]).reshape(17, 3) / (1000, 500, 1)).reshape(-1).tolist()
        )
    told = read(content)
    assert told.sequence.num_frames == NUM_FRAMES
    assert [note.what for note in told.notes] == [SHARES]
    told = read(content, image_size=(1000, 500))
    np.testing.assert_allclose(told.sequence.positions[1, 0], POSE, rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1: not JSON"),
        (3, "the whole: a number; expected a list of people or frames"),
        ({"people": 1}, "the whole: no list under instance_info, frames"),
        ([], "the whole: no frames"),
        ([3], r"\[0\]: a number; expected a person, or a frame's people"),
        ([{"keypoints": flat(0, 0)}], r"\[0\]: neither frame nor frame_id .* tells the frame"),
        ([[{}]], r"\[0\]\[0\].keypoints: null; expected a list of numbers or of joints"),
        ([[3]], r"\[0\]\[0\]: a number; expected an object with keypoints"),
        (
            [{"image_id": "a", "keypoints": flat(0, 0)}],
            "'a' is no frame's number, nor a name that",
        ),
        (
            [{"image_id": name, "keypoints": flat(0, 0)} for name in ("a_1.jpg", "b_2.jpg")],
            r"\[1\]: 'b_2.jpg' is of another video",
        ),
        ([{"image_id": n, "keypoints": flat(0, 0)} for n in (0, 7, 900_001)], "expected those of one video"),
        ([[{"keypoints": [1, 2]}]], "2 numbers; expected x, y and score of every joint"),
        (
            [[{"keypoints": flat(0, 0), "category_id": "person"}]],
            r"\[0\]: category_id: text; expected a number",
        ),
        ([[{"keypoints": flat(0, 0), "score": None}]], r"\[0\]\[0\]: score: null; expected a number"),
        ([[{"keypoints": flat(0, 0), "track_id": "a"}]], r"\[0\]\[0\]: track_id: text; expected a number"),
        ([{"keypoints": flat(0, 0), "image_id": [1]}], r"\[0\]: \[1\] is no frame's number"),
        ([[{"keypoints": [[1, 2]] * 17, "scores": "a"}]], r"\[0\]\[0\]: scores: text; expected a list"),
        ([[{"keypoints": [1, 2, "a"]}]], "holds text; expected numbers"),
        ([[{"keypoints": [[1, 2], [3]]}]], "keypoints: joint 1: 1 values; expected x, y and perhaps"),
        ([[{"keypoints": [[1, 2]] * 17, "scores": [1]}]], "1 scores for 17 joints"),
        ([[{"keypoints": [[1, 2, 3]] * 17, "scores": [1] * 17}]], "3-D positions, which are not read"),
        ([[{"keypoints": {"x": [1], "y": []}}]], "1 x and 0 y"),
        ([{"frame": 1, "keypoints": [[[1, 2]] * 17], "scores": []}], "0 scores for 1 people"),
        ({"images": [3], "annotations": []}, r"images\[0\]: a number; expected an object with an id"),
        (
            {"images": [{"id": n, "frame_id": n % 2} for n in range(3)], "annotations": []},
            r"images\[2\]: 0 is the frame of an image before, too; expected one file a video",
        ),
        ([{"frame": 1, "people": []}] * 2, r"\[1\]: frame 1 is there before, too"),
        ({"images": [], "annotations": [{}]}, r"annotations\[0\]: image_id is none of the images'"),
        ([[]], "expected a person in at least one frame"),
    ],
)
def test_what_is_wrong_is_told(content: object, message: str) -> None:
    with pytest.raises(UnusableRecordingError, match=r"^folder/a\.json: .*" + message):
        read(content)


def test_a_folder_is_prepared(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    content = lists_of_lists()
    content += content * 3
    content[0] = content[0] + [person(0, 4)]  # seen once
    for name in "ab":
        (raw / f"{name}.json").write_text(json.dumps(content))
    (raw / "manifest.csv").write_text("file,label\na,wave\nb,kick\n")
    outcome = prepare("auto", raw, tmp_path / "store", num_workers=1)
    assert outcome.store.data_set == "coco-keypoints"
    assert (outcome.store.names, outcome.store.labels.tolist()) == (["a", "b"], [1, 0])
    assert outcome.remarks[1:] == [f"{STRAYS}: 2, in 2 files"]
