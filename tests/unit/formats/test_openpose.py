"""OpenPose: a file for every frame becomes one sequence a video."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.api.descriptions import describe_store
from skelact.errors import ConfigurationError, DataError
from skelact.formats.archives import raw_files
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.notes import Note, read_notes
from skelact.formats.openpose import HANDS_AND_FACES, NOT_A_FRAME, frame_files, read_recording
from skelact.formats.people import SHARES, STRAYS
from skelact.skeleton.tables import COCO_17, OPENPOSE_18, OPENPOSE_25
from skelact.store.prepare import NO_CLASS, prepare

BODY = np.random.default_rng(0).uniform((100, 50), (160, 250), (25, 2)).round(2)


def person(shift: float = 0, num_joints: int = 25, **other: Any) -> dict[str, Any]:
    table = np.concatenate([np.add(BODY[:num_joints], (shift, 0)), np.full((num_joints, 1), 0.8)], 1)
    return {"person_id": [-1], "pose_keypoints_2d": table.reshape(-1).tolist(), **other}


def write(folder: Path, frames: list[Any], name: str = "clip_{:012d}_keypoints.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, people in enumerate(frames):
        if not isinstance(people, bytes):
            people = json.dumps({"version": 1.3, "people": people}).encode()
        (folder / name.format(number)).write_bytes(people)
    return folder


def read(folder: Path, **options: Any) -> Any:
    with raw_files(folder) as files:
        (recording,) = frame_files(files)
        return read_recording(recording, **options)


def test_frames_become_a_sequence(tmp_path: Path) -> None:
    found = person()
    found["pose_keypoints_2d"][3:6] = [0.0, 0.0, 0.0]
    told = read(write(tmp_path / "a", [[person()], [], [found], [person(3)]]), fps=25.0)
    sequence = told.sequence
    assert (sequence.name, sequence.topology, sequence.fps) == ("clip", OPENPOSE_25, 25.0)
    assert sequence.present.tolist() == [[True, False, True, True]]
    np.testing.assert_allclose(sequence.positions[0, 3], np.add(BODY, (3, 0)), rtol=1e-6)
    assert np.argwhere(~sequence.joint_present[0, 2]).tolist() == [[1]]
    assert not sequence.positions[0, 2, 1].any()
    assert told.notes == []


def test_confidences_below_the_threshold(tmp_path: Path) -> None:
    found = person()
    found["pose_keypoints_2d"][2] = 0.3
    assert read(write(tmp_path / "a", [[found]])).sequence.joint_present is None
    assert not read(tmp_path / "a", min_confidence=0.5).sequence.joint_present[0, 0, 0]


def test_the_model_is_told_by_the_number_of_joints(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a", [[person(num_joints=18)]])).sequence.topology is OPENPOSE_18
    with pytest.raises(UnusableRecordingError, match=r"0_keypoints\.json: .*51 numbers; .*topology"):
        read(write(tmp_path / "b", [[person(num_joints=17)]]))
    assert read(tmp_path / "b", topology=COCO_17).sequence.topology is COCO_17


def test_hands_and_faces_are_counted(tmp_path: Path) -> None:
    hands = {"hand_left_keypoints_2d": [1.0] * 63, "face_keypoints_2d": [], "pose_keypoints_3d": []}
    alone = {"pose_keypoints_2d": [], "face_keypoints_2d": [2.0] * 210}
    told = read(write(tmp_path / "a", [[person(**hands), alone], [person(**hands)]]))
    assert told.sequence.num_bodies == 1
    assert told.notes == [Note("clip.json", HANDS_AND_FACES, 3)]


def test_people_that_openpose_tracked_keep_their_identity(tmp_path: Path) -> None:
    frames = [[person(0, person_id=[7]), person(400, person_id=[2])] for _ in range(3)]
    frames += [[person(400, person_id=[7]), person(0, person_id=[2])] for _ in range(3)]
    positions = read(write(tmp_path / "a", frames)).sequence.positions
    assert (np.abs(np.diff(positions[:, :, 0, 0], axis=1)).max(1) > 300).all()
    for frame in frames:
        frame[0]["person_id"] = [-1]  # one unknown: nobody's is known
    positions = read(write(tmp_path / "b", frames)).sequence.positions
    assert not np.diff(positions[:, :, 0, 0], axis=1).any()


def test_recordings_by_name(tmp_path: Path) -> None:
    for name in (
        "a/jump_{}_keypoints.json",
        "a/jump_2_{:04}_keypoints.json",
        "b/{:05}_keypoints.json",
        "b/photo-{:02}_keypoints.json",
        "still_keypoints.json",
    ):
        write((tmp_path / name).parent, [[person()], []], Path(name).name)
    (tmp_path / "b" / "00000.json").write_text("{}")
    with raw_files(tmp_path) as files:
        found = {file.name: [number for number, _ in file.frames] for file in frame_files(files)}
    assert found == {
        "a/jump.json": [0, 1],
        "a/jump_2.json": [0, 1],
        "b/b.json": [0, 1],
        "b/photo.json": [0, 1],
        "still.json": [0],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: not JSON"),
        (b"[]", "the whole: 0 values; expected an object with people"),
        (b"{}", "people: null; expected a list of people"),
        (b'{"people": [3]}', r"people\[0\]: a number; expected an object with pose_keypoints_2d"),
        (
            b'{"people": [{"pose_keypoints_2d": {"a": 1}}]}',
            "pose_keypoints_2d: an object; expected",
        ),
        (b'{"people": [{"pose_keypoints_2d": ["1"]}]}', "holds text; expected numbers"),
        (b'{"people": [{"pose_keypoints_2d": [1]}]}', "1 numbers; expected 3 for each of 25 joints"),
        (b'{"people": [{"pose_keypoints_2d": [%s1e99]}]}' % (b"1," * 74), "holds a number too large"),
    ],
)
def test_what_is_wrong_is_told_with_the_frame(tmp_path: Path, content: bytes, message: str) -> None:
    write(tmp_path / "a", [[person()], content])
    with pytest.raises(UnusableRecordingError, match=r"^clip_000000000001_keypoints\.json: .*" + message):
        read(tmp_path / "a")


def test_a_number_that_is_there_twice(tmp_path: Path) -> None:
    write(tmp_path / "a", [[person()]])
    write(tmp_path / "a", [[person()]], "clip_0_keypoints.json")
    with pytest.raises(UnusableRecordingError, match="frame 0 is there twice"):
        read(tmp_path / "a")


def test_a_folder_is_prepared_with_its_manifest_and_everything_counted(tmp_path: Path) -> None:
    for name in "xy":
        stray = [[person(), person(500)] if frame < 3 else [person()] for frame in range(20)]
        write(tmp_path / "raw" / name, stray, name + "_{:012d}_keypoints.json")
    write(tmp_path / "raw" / "z", [[]] * 3, "z_{}_keypoints.json")
    (tmp_path / "raw" / "settings.json").write_text("{}")
    (tmp_path / "raw" / "manifest.csv").write_text(
        "file,label,split\nx,wave,train\ny/y.json,kick,test\nz,kick,test\nw,kick,test\n"
    )
    outcome = prepare("openpose", tmp_path / "raw", tmp_path / "store", num_workers=1, settings={"fps": 24.0})
    store = outcome.store
    assert (store.names, store.labels.tolist()) == (["x", "y"], [1, 0])
    assert list(store.class_names) == ["kick", "wave"]
    assert (store.fps, store.up, store.unit) == (24.0, "-y", "px")
    assert outcome.num_files == 44  # without the manifest
    assert sorted(entry.reason for entry in outcome.exclusions) == sorted(
        [NOT_A_FRAME, "in the manifest, but not there", "nobody was found in any frame"]
    )
    assert outcome.remarks == [f"{STRAYS}: 2, in 2 files"]
    assert f"note        {STRAYS}: 2, in 2 files" in describe_store(store)
    assert read_notes(store.path) == [Note(f"{name}/{name}.json", STRAYS, 1) for name in "xy"]


def test_videos_of_one_name_in_several_folders(tmp_path: Path) -> None:
    for folder in ("wave/a", "kick/a"):
        write(tmp_path / "raw" / folder, [[person()]] * 3)
    (tmp_path / "raw" / "manifest.csv").write_text("file,label\nwave/a/clip,wave\nkick/a/clip.json,kick\n")
    store = prepare("openpose", tmp_path / "raw", tmp_path / "store", num_workers=1).store
    assert (store.names, store.labels.tolist()) == (["kick/a/clip", "wave/a/clip"], [0, 1])


def test_parts_make_the_same_store(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in "abc":
        stray = [[person(), person(500)] if frame < 3 else [person()] for frame in range(20)]
        write(raw / name, stray, name + "_{:03d}_keypoints.json")
    whole = prepare("openpose", raw, tmp_path / "whole", num_workers=1)
    for number in (1, 2):
        prepare("openpose", raw, tmp_path / "store", num_workers=1, shard=(number, 2))
    joined = prepare("openpose", raw, tmp_path / "store", num_workers=1)
    assert joined.store.content_hash == whole.store.content_hash
    assert joined.remarks[0] == whole.remarks[0] == f"{STRAYS}: 3, in 3 files"


def test_shares_of_the_image(tmp_path: Path) -> None:
    shares = {"pose_keypoints_2d": [0.5, 0.25, 0.9] * 25}
    raw = write(tmp_path / "a", [[shares]] * 4)
    assert f"{SHARES}: in 1 file" in prepare("openpose", raw, tmp_path / "one", num_workers=1).remarks
    settings = {"image_size": "1920x1080"}
    store = prepare("openpose", raw, tmp_path / "two", centred=False, num_workers=1, settings=settings).store
    assert store.array("joints")[0, 0].tolist() == [960, 270]
    assert store.attribute("image_height").tolist() == [1080]
    with pytest.raises(ConfigurationError, match="--image-size is 1920; expected WIDTHxHEIGHT"):
        prepare("openpose", raw, tmp_path / "three", settings={"image_size": "1920"})


def test_a_folder_without_frames(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(DataError, match="no recording of openpose in 1 file"):
        prepare("openpose", tmp_path, tmp_path / "store")


def test_the_case_of_a_passer_by(shared_cases_dir: Path, tmp_path: Path) -> None:
    outcome = prepare("openpose", shared_cases_dir / "c02_openpose", tmp_path / "store", num_workers=1)
    assert outcome.store.names == ["clip_a"]
    assert outcome.store.array("num_frames").tolist() == [12]
    assert outcome.remarks == [f"{STRAYS}: 1, in 1 file", f"{NO_CLASS}: 1, in 1 file"]
