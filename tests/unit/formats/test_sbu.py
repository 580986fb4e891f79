from pathlib import Path

import numpy as np
import pytest

from skelact.formats.archives import RawFile, raw_files
from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.protocol import PROTOCOLS, SBU_PAIRS
from skelact.formats.sbu import SbuName, parse_name, read_sequence, recording_name
from skelact.skeleton.tables import SBU_15

NAME = "s03s04_05_002"


def text(metres: np.ndarray) -> bytes:
    """Return the file of (frames, 2, 15, 3) positions."""
    scaled = np.empty_like(metres)
    scaled[..., 0] = (1280 - 1000 * metres[..., 0]) / 2560
    scaled[..., 1] = (960 - 1000 * metres[..., 1]) / 1920
    scaled[..., 2] = 1000 * metres[..., 2] * 7.8125 / 10_000
    rows = scaled.reshape(len(metres), -1)
    return "".join(
        ",".join([str(10 + number), *(f"{value:.9g}" for value in row)]) + "\n"
        for number, row in enumerate(rows)
    ).encode()


def test_names_come_from_paths() -> None:
    file = RawFile("SBU/s03s04/05/002/skeleton_pos.txt", Path("sbu.tar"))
    assert recording_name(file) == NAME
    assert parse_name(NAME) == SbuName("s03s04", 5, 2)
    assert recording_name(RawFile("readme.txt", Path("x"))) == "readme"


@pytest.mark.parametrize("name", ["", "05_002", "s03s04_5_002", "s01s01_05_002", "s03s04_05_002_x"])
def test_other_paths(name: str) -> None:
    with pytest.raises(UnusableRecordingError, match="expected a path in the form sXXsYY/AA/NNN"):
        parse_name(name)


def test_two_bodies_in_metres() -> None:
    metres = np.random.default_rng(0).normal((0, 0, 3), 0.5, (4, 2, 15, 3))
    sequence = read_sequence("file", NAME, text(metres))
    np.testing.assert_allclose(sequence.positions, metres.swapaxes(0, 1), atol=1e-5)
    assert sequence.present.all()
    assert (sequence.label, sequence.fps) == (4, 15)
    assert dict(sequence.attributes) == {"pair": SBU_PAIRS.index("s03s04"), "replication": 2}


def test_a_body_of_zeros_is_absent() -> None:
    lines = text(np.ones((2, 2, 15, 3))).splitlines()
    words = lines[1].split(b",")
    lines[1] = b",".join([*words[:46], *[b"0"] * 45])
    sequence = read_sequence("file", NAME, b"\n".join(lines))
    assert sequence.present.tolist() == [[True, True], [True, False]]
    assert (sequence.positions[1, 1] == 0).all()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "line 1: 0 lines; expected 91 numbers for every frame"),
        (b"1,2,3\n", "line 1: 3 fields; expected the frame's number and 90 more"),
        (
            b",".join([b"1"] * 90 + [b"x"]),
            "line 1: z of body 2 joint FootRight is 'x'; expected a finite number;",
        ),
    ],
)
def test_what_breaks_the_format(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableRecordingError) as caught:
        read_sequence("bad.txt", NAME, data)
    assert str(caught.value).startswith(f"bad.txt: {expected}")


def test_every_pair_tests_in_one_fold() -> None:
    folds = PROTOCOLS["sbu"]
    tested = [pair for fold in folds for pair in fold.test or ()]
    assert sorted(tested) == list(range(21))
    for fold in folds:
        assert sorted((*fold.train, *(fold.test or ()))) == list(range(21))


@pytest.fixture(scope="module")
def real_bodies(shared_data_dir: Path) -> np.ndarray:
    """(bodies and frames, 2, 15, 3) of the takes of shaking hands; the second axis: a body and the other."""
    with raw_files(shared_data_dir / "sbu.tar.xz") as files:
        chosen = [file for file in files if "/05/" in file.name]
        sequences = [read_sequence(file.name, recording_name(file), file.read()) for file in chosen]
    positions = np.concatenate([sequence.positions for sequence in sequences], 1)
    return np.concatenate([positions, positions[::-1]], 1).swapaxes(0, 1)


def test_real_bones_have_the_lengths_of_a_body(real_bodies: np.ndarray) -> None:
    length = {
        SBU_15.joints[joint]: float(
            np.median(np.linalg.norm(real_bodies[:, 0, joint] - real_bodies[:, 0, parent], axis=-1))
        )
        for joint, parent in SBU_15.bones
    }
    for left, right in SBU_15.pairs:
        names = SBU_15.joints[left], SBU_15.joints[right]
        assert length[names[0]] == pytest.approx(length[names[1]], abs=0.03), names
    assert 0.22 < length["ElbowRight"] < 0.33
    assert 0.35 < length["FootRight"] < 0.5
    assert 0.15 < length["Head"] < 0.3


def test_real_bodies_stand_upright_and_face_each_other(real_bodies: np.ndarray) -> None:
    """Left and right the wrong way round would turn everybody's back to the other."""
    body, other = real_bodies[:, 0], real_bodies[:, 1]
    place = {joint: body[:, SBU_15.index(joint)] for joint in SBU_15.joints}
    heights = [np.median(place[joint][:, 1]) for joint in ("Head", "SpineMid", "KneeLeft", "FootLeft")]
    assert heights == sorted(heights, reverse=True)
    across = place["ShoulderRight"] - place["ShoulderLeft"]
    ahead = np.cross(place["SpineShoulder"] - (place["HipLeft"] + place["HipRight"]) / 2, across)
    towards = other[:, SBU_15.index("SpineMid")] - place["SpineMid"]
    assert ((ahead * towards).sum(1) > 0).mean() > 0.9
