"""Small raw data in the formats of the public data sets, to try out documents with."""

import json
from pathlib import Path

import numpy as np

from fuzzing import samples
from skelact.formats.bandai_namco import CONTENTS
from skelact.formats.bandai_namco import TOPOLOGY as BANDAI_NAMCO
from skelact.formats.nw_ucla import ACTIONS
from skelact.formats.protocol import SBU_FOLDS
from untrimmed_recordings import write_untrimmed

NUM_FRAMES = 24
TESTED = (("elderly", 1), ("elderly", 2), ("exhausted", 1), ("feminine", 1))


def write_msr_action3d(folder: Path) -> None:
    """Write one recording of each of the 20 actions by three people, one of whom trains."""
    random = np.random.default_rng(0)
    for action in range(1, 21):
        for subject in (1, 2, 4):
            pose = random.uniform(-1, 1, (20, 3)) + np.array([0, 0, 3])
            path = pose + np.cumsum(random.normal(0, 0.02, (NUM_FRAMES, 20, 3)), 0)
            lines = [f"{x:.6f} {y:.6f} {z:.6f} 1.000000\n" for x, y, z in path.reshape(-1, 3)]
            (folder / f"a{action:02}_s{subject:02}_e01_skeleton3D.txt").write_text("".join(lines))


def write_nw_ucla(folder: Path) -> None:
    """Write one recording of each of the 10 actions by each camera; one of them has a single frame."""
    random = np.random.default_rng(0)
    for label, action in enumerate(ACTIONS, 1):
        for camera in (1, 2, 3):
            num_frames = 1 if (action, camera) == (2, 2) else NUM_FRAMES
            pose = random.uniform(-1, 1, (20, 3)) + np.array([0, 0, 3])
            path = pose + np.cumsum(random.normal(0, 0.02, (num_frames, 20, 3)), 0)
            name = f"a{action:02}_s01_e00_v{camera:02}"
            table = {"file_name": name, "skeletons": path.round(5).tolist(), "label": label}
            (folder / f"{name}.json").write_text(json.dumps(table))


def write_sbu(folder: Path) -> None:
    """Write one recording of each of the 8 actions by two pairs of every fold."""
    random = np.random.default_rng(0)
    for action in range(1, 9):
        for pair in (pair for fold in SBU_FOLDS for pair in fold[:2]):
            pose = random.uniform(0.2, 0.8, (2, 15, 3))
            path = pose + np.cumsum(random.normal(0, 0.005, (NUM_FRAMES, 2, 15, 3)), 0)
            place = folder / pair / f"{action:02}" / "001"
            place.mkdir(parents=True)
            rows = path.reshape(NUM_FRAMES, -1).round(5).tolist()
            lines = [",".join(map(str, [55 + number, *row])) for number, row in enumerate(rows)]
            (place / "skeleton_pos.txt").write_text("\n".join(lines))


def write_mocap(folder: Path) -> None:
    """Write six BVH files into the folder of each of two classes."""
    random = np.random.default_rng(0)
    for label in ("walking", "dancing"):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            (folder / label / f"take-{number}.bvh").write_text(bvh_text(random))


def write_bandai_namco(folder: Path) -> None:
    """Write one recording of each content in two styles that train and all that test, of one of these two."""
    random = np.random.default_rng(0)
    for content in CONTENTS:
        for style, number in (("active", 1), ("normal", 1), *TESTED):
            name = f"dataset-2_{content}_{style}_{number:03}.bvh"
            (folder / name).write_text(bvh_text(random))


def bvh_text(random: np.random.Generator) -> str:
    """Return a BVH file of a person whose joints turn by chance."""
    rotations = "CHANNELS 3 Zrotation Xrotation Yrotation"
    hierarchy = ["HIERARCHY", "ROOT joint_Root", "{", "OFFSET 0 0 0"]
    hierarchy.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")

    def write(joint: int) -> None:
        hierarchy.extend([f"JOINT {BANDAI_NAMCO.joints[joint]}", "{", "OFFSET 3 10 1", rotations])
        children = [child for parent, child in BANDAI_NAMCO_BONES if parent == joint]
        for child in children:
            write(child)
        if not children:
            hierarchy.extend(["End Site", "{", "OFFSET 0 5 0", "}"])
        hierarchy.append("}")

    write(0)
    hierarchy.append("}")
    turns = 40 * np.cumsum(random.normal(0, 0.1, (NUM_FRAMES, 6 + 3 * 21)), 0)
    motion = [f"Frames: {NUM_FRAMES}", "Frame Time: 0.0333333"]
    motion += [" ".join(f"{value:.4f}" for value in frame) for frame in turns]
    return "\n".join([*hierarchy, "MOTION", *motion]) + "\n"


BANDAI_NAMCO_BONES = [(parent, joint) for joint, parent in enumerate(BANDAI_NAMCO.parents) if parent != joint]


def write_pku_mmd(folder: Path) -> None:
    """Write the folders of both parts: untrimmed recordings, labels, a split by people."""
    for part, suffix in (("v1", ""), ("v2", "_v2")):
        write_untrimmed(folder / part, num_train=3, num_test=2, num_actions=3, seed=0)
        split = folder / part / "cross_subject.txt"
        split.rename(split.with_stem(f"cross_subject{suffix}"))
    for kind in ("skeleton", "label"):
        for number, path in enumerate(sorted((folder / "v2" / kind).iterdir())):
            path.rename(path.with_name(f"A01N{number + 1:02}-M.txt"))
    names = ",".join(f"A01N{number + 1:02}-M" for number in range(3))
    (folder / "v2" / "cross_subject_v2.txt").write_text(f"Training videos:\n{names}\n")


VIDEOS = ("openpose_out", "alphapose_out", "mediapipe_out", "kinetics_skeleton")


def write_videos(folder: Path) -> None:
    """Write a video of each of :data:`VIDEOS`, as such a program does."""
    each = (
        samples.openpose_samples(),
        samples.coco_samples(),
        samples.mediapipe_samples(),
        samples.kinetics_samples(),
    )
    for name, (content, *_) in zip(VIDEOS, each, strict=True):
        (folder / name).mkdir()
        for ending in ("_000000000000_keypoints", "_000000000001_keypoints") if "openpose" in name else ("",):
            (folder / name / f"jump{ending}.json").write_bytes(content)


def write_arrays(folder: Path) -> None:
    """Write three .npy files (T, V, 3) into the folder of each of two classes, one place unseen."""
    random = np.random.default_rng(0)
    for label in ("waving", "resting"):
        (folder / label).mkdir(parents=True)
        for number in range(3):
            positions = random.normal(size=(NUM_FRAMES, 25, 3))
            positions[3, 4] = np.nan
            np.save(folder / label / f"take-{number}.npy", positions)


def write_keypoints(folder: Path, by_person: bool = False) -> None:
    """Write six videos of each of two classes, as lists of people with COCO's 17 key points.

    With ``by_person`` those of each of two people lie in a folder within that of the class.
    """
    random = np.random.default_rng(0)
    for label in ("waving", "resting"):
        for number in range(6):
            place = folder / label / (f"p{number % 2}" if by_person else "")
            place.mkdir(parents=True, exist_ok=True)
            body = random.uniform(200, 600, (17, 2))
            path = body + np.cumsum(random.normal(0, 6 if label == "waving" else 1, (NUM_FRAMES, 17, 2)), 0)
            rows = (
                np.concatenate([path, np.full((NUM_FRAMES, 17, 1), 0.9)], 2).round(2).reshape(NUM_FRAMES, -1)
            )
            people = [
                {"image_id": f"{frame}.jpg", "keypoints": row.tolist()} for frame, row in enumerate(rows)
            ]
            (place / f"film-{number}.json").write_text(json.dumps(people))
