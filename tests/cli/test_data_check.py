"""skelact data check: what is understood of one file, before anything is prepared."""

import json
from pathlib import Path

import numpy as np
import pytest

import skelact
from fuzzing.samples import BVH, msr_samples, pickle_samples
from skelact.cli.main import main
from skelact.errors import DataError
from skelact.synthetic import write_data_set


def test_it_shows_what_there_is_and_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, picture = tmp_path / "a01_s02_e03_skeleton3D.txt", tmp_path / "a.png"
    path.write_bytes(msr_samples()[1])
    assert main(["data", "check", str(path), "--picture", str(picture)]) == 0
    text = capsys.readouterr().out
    for line in (
        "format    msr-action3d: MSR Action3D",
        "skeleton  kinect-20: 20 joints, 3-D",
        "people    1",
        "frames    2, 2 with somebody",
        "rate      15 frames a second",
        "unit      m",
        "up        y",
        "seen      100.0 %",
        "class     high arm wave",
        "note      found msr-action3d data",
    ):
        assert line in text
    assert sum(line.count("o") for line in text.splitlines()[-20:]) >= 15  # joints may meet
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_drawing_stands_upright(tmp_path: Path) -> None:
    """A head is drawn above the feet where y grows upwards, and where it grows downwards, as in images."""
    (tmp_path / "a.bvh").write_bytes(BVH)
    upright = skelact.check(tmp_path / "a.bvh").upright()[0, 0]
    assert upright[0, 1] > upright[1, 1]  # hips over a leg
    image = [[100.0, 50.0 + joint] for joint in range(17)]  # from the nose down to the ankles
    pose = {"topology": "coco-17", "unit": "pixel", "bodies": [{"positions": [image]}]}
    (tmp_path / "b.json").write_text(json.dumps(pose))
    upright = skelact.check(tmp_path / "b.json").upright()[0, 0]
    assert upright[0, 1] > upright[16, 1]


def test_joints_that_were_not_seen_count(tmp_path: Path) -> None:
    frames = [[[0.1 * joint, 1, 2] if joint % 2 else None for joint in range(20)]] * 3 + [None]
    (tmp_path / "a.json").write_text(
        json.dumps({"topology": "kinect-20", "label": "sit", "bodies": [{"positions": frames}]})
    )
    text = str(skelact.check(tmp_path / "a.json"))
    assert "seen      50.0 % of the joints of people who are there" in text
    assert "frames    4, 3 with somebody" in text
    assert "class     sit" in text


def test_of_many_sequences_the_first_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle_samples()[2])
    found = skelact.check(tmp_path)
    assert (found.num_sequences, found.num_recordings) == (3, 1)
    assert "recording s0; the first of 3" in str(found)


@pytest.mark.parametrize(
    ("name", "data", "options", "message"),
    [
        ("a.bvh", BVH.replace(b"MOTION", b"NOTHING"), [], "a.bvh: line "),
        ("a.txt", b"hello", [], "no known format"),
        (
            "a.bvh",
            b'{"bodies": []}',
            ["--data_set", "bvh"],
            "a.bvh: this is pose-json data: skelact data",
        ),
        ("a.json", b'{"bodies": []}', [], "a.json: topology: missing"),
        ("a.bvh", BVH, ["--fps", "30"], "--fps means nothing to bvh"),
    ],
)
def test_a_file_that_cannot_be_read_gives_the_readers_line(
    name: str,
    data: bytes,
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / name).write_bytes(data)
    assert main(["data", "check", str(tmp_path / name), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_unit_and_up_are_found_where_nothing_tells_them(tmp_path: Path) -> None:
    standing = np.zeros((1, 3, 5, 25, 1))
    random = np.random.default_rng(0)
    path = tmp_path / "data.npy"
    (file,) = write_data_set(tmp_path / "ntu", sequences=1, seed=0)
    pose = skelact.check(file).sequence.positions[0, 0]  # metres, y up
    turned = pose[:, [0, 2, 1]] * 1000
    standing[0, :, :, :, 0] = (turned + random.normal(0, 1, (5, 25, 3))).transpose(2, 0, 1)
    np.save(path, standing)
    text = str(skelact.check(path))
    assert "unit      mm, by the size of people" in text
    assert "up        z, by how people stand" in text


def test_what_a_preparation_would_remark_is_noted(tmp_path: Path) -> None:
    (file,) = write_data_set(tmp_path / "ntu", sequences=1, seed=0)
    found = skelact.check(file).sequence
    names = [f"{joint}_{axis}" for joint in found.topology.joints for axis in "xyz"]
    mirrored = found.positions[0] * [-1, 1, 1]
    rows = [["time", *names], *([33 * n, *body.ravel()] for n, body in enumerate(mirrored))]
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    notes = skelact.check(tmp_path / "a.csv").notes
    assert [note.split(":")[0] for note in notes[1:]] == [
        "left and right look exchanged",
        "0.0303 frames a second",
    ]


def test_nothing_there() -> None:
    with pytest.raises(DataError, match="no such folder or file"):
        skelact.check("nowhere/at-all")


def several_people(path: Path, num: int) -> None:
    """Write a pose-JSON file of people side by side."""
    bodies = [
        {"positions": [[[person + 0.02 * joint, -0.1 * joint] for joint in range(17)]]}
        for person in range(num)
    ]
    path.write_text(json.dumps({"topology": "coco-17", "bodies": bodies}))


def test_all_people_are_drawn(tmp_path: Path) -> None:
    several_people(tmp_path / "a.json", 3)
    found = skelact.check(tmp_path / "a.json", picture=tmp_path / "a.png")
    assert found.upright().shape == (3, 1, 17, 2)
    text = str(found)
    assert "people    3, all drawn, in frame 1" in text
    drawing = text.rpartition("\n\n")[2]
    assert set(drawing) & set("123o") == set("123")


@pytest.mark.parametrize("folder", ["", "wave/", "wave/deep/"])
def test_what_a_manifest_says_of_the_file_is_shown(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    several_people(tmp_path / folder / "a.json", 1)
    several_people(tmp_path / folder / "b.json", 1)
    table = f"file,label,subject,split\n{folder}a.json,wave,4,test\n{folder}b.json,kick,5,train\n"
    (tmp_path / "manifest.csv").write_text(table)
    text = str(skelact.check(tmp_path / folder / "a.json"))
    assert "class     wave" in text
    assert "known     subject 4, side of given: test" in text
    assert "beside it manifest.csv" in text
    several_people(tmp_path / folder / "c.json", 1)
    text = str(skelact.check(tmp_path / folder / "c.json"))
    assert "class     none" in text
    assert "note      what manifest.csv may say of it was not looked at: manifest.csv: lists" in text


def test_labels_beside_an_array_are_shown(tmp_path: Path) -> None:
    np.save(tmp_path / "train_data.npy", np.random.default_rng(0).normal(size=(3, 3, 5, 25, 1)))
    np.save(tmp_path / "train_label.npy", np.array([2, 1, 0]))
    text = str(skelact.check(tmp_path / "train_data.npy"))
    assert "class     class 3" in text
    assert "beside it train_label.npy" in text
    assert "no file of labels" not in text


def test_a_folder_of_very_many_files_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skelact.api.checking.MOST_FILES", 3)
    for name in "abcd":
        several_people(tmp_path / f"{name}.json", 1)
    with pytest.raises(DataError, match="holds more than 3 files; give one of them"):
        skelact.check(tmp_path)
    assert skelact.check(tmp_path / "a.json").num_recordings == 1
