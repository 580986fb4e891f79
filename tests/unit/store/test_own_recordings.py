"""Recordings of one's own as people name, label and split them: nothing is lost on the way to the store."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from fuzzing.samples import BVH
from skelact.api.checking import check
from skelact.errors import DataError
from skelact.formats.bvh_hierarchy import without_prefix
from skelact.formats.class_folders import OWN_CLASS
from skelact.formats.notes import Note, read_notes
from skelact.formats.own_recordings import NO_CONFIDENCES
from skelact.skeleton.tables import COCO_17
from skelact.store.prepare import NO_CLASS, PreparationResult, prepare
from skelact.store.protocols import protocols_of, split
from skelact.store.store import Store


def pose(seed: int, **other: object) -> bytes:
    frames = np.random.default_rng(seed).uniform(100, 400, (4, 17, 2)).round(2).tolist()
    return json.dumps(
        {"topology": "coco-17", "unit": "pixel", "bodies": [{"positions": frames}], **other}
    ).encode()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def labels(store: Store) -> dict[str, str | None]:
    classes = store.class_names
    found = (store.sequence(number) for number in range(len(store)))
    return {one.name: None if one.label is None else classes[one.label] for one in found}


def prepared(raw: Path, data_set: str = "pose-json") -> PreparationResult:
    return prepare(data_set, raw, raw.parent / "store", num_workers=1)


@pytest.mark.parametrize(("data_set", "suffix"), [("pose-json", "json"), ("bvh", "bvh")])
def test_the_same_file_names_in_other_folders_are_other_recordings(
    data_set: str, suffix: str, tmp_path: Path
) -> None:
    """A folder a class, and a manifest by path."""
    paths = [f"{label}/{number:04}" for label in ("kick", "wave") for number in range(3)]
    files = {f"{path}.{suffix}": pose(n) if suffix == "json" else BVH for n, path in enumerate(paths)}
    files[f"alone.{suffix}"] = files[f"{paths[0]}.{suffix}"]
    table = ["file,label", *(f"{path}.{suffix},{path.partition('/')[0]}" for path in paths), "alone,wave"]
    outcome = prepared(write(tmp_path / "raw", files | {"manifest.csv": "\n".join(table).encode()}), data_set)
    assert outcome.exclusions == []
    assert labels(outcome.store) == {path: path.partition("/")[0] for path in paths} | {"alone": "wave"}


@pytest.mark.parametrize("data_set", ["pose-json", "csv"])
def test_a_manifest_is_neither_a_recording_nor_left_out(data_set: str, tmp_path: Path) -> None:
    joints = [f"{joint}_{axis}" for joint in COCO_17.joints for axis in "xyz"]
    rows = [",".join(map(str, [frame, *range(len(joints))])) for frame in range(4)]
    table = "\n".join([",".join(["frame", *joints]), *rows]).encode()
    files = {f"r{n}.json": pose(n) for n in range(3)}
    if data_set == "csv":
        files = {f"r{n}.csv": table for n in range(3)}
    outcome = prepared(
        write(tmp_path / "raw", files | {"manifest.csv": b"file,label\nr0,wave\nr1,wave\nr2,kick\n"}),
        data_set,
    )
    assert len(outcome.store) == outcome.num_files == 3
    assert outcome.exclusions == []


def test_recordings_without_a_class_are_counted_and_listed(tmp_path: Path) -> None:
    table = b"file,label\nr0,kick\nr1,\nr2,wave\nr3,\n"
    raw = write(tmp_path / "raw", {f"r{n}.json": pose(n) for n in range(4)} | {"manifest.csv": table})
    outcome = prepared(raw)
    assert f"{NO_CLASS}: 2, in 2 files" in outcome.remarks
    assert read_notes(outcome.store.path) == [Note(f"r{n}.json", NO_CLASS, 1) for n in (1, 3)]
    for part in (1, 2):
        prepare("pose-json", raw, tmp_path / "parts", num_workers=1, shard=(part, 2))
    joined = prepare("pose-json", raw, tmp_path / "parts", num_workers=1)
    assert f"{NO_CLASS}: 2, in 2 files" in joined.remarks
    assert joined.store.content_hash == outcome.store.content_hash
    (raw / "manifest.csv").write_text("file,label\nr0,kick\nr1,kick\nr2,wave\nr3,wave\n")
    (tmp_path / "all").mkdir()
    assert not [line for line in prepared(raw.rename(tmp_path / "all" / "raw")).remarks if NO_CLASS in line]


@pytest.mark.parametrize("told", [True, False])
def test_a_threshold_for_confidences_that_are_not_there_is_told(told: bool, tmp_path: Path) -> None:
    confidence = {"confidence": [[0.9] * 17]} if told else {}
    body = {"positions": [[[0.1 * joint, 0.2] for joint in range(17)]], **confidence}
    table = json.dumps({"topology": "coco-17", "label": "a", "bodies": [body]}).encode()
    raw = write(tmp_path / "raw", {"a.json": table})
    for threshold in (0.0, 0.5):
        settings = {"min_confidence": threshold}
        outcome = prepare("pose-json", raw, tmp_path / str(threshold), num_workers=1, settings=settings)
        assert (f"{NO_CONFIDENCES}: in 1 file" in outcome.remarks) == (not told and threshold > 0)


def test_names_of_files_may_end_in_capital_letters(tmp_path: Path) -> None:
    table = b"file,label\nr0,kick\nR1.JSON,wave\n"
    raw = write(tmp_path / "raw", {"r0.Json": pose(0), "R1.JSON": pose(1), "Manifest.CSV": table})
    outcome = prepared(raw, "auto")
    assert not outcome.exclusions
    assert dict(zip(outcome.store.names, outcome.store.labels, strict=True)) == {"R1": 1, "r0": 0}


def test_names_that_are_identities_stay_so(tmp_path: Path) -> None:
    frame = b"\n".join([b"0.1 0.2 3.0 1"] * 20)
    name = "a01_s02_e03_skeleton3D.txt"
    outcome = prepared(write(tmp_path / "raw", {f"a/{name}": frame, f"b/{name}": frame}), "msr-action3d")
    assert outcome.store.names == [name.removesuffix(".txt")]
    assert [entry.reason for entry in outcome.exclusions] == ["a recording of this name came before"]


def test_a_body_without_joints_is_no_body(tmp_path: Path) -> None:
    tree = json.loads(pose(0))
    nobody = {"positions": [None] * 4}
    files = {
        "first.json": json.dumps(tree | {"bodies": [nobody, *tree["bodies"]]}).encode(),
        "second.json": json.dumps(tree | {"bodies": [*tree["bodies"], nobody]}).encode(),
        "none.json": json.dumps(tree | {"bodies": [nobody]}).encode(),
    }
    outcome = prepared(write(tmp_path / "raw", files))
    assert outcome.store.names == ["first", "second"]
    one = outcome.store.sequence(0)
    assert one.positions.shape == (1, 4, 17, 2)
    np.testing.assert_array_equal(one.positions, outcome.store.sequence(1).positions)
    assert [entry.reason for entry in outcome.exclusions] == ["no joint of any body was seen"]


def test_two_sides_are_chosen_by_name_and_the_third_is_kept(tmp_path: Path) -> None:
    sides = ["train", "train", "val", "test", "test", "test", "extra"]
    files = {f"r{number}.json": pose(number) for number in range(len(sides))}
    table = "file,label,split\n" + "".join(f"r{n},wave,{side}\n" for n, side in enumerate(sides))
    outcome = prepared(write(tmp_path / "raw", files | {"manifest.csv": table.encode()}))
    store = outcome.store
    assert len(store) == len(sides)
    assert [protocol.name for protocol in protocols_of(store)] == ["given", "given_extra", "given_val"]
    for name, tested in (("given", [3, 4, 5]), ("given_val", [2]), ("given_extra", [6])):
        assert split(store, name).train.tolist() == [0, 1]
        assert split(store, name).test.tolist() == tested
    expected = "protocol given tests on test; extra, val kept, unused but by given_extra, given_val"
    assert outcome.remarks == [expected]


@pytest.mark.parametrize("names", [("A", "b", "C"), ("left", "right")])
def test_of_sides_with_other_names_any_two_are_chosen(names: tuple[str, ...], tmp_path: Path) -> None:
    sides = [*names, *names[:1], ""]
    files = {f"r{number}.json": pose(number) for number in range(len(sides))}
    table = "file,label,split\n" + "".join(f"r{n},wave,{side}\n" for n, side in enumerate(sides))
    outcome = prepared(write(tmp_path / "raw", files | {"manifest.csv": table.encode()}))
    store, called = outcome.store, sorted(name.lower() for name in names)
    assert len(store) == len(sides)
    pairs = [(a, b) for a in called for b in called if a != b]
    assert [protocol.name for protocol in protocols_of(store)] == [f"given_{a}_{b}" for a, b in pairs]
    for train, test in pairs:
        found = split(store, f"given_{train}_{test}")
        for side, indices in ((train, found.train), (test, found.test)):
            assert indices.tolist() == [n for n, each in enumerate(sides) if each.lower() == side]
    first, second = called[:2]
    example = f"protocol given_{first}_{second} learns from {first} and tests on {second}"
    assert outcome.remarks == [f"split given says {', '.join(called)}; {example}, and so does any other two"]


def test_train_and_val_alone_are_the_two_sides(tmp_path: Path) -> None:
    files = {f"r{number}.json": pose(number) for number in range(2)}
    table = b"file;label;split\nr0.json;wave;training\nr1.json;kick;val\n"
    outcome = prepared(write(tmp_path / "raw", files | {"manifest.csv": table}))
    assert [protocol.name for protocol in protocols_of(outcome.store)] == ["given"]
    assert split(outcome.store, "given").test.tolist() == [1]
    assert outcome.remarks == []


def test_a_manifest_of_other_names_shows_one_of_each(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", {"a/r0.json": pose(0), "manifest.csv": b"file,label\ntake_000,wave\n"})
    with pytest.raises(DataError) as caught:
        prepared(raw)
    assert str(caught.value) == (
        "manifest.csv: lists 'take_000', and the recordings are called 'a/r0.json'; write their paths in the "
        "column file"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"LeftLeg", b"Left Leg", "joint 1 is 'Left Leg', the first recording's is 'LeftLeg'"),
        (
            b"LeftLeg",
            "\u5de6\u8155".encode("shift-jis"),
            "joint 1 is '\u5de6\u8155', the first recording's is",
        ),
        (
            b"}\n\tJOINT RightLeg",
            b"JOINT Foot\n{\nOFFSET 0 1 0\nCHANNELS 0\n}\n}\n\tJOINT RightLeg",
            "4 joints (bvh), the first recording has 3 (bvh)",
        ),
    ],
)
def test_what_differs_comes_first_and_no_word_of_a_release(
    old: bytes, new: bytes, expected: str, tmp_path: Path
) -> None:
    raw = write(tmp_path / "raw", {"a.bvh": BVH, "b.bvh": BVH.replace(old, new)})
    (entry,) = prepared(raw, "bvh").exclusions
    assert expected in entry.detail
    assert "release" not in entry.detail


@pytest.mark.parametrize("prefix", ["mixamorig:", "mixamorig7:", "Bip01_", "Character1_", "Bip01 ", "rig|a."])
def test_what_all_joints_are_called_first_is_no_part_of_their_names(prefix: str, tmp_path: Path) -> None:
    called = re.sub(rb"(ROOT|JOINT) ", rb"\1 " + prefix.encode(), BVH)
    outcome = prepared(write(tmp_path / "raw", {"a.bvh": BVH, "b.bvh": called, "c.bvh": called}), "bvh")
    assert outcome.exclusions == []
    assert outcome.store.topology.joints == ("Hips", "LeftLeg", "RightLeg")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["Bip01", "Bip01 Pelvis", "Bip01 Spine"], ["Bip01", "Pelvis", "Spine"]),
        (["Hips", "Hips_L", "Hips_R"], None),
        (["Root", "Hip.L", "Hip.R"], None),
        (["Tail", "Tail_1", "Tail_2"], None),
        (["left_a", "left_b", "left_c"], None),
        (["a:b:Hips", "a:b:Spine", "a:b:Head"], ["Hips", "Spine", "Head"]),
        (["Hips"], None),
    ],
)
def test_sides_and_joints_are_no_prefix(names: list[str], short: list[str] | None) -> None:
    assert list(without_prefix(names)) == (short or names)


@pytest.mark.parametrize(
    ("name", "encoding", "called"),
    [("左腕", "shift-jis", "Shift-JIS"), ("テスト", "cp932", "Shift-JIS"), ("Tête", "latin-1", "Latin-1")],
)
def test_names_in_older_encodings_are_read(name: str, encoding: str, called: str, tmp_path: Path) -> None:
    text = BVH.decode().replace("LeftLeg", name)
    raw = write(tmp_path / "raw", {"a.bvh": text.encode(encoding), "b.bvh": text.encode("utf-8-sig")})
    outcome = prepared(raw, "bvh")
    assert len(outcome.store) == 2
    assert outcome.store.topology.joints == ("Hips", name, "RightLeg")
    assert f"joints' names that are not UTF-8, read as {called}: in 1 file" in outcome.remarks


@pytest.mark.parametrize(
    "table",
    [
        "File,Label,Subject ID\nr0.avi,wave,1\nr1.avi,kick,2\nr2.avi,-1,3\n",
        "file;label;subject id\nr0.mp4;wave;1\nr1;kick;2\nx/y/r2.json;;3\n",
        "FILE\tLABEL\tSubject_id\nr0\twave\t1\nr1\tkick\t2\nr2.MOV\t-1\t3\n",
    ],
)
def test_manifests_as_people_write_them(table: str, tmp_path: Path) -> None:
    raw = write(
        tmp_path / "raw", {f"r{n}.json": pose(n) for n in range(3)} | {"manifest.csv": table.encode()}
    )
    outcome = prepared(raw)
    assert outcome.exclusions == []
    assert labels(outcome.store) == {"r0": "wave", "r1": "kick", "r2": None}
    assert outcome.store.attribute("subject_id").tolist() == [1, 2, 3]


def test_no_class_and_no_body_in_the_ways_they_are_written(tmp_path: Path) -> None:
    body = json.loads(pose(0))["bodies"][0]
    told = {"a": "", "b": -1, "c": " wave "}
    files = {name: pose(number, label=label) for number, (name, label) in enumerate(told.items())}
    files["d"] = pose(3, bodies=[{"positions": []}, body])
    outcome = prepared(write(tmp_path / "raw", {f"{name}.json": data for name, data in files.items()}))
    assert outcome.exclusions == []
    assert labels(outcome.store) == {"a": None, "b": None, "c": "wave", "d": None}


PLACES = ("kick/0", "kick/1", "wave/0", "wave/1")


@pytest.mark.parametrize(
    ("files", "expected", "remark"),
    [
        (dict.fromkeys(PLACES), ["kick", "kick", "wave", "wave"], "classes are the folders kick, wave; a "),
        (dict.fromkeys(("all/kick/0", "all/wave/0")), [None] * 2, None),
        (dict.fromkeys(("video1/0", "video2/0")), [None] * 2, None),
        (
            dict.fromkeys((*PLACES, "more")),
            [None] * 5,
            "taken for classes: .*more.json: lies in no sub-folder",
        ),
        (
            dict.fromkeys(("train/0", "train/1", "test/0", "test/1")),
            [None] * 4,
            "test, train: called as sides",
        ),
        (dict.fromkeys(("xsub_train/0", "xsub_train/1", "b/0", "b/1")), [None] * 4, "xsub_train: called as"),
        (dict.fromkeys(("v1/0", "v1/1", "v2/0", "v3/0")), [None] * 4, None),
        (dict.fromkeys((*PLACES, "Wave/2")), [None] * 5, "'wave' and 'Wave': two classes of one name"),
        (dict(zip(PLACES, "abab", strict=True)), ["a", "b", "a", "b"], None),
        (dict.fromkeys(PLACES, "x"), ["x"] * 4, None),
        (dict.fromkeys((*PLACES, *(f"wave/{n}" for n in range(2, 20)))) | {"wave/2": "x"}, None, OWN_CLASS),
    ],
)
def test_folders_are_classes_where_nothing_else_tells(
    files: dict[str, str | None], expected: list[str | None] | None, remark: str | None, tmp_path: Path
) -> None:
    expected = expected or [label or path.partition("/")[0] for path, label in files.items()]
    raw = {
        f"{path}.json": pose(number, **({} if label is None else {"label": label}))
        for number, (path, label) in enumerate(files.items())
    }
    outcome = by_folders(write(tmp_path / "raw", raw))
    found = labels(outcome.store)
    assert [found[path if path in found else path.rpartition("/")[2]] for path in files] == expected
    told = [line for line in outcome.remarks if "folder" in line]
    assert bool(told) == (remark is not None)
    assert remark is None or any(re.search(remark, line) for line in told)


def by_folders(raw: Path, **settings: object) -> PreparationResult:
    return prepare(
        "pose-json", raw, raw.parent / "store", num_workers=1, class_folders="found", settings=settings
    )


def test_a_check_tells_the_class_that_a_preparation_gives(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", {f"{path}.json": pose(n) for n, path in enumerate(PLACES)})
    told = str(check(raw))
    assert re.search(r"^class +kick$", told, re.MULTILINE)
    assert "note      classes are the folders kick, wave" in told


def test_a_manifest_names_classes_before_folders_and_people_beside_them(tmp_path: Path) -> None:
    paths = [f"{label}/{person}/{n}" for label in ("kick", "wave") for person in ("p0", "p1") for n in "01"]
    raw = write(tmp_path / "raw", {f"{path}.json": pose(n) for n, path in enumerate(paths)})
    outcome = by_folders(raw)
    assert labels(outcome.store) == {path: path.partition("/")[0] for path in paths}
    assert any(
        line.startswith("every class holds the folders p0, p1: if these are the classes, or tell who")
        for line in outcome.remarks
    )
    for column, expected in (("subject", "kick"), ("label", "p0")):
        shutil.rmtree(tmp_path / "store")
        rows = [f"file,{column}", *(f"{path},{path.split('/')[1]}" for path in paths)]
        (raw / "manifest.csv").write_text("\n".join(rows))
        outcome = by_folders(raw)
        assert labels(outcome.store)["kick/p0/0"] == expected
        assert not any("every class holds" in line for line in outcome.remarks)
    assert "subject" not in outcome.store.attribute_names


def test_a_folder_that_is_none_of_the_class_names_is_told(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("wave\nrest\n")
    raw = write(tmp_path / "raw", {f"{path}.json": pose(n) for n, path in enumerate(PLACES)})
    outcome = by_folders(raw, class_names=str(tmp_path / "names.txt"))
    assert outcome.store.class_names == ["wave", "rest"]
    assert [str(each) for each in outcome.exclusions] == [
        f"kick/{n}.json: folder: 'kick' is not one of --class-names (known: rest, wave)" for n in "01"
    ]
