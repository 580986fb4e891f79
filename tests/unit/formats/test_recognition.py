"""Every format is told by its content, whatever the file is called, and no other takes it for its own."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from fuzzing import samples
from skelact.errors import DataError
from skelact.formats.archives import RawFile, raw_files
from skelact.formats.known import data_sets, find_out, formats_of, hint
from skelact.formats.sample import Sample, number_fields
from skelact.store.prepare import prepare

NTU, NTU_120 = "S001C001P001R001A001.skeleton", "S020C001P041R001A101.skeleton"
BANDAI = "dataset-2_walk_active_001.bvh"
EXAMPLES = {
    NTU: (samples.ntu_file(2, 1), {"ntu60", "ntu120"}),
    NTU_120: (samples.ntu_file(2, 2), {"ntu120"}),
    "a01_s02_e03_skeleton3D.txt": (samples.msr_samples()[0], {"msr-action3d"}),
    "0001-L.txt": (samples.pku_samples()[1], {"pku1"}),
    "A01N01-L.txt": (samples.pku_samples()[1], {"pku2"}),
    BANDAI: (samples.BVH, {"bandai-namco-2", "bvh"}),
    "mine.bvh": (samples.BVH, {"bvh"}),
    "mine.npz": (samples.npz_samples()[1], {"npz"}),
    "mine.pkl": (samples.pickle_samples()[2], {"pyskl"}),
    "mine.json": (samples.pose_samples()[1], {"pose-json"}),
    "clip_000000000012_keypoints.json": (samples.openpose_samples()[0], {"openpose"}),
    "coco.json": (samples.coco_samples()[0], {"coco-keypoints"}),
    "mmpose.json": (samples.coco_samples()[1], {"coco-keypoints"}),
    "annotations.json": (samples.coco_samples()[2], {"coco-keypoints"}),
    "landmarks.json": (samples.mediapipe_samples()[0], {"mediapipe"}),
    "landmarks.csv": (samples.mediapipe_csv_samples()[0], {"mediapipe"}),
    "a01_s02_e00_v03.json": (samples.nw_ucla_samples()[0], {"nw-ucla"}),
    "s01s02/03/001/skeleton_pos.txt": (samples.sbu_samples()[0], {"sbu"}),
    "joints_s01_e01.txt": (samples.kinect_samples()[0], {"kinect-text"}),
    "video.json": (samples.kinetics_samples()[0], {"kinetics-skeleton"}),
}


def write(folder: Path, name: str, data: bytes) -> RawFile:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return RawFile(name, path)


def chosen(folder: Path) -> tuple[str, str]:
    with raw_files(folder) as files:
        found, line = find_out(folder, files)
    return found.name, line


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_is_told_by_its_content(name: str, tmp_path: Path) -> None:
    data, expected = EXAMPLES[name]
    assert {known.name for known in formats_of(write(tmp_path, name, data))} == expected


def test_every_data_set_has_an_example_here() -> None:
    told = {known.name for known in data_sets().values() if known.recognises}
    assert told >= set.union(*(expected for _, expected in EXAMPLES.values()))
    assert {"ntu60", "ntu120", "pku1", "pku2", "msr-action3d", "bvh", "npz", "pyskl", "pose-json"} <= told


def test_of_two_data_sets_in_one_format_the_names_decide(tmp_path: Path) -> None:
    for number in range(1, 60):
        write(tmp_path / "60", NTU.replace("A001", f"A{number:03}"), samples.ntu_file(1, 1))
        write(tmp_path / "120", NTU.replace("A001", f"A{number:03}"), samples.ntu_file(1, 1))
    name, line = chosen(tmp_path / "60")
    assert name == "ntu60"
    assert "which ntu120 would read, too" in line
    write(tmp_path / "120", NTU_120, samples.ntu_file(1, 1))
    assert chosen(tmp_path / "120")[0] == "ntu120"
    write(tmp_path / "own", BANDAI, samples.BVH)
    assert chosen(tmp_path / "own")[0] == "bandai-namco-2"
    write(tmp_path / "own", "mine.bvh", samples.BVH)
    assert chosen(tmp_path / "own")[0] == "bvh"


def test_names_of_no_data_set_leave_it_open(tmp_path: Path) -> None:
    write(tmp_path, "walk.txt", samples.pku_samples()[0])
    with pytest.raises(DataError, match="this is pku1 or pku2 data; say which: skelact data"):
        chosen(tmp_path)


def test_several_formats_in_one_folder_are_named(tmp_path: Path) -> None:
    write(tmp_path, "a.bvh", samples.BVH)
    write(tmp_path, "b.json", samples.pose_samples()[0])
    with pytest.raises(DataError, match=r"several formats \(bvh as a.bvh; pose-json as b.json\)"):
        chosen(tmp_path)


def test_a_preparation_finds_out_and_says_so(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "raw", f"{number}.json", samples.pose_samples()[0])
    write(tmp_path / "raw", "notes.txt", b"what it is")
    outcome = prepare("auto", tmp_path / "raw", tmp_path / "store", num_workers=1)
    assert outcome.store.meta["data_set"] == "pose-json"
    assert outcome.remarks[0] == "found pose-json data, as 0.json"
    named = prepare("pose-json", tmp_path / "raw", tmp_path / "named", num_workers=1)
    assert named.store.content_hash == outcome.store.content_hash


@pytest.mark.parametrize(
    ("data_set", "name", "data", "expected"),
    [
        ("ntu60", "a.bvh", samples.BVH, "this is bvh data: skelact data prepare bvh RAW STORE"),
        ("bvh", "a.bvh", samples.pose_samples()[0], "this is pose-json data: skelact data prepare pose-json"),
        ("npz", "a.pkl", samples.pickle_samples()[0], "this is pyskl data: skelact data prepare pyskl"),
        (
            "pyskl",
            "a.pkl",
            samples.ntu_file(1, 1),
            "this is ntu60 or ntu120 data: skelact data",
        ),
    ],
)
def test_the_wrong_command_names_the_right_one(
    data_set: str, name: str, data: bytes, expected: str, tmp_path: Path
) -> None:
    write(tmp_path / "raw", name, data)
    with pytest.raises(DataError, match=expected):
        prepare(data_set, tmp_path / "raw", tmp_path / "store", num_workers=1)


def test_a_file_of_another_format_among_good_ones_is_named(tmp_path: Path) -> None:
    write(tmp_path / "raw", "a.json", samples.pose_samples()[0])
    write(tmp_path / "raw", "b.json", samples.BVH)
    write(tmp_path / "raw", "c.json", b"[1, 2]")
    outcome = prepare("pose-json", tmp_path / "raw", tmp_path / "store", num_workers=1)
    reasons = {entry.file: entry.reason for entry in outcome.exclusions}
    assert reasons == {"b.json": "a file of another format", "c.json": "malformed file"}
    assert "this is bvh data" in str(outcome.exclusions[0])


def amass() -> bytes:
    target = io.BytesIO()
    np.savez(target, poses=np.zeros((2, 156)), betas=np.zeros(16), trans=np.zeros((2, 3)))
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("walk.npz", amass(), "this is AMASS parameters .* package smplx first"),
        ("01.asf", b":version 1.10\n:name VICON\n:units\n", "Acclaim skeleton .* BVH or C3D first"),
        ("01_01.amc", b"#!OML:ASF\n:FULLY-SPECIFIED\n:DEGREES\n1\n", "Acclaim motion .* BVH or C3D first"),
        ("m.csv", b"scorer,net,net\nbodyparts,snout,snout\ncoords,x,y\n0,1,2\n", "skelact.from_xarray"),
        ("m.csv", "frame,joint,x,y\n0,nose,1,2\n".encode("utf-16"), "text in UTF-16: save it as UTF-8"),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "skelact.from_xarray"),
        ("m.MPG", b"\0\0\1\xba" + bytes(64), "this is a video: .*skelact video FILE --out FILE.json"),
    ],
)
def test_what_is_not_read_says_what_to_do_first(
    name: str, data: bytes, expected: str, tmp_path: Path
) -> None:
    write(tmp_path / "raw", name, data)
    with pytest.raises(DataError, match=expected):
        prepare("auto", tmp_path / "raw", tmp_path / "store")
    with pytest.raises(DataError, match=expected):
        prepare("npz", tmp_path / "raw", tmp_path / "store")


def test_nothing_known(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", b"hello")
    with pytest.raises(DataError, match=r"no known format, e.g. a.txt; skelact data"):
        chosen(tmp_path)
    assert hint(RawFile("gone", tmp_path / "gone")) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.npy", r"\(sequences, coordinates, frames, joints, bodies\) are read; write .* as pose-JSON, \{"),
        ("a.npz", "x_train and y_train are read; write .* as pose-JSON"),
        ("a.csv", r"columns frame \(or time\), joint, x, y \(and z\), or frame, NAME_x, NAME_y"),
        ("a.json", 'pose-JSON: {"topology": "coco-17"'),
    ],
)
def test_nothing_known_of_a_known_ending_says_what_is_expected(
    name: str, expected: str, tmp_path: Path
) -> None:
    write(tmp_path, "A_README", b"about")
    write(tmp_path, name, b"timestamp,x0,y0\n0,1,2\n")
    with pytest.raises(DataError, match=f"no known format, e.g. {name}; .*{expected}"):
        chosen(tmp_path)


def test_keys_of_json_by_depth_even_where_it_is_cut_off(tmp_path: Path) -> None:
    tree = {"a": [{"b": 1, 'c"d': {"e": "f: g"}}], "h": None}
    sample = Sample.of(write(tmp_path, "x", json.dumps(tree).encode()[:-8]))
    assert sample.json_keys == {1: {"a"}, 2: set(), 3: {"b", 'c\\"d'}, 4: {"e"}}
    assert sample.has_json_keys(3, "b")
    assert not sample.has_json_keys(2, "b")
    assert Sample.of(write(tmp_path, "y", b"no {json}")).json_keys == {}


def test_numbers_of_a_line() -> None:
    assert number_fields("1 2.5 -3e4") == 3
    assert number_fields("1;2;3", ";") == 3
    assert number_fields("1 two") == 0
    assert number_fields("") == 0
