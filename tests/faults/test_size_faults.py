"""Small files that would take for ever or all memory, and large ones that take their share."""

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fuzzing import samples
from fuzzing.engine import deadline
from skelact.errors import ConfigurationError, DataError
from skelact.formats import bvh, kinetics_skeleton, ntu_file
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.manifest import read_manifest
from skelact.formats.ntu_cleaning import Candidate, assign_actors
from skelact.formats.plain_pickle import load_plain
from skelact.formats.pose_json import read_pose_json
from skelact.formats.settings import class_names_setting
from skelact.limits import VARIABLE
from skelact.skeleton.topology_file import topology_of


def load(data: bytes) -> object:
    """Read a pickle; one that has no end is an error of its own."""
    with deadline():
        return load_plain("some.pkl", io.BytesIO(data), len(data))


def pairs_of_pairs(depth: int) -> bytes:
    """Return the opcodes of an empty tuple, then a pair of it, a pair of those pairs, and so on."""
    return b")q\x00" + b"".join(b"0h%ch%c\x86q%c" % (n, n, n + 1) for n in range(depth))


MANY = 200_000
BOMBS = {
    "a key whose hash has no end": b"\x80\x02}" + pairs_of_pairs(60) + b"Ns.",
    "a member whose hash has no end": b"\x80\x04\x8f(" + pairs_of_pairs(60) + b"\x90.",
    "a key of a megabyte, used over and over": (
        b"\x80\x02\x8b\x40\x42\x0f\x00" + b"\x7f" * 1_000_000 + b"q\x000}" + b"h\x00Ns" * MANY + b"."
    ),
    "keys of one hash": b"}" + b"".join(b"L%dL\nNs" % ((n + 1 << 80) * (2**61 - 1)) for n in range(9999)),
    "a list copied over and over": (
        b"\x80\x02cbuiltins\nlist\nq\x01]("
        + b"N" * MANY
        + b"eq\x00"
        + b"h\x01h\x00\x85R" * (MANY // 6)
        + b"."
    ),
    "an object of a class": b"\x80\x02cbuiltins\nlist\n)\x81.",
    "lists in nothing": b"\x80\x04" + b"]" * MANY,
    "sets in nothing": b"\x80\x04" + b"\x8f" * MANY,
    "marks upon marks": b"\x80\x04" + b"(" * MANY,
    "one list, kept over and over": b"\x80\x04]" + b"\x94" * MANY + b".",
    "tuples in tuples": b"\x80\x04)" + b"\x85" * MANY + b".",
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_pickle_that_would_have_no_end(what: str) -> None:
    with pytest.raises(DataError, match=r"^some\.pkl: ") as caught:
        load(BOMBS[what])
    assert str(caught.value).isprintable()


def test_numbers_of_any_length_are_values() -> None:
    value = {"long": [1 << 4000, -(1 << 80), 1 << 63, True]}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert load(pickle.dumps(value, protocol)) == value


def rig(count: int, loop: bool = False) -> dict[str, object]:
    joints = [f"j{number}" for number in range(count)]
    parents = dict(zip(joints[1:], joints, strict=False))
    return {"name": "rig", "joints": joints, "parents": parents | ({"j5": "j9"} if loop else {})}


@pytest.mark.slow
def test_a_skeleton_of_very_many_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    told = r"^rig.yaml: joints: 20,000, and the most of joints of a skeleton is 1,000; --limit joints=20000 "
    with pytest.raises(ConfigurationError, match=told):
        topology_of(rig(20_000), "rig.yaml")
    monkeypatch.setenv(VARIABLE, "joints=50000")
    with deadline():
        assert topology_of(rig(50_000), "rig.yaml").num_joints == 50_000
        with pytest.raises(ConfigurationError, match=r"rig.yaml: topology 'rig': joint 'j\d' is in a loop"):
            topology_of(rig(50_000, loop=True), "rig.yaml")
        with pytest.raises(ConfigurationError, match=r"no joint 'jx' \(50,000 are known\)"):
            topology_of(rig(50_000) | {"centre": "jx"}, "rig.yaml")


def test_a_list_of_very_many_classes(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(f"class {number}" for number in range(100_000)))
    with deadline():
        names = class_names_setting({"class_names": path})
    assert names is not None
    assert len(names) == 100_000
    path.write_text("\n".join(f"class {number}" for number in range(100_001)))
    with pytest.raises(DataError, match=r"names.txt: 100,001, and the most of classes .* --limit classes="):
        class_names_setting({"class_names": path})
    path.write_text("walk\n" + "x" * 5000)
    with pytest.raises(DataError, match=r"names.txt: line 2: 5,000, and the most of characters .* name=5000"):
        class_names_setting({"class_names": path})
    with pytest.raises(DataError, match="/dev/zero: a device, expected a file; expected the classes' names"):
        class_names_setting({"class_names": "/dev/zero"})


@pytest.mark.slow
def test_a_manifest_of_very_many_lines() -> None:
    lines = [f"a/{number}.bvh,wave,{'train' if number % 2 else 'test'}" for number in range(100_000)]
    with deadline():
        manifest = read_manifest("m.csv", "\n".join(["file,label,split", *lines]).encode())
        assert len(manifest.match([f"a/{number}.bvh" for number in range(100_000)])) == 100_000
    with pytest.raises(DataError, match=r"m.csv: line 1: 5,000 columns; expected up to 100"):
        read_manifest("m.csv", ",".join(["file", *(f"a{number}" for number in range(4999))]).encode())


def test_very_many_bodies_one_after_the_other() -> None:
    """Every body has an id of its own for twelve frames; all of them are one actor."""
    frame = samples.ntu_file(1, 1, "\n").split(b"\n", 1)[1]
    frames = [frame.replace(b"72057594037931001", b"%d" % (1 + number // 12)) for number in range(24_000)]
    with deadline():
        recording = ntu_file.parse_recording("file", b"24000\n" + b"".join(frames))
        assert len(recording.tracks) == 2000
        track = recording.tracks[0]
        many = [Candidate(replace(track, frames=track.frames + 12 * number), 1.0) for number in range(20_000)]
        assert list(map(len, assign_actors(many))) == [20_000]


def test_a_crowd_that_cannot_be_told_apart() -> None:
    person = {"pose": [0.5] * 36, "score": [0.9] * 18}
    data = [{"frame_index": number, "skeleton": [person] * 3000} for number in (1, 2)]
    content = json.dumps({"data": data, "label": "x", "label_index": 0}).encode()
    with (
        deadline(),
        pytest.raises(UnusableRecordingError, match=r"has 3,000, and the most of people .*=3000"),
    ):
        kinetics_skeleton.read_video("file", "a", content, min_confidence=0.1, image_size=(340, 256))


@pytest.mark.parametrize("time", ["0", "-1", "1e-320", "1e-7", "1e300", "inf", "nan", "1" * 5000])
def test_the_time_of_a_frame_is_one(time: str) -> None:
    data = samples.BVH.replace(b"0.0333333", time.encode())
    with pytest.raises(UnusableRecordingError, match=r"line \d+: .* the seconds from one frame to the next"):
        bvh.read_sequence("file", "walk", data)


@pytest.mark.parametrize("fps", ["0", "-1", "1e-400", "1e7", "1e999", "1" * 4000, "1" * 5000, "true", '"30"'])
def test_the_frame_rate_is_one(fps: str) -> None:
    data = samples.pose_samples()[0].replace(b'"fps": 30', f'"fps": {fps}'.encode())
    with pytest.raises(UnusableRecordingError) as caught:
        read_pose_json("file", "wave", data)
    assert len(str(caught.value)) < 200


def test_null_frames_take_no_memory_before_they_are_counted() -> None:
    joints = [f"j{number}" for number in range(900)]
    topology = {"joints": joints, "parents": dict.fromkeys(joints[1:], "j0")}
    data = json.dumps({"topology": topology, "bodies": [{"positions": [None] * 200_000}]}).encode()
    told = r"bodies\[0\]: has 180,000,000, and the most of places .* --limit places=180000000"
    with pytest.raises(UnusableRecordingError, match=told):
        read_pose_json("file", "wave", data)


BOUNDED = """
import resource, sys
from pathlib import Path
from skelact.store.prepare import prepare

name, small, large, times = sys.argv[1:]
prepare(name, small, Path(small).parent / "store", num_workers=1)  # all that it needs is loaded
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
most = taken + (64 << 20) + int(times) * Path(large).stat().st_size
resource.setrlimit(resource.RLIMIT_AS, (most, most))
outcome = prepare(name, large, Path(large).parent / "store", num_workers=1)
print(len(outcome.store), *outcome.exclusions)
"""


def bvh_of(frames: int) -> bytes:
    head, _, rest = samples.BVH.partition(b"Frames: 3")
    lines = rest.split(b"\n")
    return head + b"Frames: %d\n" % frames + lines[1] + b"\n" + (lines[2] + b"\n") * frames


def pose_of(frames: int) -> bytes:
    positions = np.random.default_rng(0).normal(size=(frames, 17, 2)).tolist()
    return json.dumps({"topology": "coco-17", "unit": "pixel", "bodies": [{"positions": positions}]}).encode()


def pickle_of(frames: int) -> bytes:
    tree = samples.pyskl_tree()
    annotations = tree["annotations"]
    assert isinstance(annotations, list)
    score = np.ones((1, frames, 25), np.float16)
    keypoint = samples.coordinates(0, 1, frames, 25)
    annotations[0] |= {"keypoint": keypoint, "keypoint_score": score, "total_frames": frames}
    return pickle.dumps(tree, 4)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("data_set", "name", "write", "frames", "times"),
    [
        ("ntu60", "S001C001P001R001A001.skeleton", lambda frames: samples.ntu_file(frames, 1), 15_000, 8),
        ("bvh", "a.bvh", bvh_of, 350_000, 40),
        ("pose-json", "a.json", pose_of, 25_000, 20),
        ("pyskl", "a.pkl", pickle_of, 60_000, 8),
    ],
)
def test_memory_grows_with_the_file_alone(
    data_set: str, name: str, write: Callable[[int], bytes], frames: int, times: int, tmp_path: Path
) -> None:
    small, large = tmp_path / "small" / name, tmp_path / "large" / name
    for path, count in ((small, 20), (large, frames)):
        path.parent.mkdir()
        path.write_bytes(write(count))
    assert large.stat().st_size > 15_000_000
    command = [sys.executable, "-c", BOUNDED, data_set, str(small), str(large), str(times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.split() in (["1"], ["3"])
