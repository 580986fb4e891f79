"""Readers of JSON and of text, beside json and numpy alone on the same bytes.

The files are made up, each as large as a recording in the wild. The plain way parses the same numbers into
one array and checks nothing: no shapes, no numbers that are none, no people told apart. Both give the same
positions, which is compared before anything is timed. All in memory but .npy, which is written to a file
first; C3D and .pose beside their libraries alone. On one core.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import c3d
import numpy as np
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

from alternate import compare, parse_rounds
from skelact.formats import coco_keypoints, kinect_text, kinetics_skeleton, nw_ucla, openpose, sbu
from skelact.formats.archives import RawFile
from skelact.formats.c3d_files import read_c3d
from skelact.formats.keypoint_csv import read_csv
from skelact.formats.npy_arrays import npy_data_set
from skelact.formats.pose_files import read_pose
from skelact.formats.pose_json import read_pose_json
from skelact.skeleton.tables import COCO_17, KINECT_20, MEDIAPIPE_33

FILES, FRAMES = 20, 60
SBU_SCALE, SBU_SHIFT = np.array([-2.560, -1.920, 10 / 7.8125]), np.array([1.280, 0.960, 0])


@dataclass(frozen=True)
class Reader:
    """A format: a file's bytes, and two ways to its positions."""

    make: Callable[[np.random.Generator], bytes]
    ours: Callable[[bytes], np.ndarray]
    plain: Callable[[bytes], np.ndarray]


@dataclass(frozen=True)
class HeldFile(RawFile):
    """A file in memory."""

    data: bytes = b""

    def read(self) -> bytes:
        return self.data


def walk(random: np.random.Generator, *shape: int) -> np.ndarray:
    """(frames, ...) metres before a camera, with as many digits as files have."""
    steps = random.normal(0, 0.01, (FRAMES, *shape))
    return (random.normal(0, 0.4, shape) + np.cumsum(steps, 0) + 2).round(5)


def json_bytes(tree: object) -> bytes:
    return json.dumps(tree).encode()


def rows(separator: str, positions: np.ndarray) -> bytes:
    lines = (
        separator.join([str(number), *map(str, row)])
        for number, row in enumerate(positions.reshape(FRAMES, -1).tolist(), 1)
    )
    return "\n".join(lines).encode()


def with_confidence(positions: np.ndarray) -> np.ndarray:
    """(frames, 3 V) pixels and a confidence of each joint."""
    scores = np.full((*positions.shape[:-1], 1), 0.9)
    return np.concatenate([positions * 100, scores], -1).reshape(FRAMES, -1).round(3)


def openpose_frames(random: np.random.Generator) -> bytes:
    """One frame's file a line."""
    joints = with_confidence(walk(random, 25, 2)).tolist()
    frames = [{"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": row}]} for row in joints]
    return b"\n".join(map(json_bytes, frames))


def ours_openpose(data: bytes) -> np.ndarray:
    files = [
        HeldFile(f"clip_{number:012}_keypoints.json", Path(), data=frame)
        for number, frame in enumerate(data.split(b"\n"))
    ]
    (recording,) = openpose.frame_files(files)
    return openpose.read_recording(recording).sequence.positions[0]


def plain_openpose(data: bytes) -> np.ndarray:
    frames = [json.loads(frame)["people"][0]["pose_keypoints_2d"] for frame in data.split(b"\n")]
    return np.array(frames, np.float32).reshape(FRAMES, 25, 3)[..., :2]


def coco_people(random: np.random.Generator) -> bytes:
    joints = with_confidence(walk(random, 17, 2)).tolist()
    people = [
        {"image_id": number, "category_id": 1, "keypoints": row, "score": 0.9, "track_id": 1}
        for number, row in enumerate(joints)
    ]
    return json_bytes(people)


def kinetics_frames(random: np.random.Generator) -> bytes:
    shares = (walk(random, 36) / 8).round(3).tolist()
    frames = [
        {"frame_index": number, "skeleton": [{"pose": row, "score": [0.9] * 18}]}
        for number, row in enumerate(shares, 1)
    ]
    return json_bytes({"data": frames, "label": "waving", "label_index": 0})


def plain_kinetics(data: bytes) -> np.ndarray:
    frames = [frame["skeleton"][0]["pose"] for frame in json.loads(data)["data"]]
    return (np.array(frames).reshape(FRAMES, 18, 2) * (340, 256)).astype(np.float32)


def plain_text(data: bytes, separator: str | None) -> np.ndarray:
    return np.loadtxt(io.BytesIO(data), delimiter=separator)[:, 1:].astype(np.float32)


def wide_table(random: np.random.Generator) -> bytes:
    names = [f"{joint}_{axis}" for joint in COCO_17.joints for axis in "xyz"]
    head = ",".join(["frame", *names]).encode()
    return head + b"\n" + rows(",", walk(random, 17, 3))


def plain_wide(data: bytes) -> np.ndarray:
    table = np.loadtxt(io.BytesIO(data), delimiter=",", skiprows=1)
    return table[:, 1:].reshape(FRAMES, 17, 3).astype(np.float32)


def long_table(random: np.random.Generator) -> bytes:
    lines = ["frame,joint,x,y,z"]
    for frame, joints in enumerate(walk(random, 17, 3).tolist()):
        lines += [
            f"{frame},{name},{x},{y},{z}" for name, (x, y, z) in zip(COCO_17.joints, joints, strict=True)
        ]
    return "\n".join(lines).encode()


def plain_long(data: bytes) -> np.ndarray:
    table = csv.reader(io.StringIO(data.decode()))
    next(table)
    return np.array([row[2:] for row in table], np.float32).reshape(FRAMES, 17, 3)


def npy_file(random: np.random.Generator) -> bytes:
    target = io.BytesIO()
    np.save(target, walk(random, 16, 25, 3).transpose(1, 3, 0, 2)[..., None].astype(np.float32))
    return target.getvalue()


def ours_npy(data: bytes) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npy"
        path.write_bytes(data)
        file, data_set = RawFile(path.name, path), npy_data_set()
        assert data_set.survey is not None
        found = data_set.survey(data_set, [file]).read(file)
        return np.stack([item.sequence.positions[0] for item in found])


def plain_npy(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data))[..., 0].transpose(0, 2, 3, 1)


def c3d_file(random: np.random.Generator) -> bytes:
    writer = c3d.Writer(point_rate=50.0, point_units="mm  ")
    writer.set_point_labels(list(KINECT_20.joints))
    for frame in walk(random, 20, 3) * 1000:
        writer.add_frames([(np.pad(frame, ((0, 0), (0, 2))).astype(np.float32), np.zeros((0, 0)))])
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def plain_c3d(data: bytes) -> np.ndarray:
    frames = c3d.Reader(io.BytesIO(data)).read_frames()
    return np.stack([points[:, :3] for _, points, _ in frames]) / np.float32(1000)


def pose_file(random: np.random.Generator) -> bytes:
    header = PoseHeader(
        0.2,
        PoseHeaderDimensions(640, 480, 0),
        [PoseHeaderComponent("POSE_WORLD_LANDMARKS", list(MEDIAPIPE_33.joints), [], [], "XYZC")],
    )
    points = walk(random, 33, 3)[:, None].astype(np.float32)
    target = io.BytesIO()
    Pose(header, NumPyPoseBody(30.0, points, np.ones(points.shape[:3], np.float32))).write(target)
    return target.getvalue()


READERS = {
    "nw-ucla": Reader(
        lambda random: json_bytes({"file_name": "", "skeletons": walk(random, 20, 3).tolist(), "label": 1}),
        lambda data: nw_ucla.read_sequence("file", "a01_s01_e01_v01", data).positions[0],
        lambda data: np.array(json.loads(data)["skeletons"], np.float32),
    ),
    "pose-json": Reader(
        lambda random: json_bytes(
            {"topology": "kinect-20", "bodies": [{"positions": walk(random, 20, 3).tolist()}]}
        ),
        lambda data: read_pose_json("file", "one", data).sequence.positions[0],
        lambda data: np.array(json.loads(data)["bodies"][0]["positions"], np.float32),
    ),
    "openpose": Reader(openpose_frames, ours_openpose, plain_openpose),
    "coco-keypoints": Reader(
        coco_people,
        lambda data: coco_keypoints.read_video("file", "one", data).sequence.positions[0],
        lambda data: np.array([person["keypoints"] for person in json.loads(data)], np.float32).reshape(
            FRAMES, 17, 3
        )[..., :2],
    ),
    "kinetics-skeleton": Reader(
        kinetics_frames,
        lambda data: kinetics_skeleton.read_video(
            "file", "one", data, image_size=(340, 256)
        ).sequence.positions[0],
        plain_kinetics,
    ),
    "sbu": Reader(
        lambda random: rows(",", walk(random, 2, 15, 3) / 8),
        lambda data: sbu.read_sequence("file", "s01s02_01_001", data).positions,
        lambda data: np.swapaxes(
            plain_text(data, ",").reshape(FRAMES, 2, 15, 3) * SBU_SCALE + SBU_SHIFT, 0, 1
        ).astype(np.float32),
    ),
    "csv, wide": Reader(
        wide_table, lambda data: read_csv("file", "one", data).sequence.positions[0], plain_wide
    ),
    "csv, long": Reader(
        long_table, lambda data: read_csv("file", "one", data).sequence.positions[0], plain_long
    ),
    "npy": Reader(npy_file, ours_npy, plain_npy),
    "c3d": Reader(
        c3d_file,
        lambda data: read_c3d("file", "one", data).sequence.positions[0],
        plain_c3d,
    ),
    "pose": Reader(
        pose_file,
        lambda data: read_pose("file", "one", data).sequence.positions[0],
        lambda data: np.asarray(Pose.read(data).body.data.data)[:, 0],
    ),
    "kinect-text": Reader(
        lambda random: rows(" ", walk(random, 20, 3)),
        lambda data: kinect_text.parse_frames("file", data)[1],
        lambda data: plain_text(data, None).reshape(FRAMES, 20, 3),
    ),
}


def read_all(read: Callable[[bytes], np.ndarray], contents: list[bytes]) -> None:
    for data in contents:
        read(data)


def main() -> None:
    rounds = parse_rounds(__doc__)
    warnings.filterwarnings("ignore", "No analog data")  # of the library that reads C3D
    for name, reader in READERS.items():
        contents = [reader.make(np.random.default_rng(number)) for number in range(FILES)]
        for data in contents:
            np.testing.assert_allclose(reader.ours(data), reader.plain(data), atol=1e-5)
        found = compare(
            f"{name}, {FILES} recordings of {FRAMES} frames",
            partial(read_all, reader.ours, contents),
            partial(read_all, reader.plain, contents),
            rounds=rounds,
            work=FILES,
            unit="files",
        )
        megabytes = sum(map(len, contents)) / 1e6
        print(f"  ours, MB/s {megabytes / statistics.median(found.ours):25.1f}")


if __name__ == "__main__":
    main()
