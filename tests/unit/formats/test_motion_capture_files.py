"""C3D and .pose, read by their libraries: what was written comes back, in metres or pixels."""

import sys
from pathlib import Path

import numpy as np
import pytest

from fuzzing.samples import c3d_file, pose_file
from skelact.errors import ConfigurationError, DataError
from skelact.formats.c3d_files import read_c3d
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.notes import Note
from skelact.formats.pose_files import MULTIPLIED, read_pose
from skelact.skeleton.tables import MEDIAPIPE_33
from skelact.skeleton.topology import Topology
from skelact.store.prepare import prepare

STICK = Topology("stick", ("hips", "head"), (0, 0))
POINTS = np.random.default_rng(0).uniform(-900, 900, (5, 4, 3)).round(1).astype(np.float32)


def test_c3d_in_millimetres_with_points_that_were_not_seen() -> None:
    data = c3d_file(["Head", "Hips", "LANK", "*3"], POINTS, unseen=[(1, 0), (2, 1)])
    found = read_c3d("a.c3d", "a", data, topology=STICK)
    sequence = found.sequence
    assert sequence.fps == 50
    assert sequence.joint_present is not None
    assert np.argwhere(~sequence.joint_present[0]).tolist() == [[1, 1], [2, 0]]
    expected = np.where(sequence.joint_present[0][..., None], POINTS[:, [1, 0]] / 1000, 0)
    np.testing.assert_allclose(sequence.positions[0], expected, rtol=1e-6)
    assert found.notes == [Note("a.c3d", "points that are no joints of the skeleton, left out", 2)]


def test_two_people_by_their_names() -> None:
    data = c3d_file(["A:hips", "A:head", "B:head", "B:hips"], POINTS)
    sequence = read_c3d("a.c3d", "a", data, topology=STICK).sequence
    assert sequence.num_bodies == 2
    np.testing.assert_allclose(sequence.positions[1], POINTS[:, [3, 2]] / 1000, rtol=1e-6)
    one = read_c3d("a.c3d", "a", c3d_file(["A:hips", "A:head", "B:x", "B:y"], POINTS), topology=STICK)
    assert one.sequence.num_bodies == 1
    assert one.notes == [Note("a.c3d", "other people's points, left out", 2)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a whole C3D file"),
        (c3d_file(["a", "b", "c", "d"], POINTS), "no hips, head, which stick has: a, b, c, d; at least half"),
        (c3d_file(["hips", "head", "c", "d"], POINTS)[:-1600], "export it again"),
        (
            c3d_file(["hips", "head", "c", "d"], POINTS, unit="furl"),
            "POINT:UNITS is 'furl'; expected m",
        ),
        (
            c3d_file(["hips", "head"], POINTS[:, :2], unseen=[(n, m) for n in range(5) for m in (0, 1)]),
            "seen",
        ),
    ],
)
def test_c3d_files_that_cannot_be_used(data: bytes, message: str) -> None:
    with pytest.raises(UnusableRecordingError, match=message):
        read_c3d("a.c3d", "a", data, topology=STICK)


def components(*names: str) -> list[tuple[str, list[str]]]:
    body = [joint.upper() for joint in MEDIAPIPE_33.joints]
    return [(name, body if name.startswith("POSE") else [f"P{n}" for n in range(21)]) for name in names]


def test_pose_landmarks_in_pixels() -> None:
    parts = components("LEFT_HAND_LANDMARKS", "POSE_LANDMARKS", "FACE")
    points = np.random.default_rng(0).uniform(1, 600, (6, 2, 75, 3)).astype(np.float32)
    confidence = np.full((6, 2, 75), 0.9, np.float32)
    confidence[2, 0, 21 + 4], confidence[3:, 1] = 0.1, 0
    found = read_pose("a.pose", "a", pose_file(parts, points, confidence), min_confidence=0.5)
    sequence = found.sequence
    assert sequence.topology == MEDIAPIPE_33
    assert sequence.fps == 25
    assert sequence.attributes == {"image_height": 480, "image_width": 640}
    assert sequence.present.tolist() == [[True] * 6, [True] * 3 + [False] * 3]
    assert sequence.joint_present is not None
    assert np.argwhere(~sequence.joint_present[0]).tolist() == [[2, 4]]
    np.testing.assert_array_equal(sequence.positions[1, 0], points[0, 1, 21:54, :2])
    assert found.notes == [Note("a.pose", "components of points beside the body (hands, face), left out", 2)]


def test_world_landmarks_are_in_metres() -> None:
    points = np.random.default_rng(0).normal(size=(3, 1, 33, 3)).astype(np.float32)
    data = pose_file(components("POSE_WORLD_LANDMARKS"), points, np.ones((3, 1, 33), np.float32))
    sequence = read_pose("a.pose", "a", data).sequence
    np.testing.assert_array_equal(sequence.positions[0], points[:, 0])
    assert sequence.attributes == {}
    image = points * (640, 480, 1)
    data = pose_file(components("POSE_WORLD_LANDMARKS"), image, np.ones((3, 1, 33), np.float32))
    found = read_pose("a.pose", "a", data)
    np.testing.assert_allclose(found.sequence.positions[0], points[:, 0], rtol=1e-6)
    assert found.notes == [Note("a.pose", MULTIPLIED)]


def test_pose_files_that_cannot_be_used() -> None:
    points = np.ones((2, 1, 21, 3), np.float32)
    data = pose_file(components("HAND"), points, points[..., 0])
    with pytest.raises(UnusableRecordingError, match="no known skeleton has joints of these names: P0, P1"):
        read_pose("a.pose", "a", data)
    with pytest.raises(UnusableRecordingError, match="not a whole"):
        read_pose("a.pose", "a", data[:-40])


@pytest.mark.parametrize(
    ("name", "data", "library", "extra"),
    [
        (
            "c3d",
            c3d_file(["hips", "head"], POINTS[:, :2]),
            "c3d",
            r"pip install -c constraints.txt '\.\[c3d\]'",
        ),
        (
            "pose",
            pose_file(components("POSE_LANDMARKS"), np.ones((2, 1, 33, 3)), np.ones((2, 1, 33))),
            "pose_format",
            r"pip install -c constraints.txt '\.\[pose\]'",
        ),
    ],
)
def test_they_are_told_by_content_and_an_absent_library_is_named(
    name: str, data: bytes, library: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stick.yaml").write_text("{name: stick, joints: [hips, head], parents: {head: hips}}")
    (tmp_path / f"a.{name}").write_bytes(data)
    settings = {"topology": str(tmp_path / "stick.yaml")} if name == "c3d" else {}
    raw = tmp_path / f"a.{name}"
    outcome = prepare("auto", raw, tmp_path / "store", num_workers=1, settings=settings)
    assert outcome.store.meta["data_set"] == name
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises((ConfigurationError, DataError), match=extra):
        prepare(name, raw, tmp_path / "other", num_workers=1, settings=settings)
