"""MediaPipe's landmarks: JSON and CSV in the forms in which they are saved, world and image landmarks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.mediapipe import NO_DEPTHS, OTHER_LANDMARKS, read_video
from skelact.formats.mediapipe_csv import FILE_JOINTS, columns_of, joint_of, read_csv
from skelact.formats.people import SHARES
from skelact.skeleton.joint_names import common_names
from skelact.skeleton.tables import MEDIAPIPE_33
from skelact.store.prepare import prepare

RANDOM = np.random.default_rng(0)
WORLD = RANDOM.normal(0, 0.4, (4, 33, 3)).round(4)
WORLD[:, 23] = -WORLD[:, 24]  # the origin lies between the hips
IMAGE = np.concatenate([RANDOM.uniform(0.2, 0.8, (4, 33, 2)), RANDOM.normal(0, 0.2, (4, 33, 1))], 2).round(4)
VISIBLE = 0.9


def objects(frame: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip("xyz", point, strict=True)) | {"visibility": VISIBLE} for point in frame.tolist()]


def rows(frame: np.ndarray) -> list[list[float]]:
    return [[*point, VISIBLE] for point in frame.tolist()]


JSON_FORMS: dict[str, Any] = {
    "a person a frame": [objects(frame) for frame in WORLD],
    "people a frame": [[objects(frame)] for frame in WORLD],
    "lists": [rows(frame) for frame in WORLD],
    "an object": {"fps": 30, "frames": [{"landmarks": rows(frame)} for frame in WORLD * 0 + IMAGE]},
    "both": [
        {"frame": n, "poseLandmarks": objects(image), "poseWorldLandmarks": objects(world)}
        for n, (image, world) in enumerate(zip(IMAGE, WORLD, strict=True), 7)
    ],
    "tasks": [{"pose_landmarks": [rows(frame)], "pose_world_landmarks": []} for frame in IMAGE],
    "protocol buffers": {"data": [{"pose_world_landmarks": {"landmark": objects(frame)}} for frame in WORLD]},
}
IN_IMAGE = ("an object", "tasks")


def read(content: object, name: str = "a.json", **options: Any) -> Any:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_video(name, "a", data, **options)


@pytest.mark.parametrize("form", JSON_FORMS)
def test_forms_of_json(form: str) -> None:
    sequence = read(JSON_FORMS[form], image_size=(100, 50)).sequence
    expected = IMAGE[..., :2] * (100, 50) if form in IN_IMAGE else WORLD
    np.testing.assert_allclose(sequence.positions[0], expected, rtol=1e-6)
    assert (sequence.topology, sequence.present.all(), sequence.joint_present) == (MEDIAPIPE_33, True, None)


def test_our_joints_are_theirs() -> None:
    assert common_names(FILE_JOINTS) == {joint: number for number, joint in enumerate(MEDIAPIPE_33.joints)}


def test_which_kind_is_an_option_and_what_is_left_out_is_noted() -> None:
    both = JSON_FORMS["both"]
    assert read(both).notes == []
    told = read(both, kind="image")
    np.testing.assert_allclose(told.sequence.positions[0], IMAGE[..., :2], rtol=1e-6)
    assert [note.what for note in told.notes] == [SHARES, NO_DEPTHS]
    with pytest.raises(UnusableRecordingError, match="no image landmarks; the file has world"):
        read(JSON_FORMS["lists"], kind="image")


def test_nobody_in_a_frame_and_landmarks_that_are_not_seen() -> None:
    frame = objects(WORLD[0])
    frame[3]["visibility"] = 0.2
    sequence = read([None, frame, [], rows(WORLD[1]), {"landmarks": None}], min_confidence=0.5).sequence
    assert sequence.present.tolist() == [[False, True, False, True, False]]
    assert np.argwhere(~sequence.joint_present[0, 1]).tolist() == [[3]]


def test_several_people_are_linked() -> None:
    both = [rows(np.add(WORLD[0], (2, 0, 0))), rows(WORLD[0])]
    frames = [both[:: 1 if n % 2 else -1] for n in range(6)]
    sequence = read([{"world_landmarks": people} for people in frames]).sequence
    assert sequence.num_bodies == 2
    assert np.ptp(sequence.positions, axis=1).max() < 1e-6


def table(header: list[str], lines: list[list[object]]) -> bytes:
    return "\r\n".join(",".join(map(str, line)) for line in [header, *lines]).encode()


def wide(names: list[str], numbers: str = "xyzv", first: list[str] | None = None) -> bytes:
    lines = [[n, *np.array(rows(frame))[:, : len(numbers)].reshape(-1)] for n, frame in enumerate(WORLD)]
    return table((first or ["frame"]) + names, lines)


CSV_FORMS = {
    "names": wide([f"{joint}_{number}" for joint in FILE_JOINTS for number in "xyzv"]),
    "capitals": wide(
        [f"{joint.upper()}_{number}" for joint in FILE_JOINTS for number in ("x", "y", "z", "visibility")]
    ),
    "camel case": wide(
        [f"{joint.title().replace('_', '')}.{number}" for joint in FILE_JOINTS for number in "xyz"], "xyz"
    ),
    "numbers": wide([f"{number}{joint}" for joint in range(33) for number in "xyzv"]),
    "numbers from 1": wide(
        [f"{number}{joint}" for joint in range(1, 34) for number in "xyzv"], first=["label"]
    ),
    "numbers first": wide(
        [f"landmark_{joint}_{number}" for joint in range(33) for number in "xyz"], "xyz", [""]
    ),
    "a line a landmark": table(
        ["frame", "landmark", "x", "y", "z", "visibility"],
        [[n, joint, *row] for n, frame in enumerate(WORLD) for joint, row in enumerate(rows(frame))],
    ),
    "a line a name": table(
        ["frame_number", "landmark_name", "x", "y", "z"],
        [
            [n, name, *row[:3]]
            for n, frame in enumerate(WORLD)
            for name, row in zip(FILE_JOINTS, rows(frame), strict=True)
        ],
    ),
}


@pytest.mark.parametrize("form", CSV_FORMS)
def test_forms_of_csv(form: str) -> None:
    sequence = read(CSV_FORMS[form], "a.csv").sequence
    np.testing.assert_allclose(sequence.positions[0], WORLD, rtol=1e-6)
    assert sequence.present.all()


def test_empty_fields_are_what_was_not_found() -> None:
    lines = CSV_FORMS["names"].decode().split("\r\n")
    lines[2] = "1" + "," * 132
    lines[3] = lines[3].replace(f",{WORLD[2, 0, 0]},", ",NaN,", 1)
    sequence = read("\n".join(lines).encode(), "a.csv").sequence
    assert sequence.present.tolist() == [[True, False, True, True]]
    assert np.argwhere(~sequence.joint_present[0, 2]).tolist() == [[0]]


def test_a_line_of_empty_fields_is_a_frame_of_nobody() -> None:
    names = [f"{joint}_{number}" for joint in FILE_JOINTS for number in "xyz"]
    lines = [list(WORLD[0].reshape(-1)), [""] * 99, list(WORLD[1].reshape(-1))]
    assert read(table(names, lines), "a.csv").sequence.present.tolist() == [[True, False, True]]
    numbered = [[2, *lines[0]], [""] * 100, [3, *lines[2]]]
    assert read(table(["frame", *names], numbered), "a.csv").sequence.present.tolist() == [[True, True]]


@pytest.mark.parametrize("first", [0, 1])
def test_landmarks_of_a_face_after_those_of_the_pose_are_left_out_and_counted(first: int) -> None:
    names = [f"{number}{joint}" for joint in range(first, 501 + first) for number in "xyzv"]
    lines: list[list[object]] = [[*np.array(rows(frame)).reshape(-1), *[0.5] * 468 * 4] for frame in WORLD]
    found = read(table(names, lines), "a.csv")
    np.testing.assert_allclose(found.sequence.positions[0], WORLD, rtol=1e-6)
    assert [(note.what, note.count) for note in found.notes] == [(OTHER_LANDMARKS, 468)]


def test_names_of_columns() -> None:
    assert columns_of(["x1", "y1", "t"]) == {}
    assert columns_of([f"x{n}" for n in range(20)])[19] == (19, 0)
    assert [joint_of(name) for name in ("wristLeft", "RIGHT_FOOT_INDEX", "pose_7", "hip")] == [
        15,
        32,
        7,
        None,
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"{", "line 1: not JSON"),
        ("a.json", 3, "the whole: a number; expected a list of frames"),
        ("a.json", [], "the whole: no frames"),
        ("a.json", {"x": 1}, "the whole: no list under frames, data"),
        ("a.json", [{"hands": 1}], r"\[0\]: neither landmarks nor world_landmarks"),
        ("a.json", [{"frame": "1", "landmarks": []}], r"\[0\]: the frame's number is '1'"),
        ("a.json", [3], r"\[0\]: a number; expected 33 landmarks"),
        ("a.json", [[{"x": 1, "y": 2}]], r"\[0\]: 1 values; expected 33 landmarks"),
        ("a.json", [["a"] * 33], r"\[0\]: text; expected 33 landmarks"),
        ("a.json", [[[1, 2]] * 32 + [3]], r"landmark right_foot_index: a number; expected x, y, z"),
        ("a.json", [[["a", 2]] * 33], r"\[0\]: holds text; expected numbers"),
        ("a.json", [None], "expected a person in at least one frame"),
        ("a.csv", b"", "line 1: no columns such as left_wrist_x"),
        ("a.csv", b"\xff", "not CSV in UTF-8"),
        ("a.csv", b'"a', "not CSV in UTF-8"),
        ("a.csv", b"frame,x,y\n1,2,3", "line 1: no columns such as left_wrist_x, nor landmark, x and y"),
        ("a.csv", b"landmark,x,y", "or no line below them"),
        ("a.csv", b"landmark,x,y\n1,2", "line 2: 2 fields; expected 3"),
        ("a.csv", b"landmark,x,y\n1,2,a", "line 2: y is 'a'; expected a finite number"),
        ("a.csv", b"landmark,x,y\n1,2,1e99", "line 2: y is '1e99'; expected a finite number"),
        ("a.csv", b"landmark,x,y\nchin,2,1", "line 2: 'chin' is no landmark's name or number"),
        ("a.csv", b"landmark,x,y,frame\n1,2,3,0\n1,2,3,-1", "line 3: the frame's number is -1.0; expected"),
        ("a.csv", b"landmark,x,y,frame\n1,2,3,\n", "line 2: the frame's number is nan; expected"),
    ],
)
def test_what_is_wrong_is_told(name: str, content: object, message: str) -> None:
    with pytest.raises(UnusableRecordingError, match=r"^a\.(json|csv): .*" + message):
        read(content, name)


def test_a_folder_is_of_the_kind_of_its_first_file(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, form in (("a", "both"), ("b", "tasks"), ("c", "lists")):
        (raw / f"{name}.json").write_text(json.dumps(JSON_FORMS[form]))
    (raw / "manifest.csv").write_text("file,label\na,wave\nb,kick\nc,kick\n")
    outcome = prepare("auto", raw, tmp_path / "store", num_workers=1)
    store = outcome.store
    assert (store.data_set, store.names, store.unit, store.up) == ("mediapipe", ["a", "c"], "m", "-y")
    assert [entry.file for entry in outcome.exclusions] == ["b.json"]
    settings = {"landmarks": "image", "image_size": "640x480"}
    outcome = prepare("mediapipe", raw, tmp_path / "flat", num_workers=1, settings=settings)
    assert (outcome.store.names, outcome.store.unit) == (["a", "b"], "px")
    assert f"{NO_DEPTHS}: in 2 files" in outcome.remarks
    with pytest.raises(ConfigurationError, match="--landmarks is wold"):
        prepare("mediapipe", raw, tmp_path / "none", settings={"landmarks": "wold"})
    with pytest.raises(ConfigurationError, match="--image-size means nothing to world landmarks"):
        prepare("mediapipe", raw, tmp_path / "none", settings={"image_size": "640x480"})


def test_the_case_of_a_table(shared_cases_dir: Path, tmp_path: Path) -> None:
    store = prepare("auto", shared_cases_dir / "c51_mediapipe.csv", tmp_path / "store", num_workers=1).store
    assert store.data_set == "mediapipe"
    assert (store.topology, store.unit, store.array("joints").shape) == (MEDIAPIPE_33, "m", (20, 33, 3))


def test_the_case_of_pose_json(shared_cases_dir: Path, tmp_path: Path) -> None:
    store = prepare("auto", shared_cases_dir / "c50_mediapipe", tmp_path / "store", num_workers=1).store
    assert (store.data_set, store.topology, len(store)) == ("pose-json", MEDIAPIPE_33, 1)


def test_landmarks_beyond_the_picture_are_shares_of_it_too() -> None:
    image = IMAGE[..., :2].copy()
    image[:, 25:] += (0, 1.2)  # knees and feet
    frames = [[[*point, 0.0, VISIBLE] for point in frame] for frame in image.tolist()]
    found = read({"frames": [{"landmarks": frame} for frame in frames]}, image_size=(100, 50)).sequence
    np.testing.assert_allclose(found.positions[0], image * (100, 50), rtol=1e-5)
    assert SHARES in [note.what for note in read({"frames": [{"landmarks": frames[0]}]}).notes]


def test_image_landmarks_in_pixels_stay_so() -> None:
    frames = [[[*point, 0.0, VISIBLE] for point in frame] for frame in (IMAGE[..., :2] * (640, 480)).tolist()]
    told = read({"frames": [{"landmarks": frame} for frame in frames]}, image_size=(640, 480))
    np.testing.assert_allclose(told.sequence.positions[0], IMAGE[..., :2] * (640, 480), rtol=1e-5)
    assert told.notes == []


def test_a_line_a_landmark_without_frames_is_one_frame_of_one_person() -> None:
    lines = [[name, *point] for name, point in zip(FILE_JOINTS, WORLD[0].tolist(), strict=True)]
    found = read(table(["landmark", "x", "y", "z"], lines), "a.csv").sequence
    np.testing.assert_allclose(found.positions[0], WORLD[:1], rtol=1e-6)
    with pytest.raises(UnusableRecordingError, match="line 35: 'nose' is there twice in frame 0; number the"):
        read(table(["landmark", "x", "y", "z"], lines * 2), "a.csv")
    numbered = [[5, *line] for line in lines * 2]
    with pytest.raises(UnusableRecordingError, match="line 35: 'nose' is there twice in frame 5; keep one"):
        read(table(["frame", "landmark", "x", "y", "z"], numbered), "a.csv")


def test_tables_and_lists_are_prepared_apart_and_a_table_of_something_else_does_not_count(
    tmp_path: Path,
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.json").write_text(json.dumps(JSON_FORMS["both"]))
    (raw / "notes.csv").write_text("frame,x\n1,2\n")
    assert prepare("mediapipe", raw, tmp_path / "store").store.names == ["a"]
    (raw / "b.csv").write_bytes(CSV_FORMS["names"])
    with pytest.raises(DataError, match=r"b\.csv and a\.json both hold landmarks"):
        prepare("mediapipe", raw, tmp_path / "other")


def test_a_table_of_several_videos_is_refused_not_taken_for_people_side_by_side():
    names = [f"{name}_{axis}" for name in FILE_JOINTS for axis in "xy"]
    lines = [f"{video},{frame}," + ",".join(["0.5"] * 66) for video in "ab" for frame in range(3)]
    data = "\n".join([",".join(["video", "frame", *names]), *lines]).encode()
    with pytest.raises(UnusableRecordingError, match="lines of several videos, by the column video"):
        read_csv("a.csv", data)
    one = data.replace(b"\nb,", b"\na,")
    assert len(read_csv("a.csv", one)[0][None]) == 6
    images = "\n".join(
        [",".join(["file", *names]), *(f"{n}.jpg," + ",".join(["0.5"] * 66) for n in range(3))]
    )
    assert read_csv("a.csv", images.encode())[1] == {0, 1, 2}, "a picture a frame is one video"


@pytest.mark.parametrize("has_types", [False, True])
def test_lines_of_landmarks_that_are_none_of_the_pose_are_counted(has_types: bool) -> None:
    lines = []
    for frame in range(2):
        kinds = {"pose": range(33), "face": range(5)} if has_types else {"pose": range(75)}
        lines += [f"{frame},{kind},{number},0.5,{number}" for kind in kinds for number in kinds[kind]]
    header = "frame,type,landmark_index,x,y" if has_types else "frame,kind,landmark,x,y"
    poses, frames, others = read_csv("a.csv", "\n".join([header, *lines]).encode())
    assert (len(poses[None]), frames, others) == (2, {0, 1}, 5 if has_types else 42)
    assert poses[None][0][1][:, 1].tolist() == [*range(33)]
