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
    upright = skelact.check(tmp_path / "a.bvh").upright()[0]
    assert upright[0, 1] > upright[1, 1]  # hips over a leg
    image = [[100.0, 50.0 + joint] for joint in range(17)]  # from the nose down to the ankles
    pose = {"topology": "coco-17", "unit": "pixel", "bodies": [{"positions": [image]}]}
    (tmp_path / "b.json").write_text(json.dumps(pose))
    upright = skelact.check(tmp_path / "b.json").upright()[0]
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


def test_nothing_there() -> None:
    with pytest.raises(DataError, match="no such folder or file"):
        skelact.check("nowhere/at-all")
