"""Reading key points of videos: files and MB a second, beside json and NumPy alone doing the same parsing.

Writes files of its own: two people who walk with COCO's or OpenPose's joints, one with MediaPipe's landmarks.
The plain reader turns the same files into one array of numbers, unchecked and without finding out who is who;
the first file's numbers are compared. The last line is a whole preparation of OpenPose's frames.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skelact.formats import coco_keypoints, kinetics_skeleton, mediapipe, openpose
from skelact.formats.archives import raw_files
from skelact.store.prepare import prepare

LENGTH = 300  # frames of a video
RANDOM = np.random.default_rng(0)


def walkers(num_joints: int, scale: float = 1) -> np.ndarray:
    """Return (frames, 2 people, joints, 3): x, y and a score."""
    pose = RANDOM.uniform((100, 100), (200, 400), (2, num_joints, 2))
    way = np.arange(LENGTH)[:, None] * (0.5, -0.5) + (0, 400)
    places = pose + RANDOM.normal(0, 1, (LENGTH, 2, num_joints, 2))
    places[..., 0] += way[..., None]
    scores = RANDOM.uniform(0.5, 1, (LENGTH, 2, num_joints, 1))
    return np.concatenate([places * scale, scores], 3).round(3)


def numbers_of(frame: np.ndarray) -> list[list[float]]:
    return frame.reshape(len(frame), -1).tolist()


def write_openpose(folder: Path, num_files: int) -> None:
    for number in range(num_files):
        if number % LENGTH == 0:
            video = walkers(25)
        people = [
            {
                "person_id": [-1],
                "pose_keypoints_2d": numbers,
                "face_keypoints_2d": [],
                "hand_left_keypoints_2d": [],
            }
            for numbers in numbers_of(video[number % LENGTH])
        ]
        path = folder / f"video_{number:012}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": people}))


def plain_openpose(files: list[Path]) -> np.ndarray:
    people = [person for file in files for person in json.loads(file.read_bytes())["people"]]
    return np.array([person["pose_keypoints_2d"] for person in people]).reshape(len(people), -1, 3)


def write_kinetics(folder: Path, num_files: int) -> None:
    for number in range(num_files):
        frames = [
            {
                "frame_index": n,
                "skeleton": [
                    {"pose": person[:, :2].reshape(-1).tolist(), "score": person[:, 2].tolist()}
                    for person in frame
                ],
            }
            for n, frame in enumerate(walkers(18, 1 / 1000), 1)
        ]
        (folder / f"{number}.json").write_text(json.dumps({"data": frames, "label": "a", "label_index": 0}))


def plain_kinetics(files: list[Path]) -> np.ndarray:
    frames = [frame for file in files for frame in json.loads(file.read_bytes())["data"]]
    people = [person for frame in frames for person in frame["skeleton"]]
    places = np.array([person["pose"] for person in people]).reshape(len(people), -1, 2)
    return np.concatenate([places, np.array([person["score"] for person in people])[..., None]], 2)


def write_coco(folder: Path, num_files: int) -> None:
    for number in range(num_files):
        people = [
            {"image_id": n, "category_id": 1, "keypoints": numbers, "score": 0.9}
            for n, frame in enumerate(walkers(17))
            for numbers in numbers_of(frame)
        ]
        (folder / f"{number}.json").write_text(json.dumps(people))


def plain_coco(files: list[Path]) -> np.ndarray:
    people = [person for file in files for person in json.loads(file.read_bytes())]
    return np.array([person["keypoints"] for person in people]).reshape(len(people), -1, 3)


def landmarks() -> np.ndarray:
    """Return (frames, joints, 4)."""
    world = RANDOM.normal(0, 0.4, (1, 33, 4)) + RANDOM.normal(0, 0.01, (LENGTH, 33, 4))
    world[:, 23] = -world[:, 24]
    world[..., 3] = 0.9
    return world.round(5)


def write_mediapipe(folder: Path, num_files: int) -> None:
    keys = ("x", "y", "z", "visibility")
    for number in range(num_files):
        frames = [[dict(zip(keys, one, strict=True)) for one in frame] for frame in landmarks().tolist()]
        (folder / f"{number}.json").write_text(json.dumps(frames))


def plain_mediapipe(files: list[Path]) -> np.ndarray:
    frames = [frame for file in files for frame in json.loads(file.read_bytes())]
    return np.array([[list(one.values()) for one in frame] for frame in frames])


def write_table(folder: Path, num_files: int) -> None:
    names = [f"{joint}_{number}" for joint in mediapipe.FILE_JOINTS for number in "xyzv"]
    for number in range(num_files):
        with (folder / f"{number}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["frame", *names])
            table.writerows([n, *frame.reshape(-1).tolist()] for n, frame in enumerate(landmarks()))


def plain_table(files: list[Path]) -> np.ndarray:
    tables = [np.loadtxt(file, delimiter=",", skiprows=1)[:, 1:] for file in files]
    return np.concatenate(tables).reshape(-1, 33, 4)


@dataclass(frozen=True)
class Format:
    name: str
    num_files: int
    write: Callable[[Path, int], None]
    plain: Callable[[list[Path]], np.ndarray]
    read: Callable[[list], list]


def read_each(read: Callable) -> Callable[[list], list]:
    return lambda files: [read(file.name, file.stem, file.read()).sequence for file in files]


FORMATS = (
    Format(
        "openpose",
        10_000,
        write_openpose,
        plain_openpose,
        lambda files: [openpose.read_recording(one).sequence for one in openpose.frame_files(files)],
    ),
    Format("kinetics-skeleton", 60, write_kinetics, plain_kinetics, read_each(kinetics_skeleton.read_video)),
    Format("coco-keypoints", 60, write_coco, plain_coco, read_each(coco_keypoints.read_video)),
    Format("mediapipe (json)", 60, write_mediapipe, plain_mediapipe, read_each(mediapipe.read_video)),
    Format("mediapipe (csv)", 60, write_table, plain_table, read_each(mediapipe.read_video)),
)


def compare(read: list, plain: np.ndarray) -> None:
    """Check that the first sequence holds the first numbers, whichever body they are."""
    sequence = read[0]
    width = sequence.positions.shape[3]
    nearest = np.abs(sequence.positions[:, 0] - plain[0, :, :width]).max((1, 2)).min()
    assert nearest < 1e-3, nearest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the files, for a quick look")
    options = parser.parse_args()
    for format in FORMATS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "raw"
            folder.mkdir()
            format.write(folder, max(1, int(format.num_files * options.share)))
            paths = sorted(folder.iterdir())
            megabytes = sum(path.stat().st_size for path in paths) / 1e6
            compare_with = format.plain(paths[:1])
            started = time.perf_counter()
            format.plain(paths)
            plain = time.perf_counter() - started
            with raw_files(folder) as files:
                started = time.perf_counter()
                sequences = format.read(files)
                ours = time.perf_counter() - started
            compare(sequences, compare_with)
            print(
                f"{format.name}, {len(paths):,} files, {megabytes:.1f} MB: {len(paths) / ours:,.0f} and "
                f"{megabytes / ours:.1f} MB a second, plain {len(paths) / plain:,.0f} and "
                f"{megabytes / plain:.1f}; {ours / plain:.2f} times its time"
            )
            if format.name == "openpose":
                started = time.perf_counter()
                prepare("openpose", folder, Path(scratch) / "store", num_workers=1)
                prepared = f"{len(paths):,} frames in {time.perf_counter() - started:.2f} s on one core"
    print(f"openpose, prepared: {prepared}")


if __name__ == "__main__":
    main()
