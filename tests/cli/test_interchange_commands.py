"""`data prepare npz|pyskl|pose-json` and `data export` as a user meets them; the documented example."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from skelact.cli.main import main
from skelact.formats.archives import raw_files
from skelact.formats.exclusions import read_exclusions
from skelact.formats.known import find_data_set
from skelact.store.protocols import split
from skelact.store.recordings import fingerprint
from skelact.store.store import Store

Capture = pytest.CaptureFixture[str]
DOCS = Path(__file__).resolve().parents[2] / "docs" / "own-data.md"


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """The example of the documentation, with its other three recordings."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "manifest.csv").write_text(example("manifest.csv"))
    table = json.loads(example("wave-01.json"))
    (folder / "wave-01.json").write_text(example("wave-01.json"))
    for name in ("wave-02", "rest-01", "rest-02"):
        (folder / f"{name}.json").write_text(json.dumps(table | {"label": None, "subject": None}))
    return folder


def test_the_documented_example(recordings: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "store"
    assert main(["data", "prepare", "pose-json", str(recordings), str(path), "--no-centre"]) == 0
    store = Store.open(path)
    assert store.class_names == ["rest", "wave"]
    assert store.names == ["rest-01", "rest-02", "wave-01", "wave-02"]
    assert store.labels.tolist() == [0, 0, 1, 1]
    assert store.attribute("subject").tolist() == [3, 4, 3, 4]
    assert [store.attribute_values("room")[number] for number in store.attribute("room")] == [  # type: ignore[index]
        *("south", "north", "north", "south")
    ]
    assert (split(store, "given").train.tolist(), split(store, "given").test.tolist()) == ([0, 2], [1, 3])
    assert split(store, "xroom").train.tolist() == [1, 2]
    sequence = store.sequence(2)
    assert sequence.positions[0, 0, 1].tolist() == pytest.approx([0, 1.6, 3.0])
    assert sequence.joint_present is not None
    assert sequence.joint_present[0, 1].tolist() == [True, True, True, False]
    assert (store.fps, store.topology.name, store.topology.centre) == (25.0, "stick", 0)
    assert read_exclusions(path) == []
    assert main(["data", "verify", str(path)]) == 0
    assert main(["data", "info", str(path)]) == 0
    assert "xroom" in capsys.readouterr().out


BVH = """HIERARCHY
ROOT hips
{
 OFFSET 0 0 0
 CHANNELS 3 Xposition Yposition Zposition
 JOINT head
 {
  OFFSET 0 60 0
  CHANNELS 1 Xrotation
  End Site
  {
   OFFSET 0 10 0
  }
 }
}
MOTION
Frames: 2
Frame Time: 0.04
0 90 0 0
1 90 0 5
"""


def test_bvh_files_with_a_manifest_can_be_trained_on(tmp_path: Path, capsys: Capture) -> None:
    folder, path = tmp_path / "recordings", tmp_path / "store"
    folder.mkdir()
    (folder / "manifest.csv").write_text(example("manifest.csv"))
    for name in ("wave-01", "wave-02", "rest-01", "rest-02", "extra"):
        (folder / f"{name}.bvh").write_text(BVH)
    assert main(["data", "prepare", "bvh", str(folder), str(path)]) == 0
    store = Store.open(path)
    assert store.class_names == ["rest", "wave"]
    assert store.labels.tolist() == [0, 0, 1, 1]
    assert (split(store, "given").train.tolist(), split(store, "given").test.tolist()) == ([0, 2], [1, 3])
    assert [(each.file, each.reason) for each in read_exclusions(path)] == [
        ("extra.bvh", "not in the manifest")
    ]
    (tmp_path / "names.txt").write_text("wave\njump\n")
    others = [*("data", "prepare", "bvh", str(folder), str(tmp_path / "other"))]
    assert main([*others, "--class-names", str(tmp_path / "names.txt")]) == 0
    assert Store.open(tmp_path / "other").names == ["wave-01", "wave-02"]
    left_out = [each.detail for each in read_exclusions(tmp_path / "other")]
    assert sum("'rest' is not one of --class-names" in detail for detail in left_out) == 2
    (folder / "manifest.csv").unlink()
    assert main(["data", "prepare", "bvh", str(folder), str(tmp_path / "no-labels")]) == 0
    assert Store.open(tmp_path / "no-labels").class_names == []
    capsys.readouterr()


def test_what_is_not_used_is_listed(recordings: Path, tmp_path: Path) -> None:
    (recordings / "other.json").write_text("{}")
    (recordings / "rest-01.json").unlink()
    (recordings / "rest-02.json").write_text("{")
    path = tmp_path / "store"
    assert main(["data", "prepare", "pose-json", str(recordings), str(path), "--min-confidence", "0.5"]) == 0
    assert [(entry.file, entry.reason) for entry in read_exclusions(path)] == [
        ("other.json", "not in the manifest"),
        ("rest-01", "in the manifest, but not there"),
        ("rest-02.json", "malformed file"),
    ]
    assert Store.open(path).sequence(0).joint_present[0, 1].sum() == 2  # type: ignore[index]


def test_names_and_numbers_of_classes(recordings: Path, tmp_path: Path, capsys: Capture) -> None:
    (recordings / "manifest.csv").unlink()
    names = tmp_path / "names.txt"
    names.write_text("wave\nrest\n")
    table = json.loads(example("wave-01.json"))
    (recordings / "rest-01.json").write_text(json.dumps(table | {"label": 1}))
    (recordings / "rest-02.json").write_text(json.dumps(table | {"label": "rets"}))
    prepare = ["data", "prepare", "pose-json", str(recordings), str(tmp_path / "store")]
    assert main([*prepare, "--class-names", str(names)]) == 0
    store = Store.open(tmp_path / "store")
    assert (store.class_names, store.labels.tolist()) == (["wave", "rest"], [1, 0, -1])
    assert "'rets' is not one of --class-names (did you mean 'rest'?)" in str(read_exclusions(store.path)[0])
    assert str(tmp_path) not in (store.path / "meta.json").read_text()
    names.write_text("wave\n\nrest\n")
    capsys.readouterr()
    assert main([*prepare, "--overwrite", "--class-names", str(names)]) == 2
    assert "names.txt: line 2: is empty" in capsys.readouterr().err
    assert main([*prepare, "--overwrite", "--strict"]) == 2
    assert "1 is a class's number, but the classes have no names" in capsys.readouterr().err


def test_a_skeleton_of_ones_own_from_a_file(recordings: Path, tmp_path: Path) -> None:
    table = json.loads(example("wave-01.json"))
    (tmp_path / "stick.yaml").write_text(json.dumps(table.pop("topology")))  # JSON is YAML
    for file in recordings.glob("*.json"):
        file.write_text(json.dumps(table))
    prepare = ["data", "prepare", "pose-json", str(recordings), str(tmp_path / "store")]
    assert main([*prepare, "--topology", str(tmp_path / "stick.yaml")]) == 0
    assert Store.open(tmp_path / "store").topology.name == "stick"


def test_one_file_is_a_folder_with_that_file(recordings: Path, tmp_path: Path, capsys: Capture) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "wave-01.json").write_bytes((recordings / "wave-01.json").read_bytes())
    for raw, store in ((alone, "a"), (alone / "wave-01.json", "b")):
        assert main(["data", "prepare", "pose-json", str(raw), str(tmp_path / store)]) == 0
        assert "1 of 1 file," in capsys.readouterr().out
    first, second = Store.open(tmp_path / "a"), Store.open(tmp_path / "b")
    assert first.content_hash == second.content_hash
    assert second.names == ["wave-01"]


def test_a_preparation_of_one_file_notices_that_it_changed(recordings: Path, tmp_path: Path) -> None:
    path, data_set = recordings / "wave-01.json", find_data_set("pose-json")
    with raw_files(path) as files:
        before = fingerprint(data_set, {}, path, files)
        assert fingerprint(data_set, {}, path, files) == before
        path.write_text(path.read_text() + " ")
        assert fingerprint(data_set, {}, path, files)["the raw files"] != before["the raw files"]


def test_npz_and_pyskl_there_and_back(golden_dir: Path, tmp_path: Path, capsys: Capture) -> None:
    raw = golden_dir / "ntu_synthetic" / "ntu60_XSub.npz"
    store, npz, pickles = tmp_path / "store", tmp_path / "a.npz", tmp_path / "pickles"
    assert main(["data", "prepare", "npz", str(raw), str(store), "--fps", "30"]) == 0
    export = ["data", "export", str(store), "--protocol", "given", "--format"]
    assert main([*export, "padded-npz", str(npz), "--frames", "300"]) == 0
    assert main([*export, "pyskl", str(pickles / "a.pkl")]) == 0
    captured = capsys.readouterr()
    assert "14 training and 16 test sequences, 300 frames each" in captured.out
    assert "30 sequences with the splits of given" in captured.out
    assert captured.err == ""
    assert main(["data", "prepare", "npz", str(npz), str(tmp_path / "again"), "--fps", "30"]) == 0
    assert Store.open(tmp_path / "again").content_hash == Store.open(store).content_hash
    assert main(["data", "prepare", "pyskl", str(pickles), str(tmp_path / "third")]) == 0
    assert Store.open(tmp_path / "third").names == Store.open(store).names


def test_a_first_body_that_was_never_seen(recordings: Path, tmp_path: Path) -> None:
    """The second one becomes the first, and the origin is its."""
    table = json.loads(example("wave-01.json"))
    table["bodies"] = [{"positions": [None, None]}, *table["bodies"]]
    (recordings / "wave-01.json").write_text(json.dumps(table))
    x, y = np.zeros((1, 2, 150), np.float32), np.ones((1, 1))
    x[:, :, 75:] = np.random.default_rng(0).normal(size=75)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    for name, raw in (("pose-json", recordings), ("npz", tmp_path / "a.npz")):
        path = tmp_path / name
        assert main(["data", "prepare", name, str(raw), str(path)]) == 0
        assert read_exclusions(path) == []
        store = Store.open(path)
        sequence = store.sequence(len(store) - 1 if name == "npz" else 2)
        assert sequence.num_bodies == 1
        assert not sequence.positions[0, 0, store.topology.centre].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "npz", "RAW", "STORE"], "no .npz file; give the path of the one .npz file"),
        (["prepare", "pyskl", "RAW", "STORE"], "no .pkl file; give the path of the one pickle"),
        (["prepare", "npz", "NPZ", "STORE", "--topology", "kinect-20"], "x_train: float32 of shape"),
        (["prepare", "npz", "NPZ", "STORE", "--fps", "0"], "--fps is 0.0; expected frames a second"),
        (["prepare", "npz", "NPZ", "STORE", "--topology", "ntu"], "no topology 'ntu'"),
        (["prepare", "ntu60", "RAW", "STORE", "--topology", "ntu-25"], "--topology means nothing to ntu60"),
        (["prepare", "pose-json", "RAW", "STORE", "--min-confidence", "2"], "expected a number from 0 to 1"),
        (["prepare", "pose-json", "RAW", "STORE", "--class-names", "nowhere"], "nowhere: cannot be read"),
        (["export", "RAW", "OUT", "--format", "npz", "--protocol", "x"], "--format 'npz': not known"),
        (["export", "RAW", "OUT", "--format", "pyskl"], "protocol"),
    ],
)
def test_mistakes_are_one_line(
    recordings: Path, tmp_path: Path, capsys: Capture, arguments: list[str], message: str
) -> None:
    npz = tmp_path / "b.npz"
    x, y = np.ones((1, 2, 75), np.float32), np.ones((1, 1))
    np.savez(npz, x_train=x, y_train=y, x_test=x, y_test=y)
    places = {"RAW": recordings, "STORE": tmp_path / "s", "NPZ": npz, "OUT": tmp_path / "o"}
    assert main(["data", *(str(places.get(argument, argument)) for argument in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "s").exists()
    assert message in captured.err
