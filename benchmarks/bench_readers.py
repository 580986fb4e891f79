"""Readers of JSON and of text, beside json and numpy alone on the same bytes.

The files are made up, each as large as a recording in the wild. The plain way parses the same numbers into
one array and checks nothing: no shapes, no numbers that are none, no people told apart. Both give the same
positions, which is compared before anything is timed. All in memory, on one core.
"""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from alternate import compare, parse_rounds
from skelact.formats import coco_keypoints, kinect_text, kinetics_skeleton, nw_ucla, openpose, sbu
from skelact.formats.archives import RawFile
from skelact.formats.pose_json import read_pose_json

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
