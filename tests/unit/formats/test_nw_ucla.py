import json
from pathlib import Path

import numpy as np
import pytest

from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.known import find_data_set
from skelact.formats.nw_ucla import ACTIONS, NwUclaName, parse_name, read_sequence
from skelact.skeleton.tables import KINECT_20

NAME = "a08_s02_e00_v03"


def content(positions: np.ndarray, **changed: object) -> bytes:
    table = {"file_name": NAME, "skeletons": positions.tolist(), "label": 7, **changed}
    return json.dumps(table).encode()


def test_name() -> None:
    assert parse_name(NAME) == NwUclaName(8, 2, 0, 3)


@pytest.mark.parametrize("name", ["", "a08_s02_e00", "a08_s02_e00_v00", "a8_s2_e0_v3", "a08_s02_e00_v03_x"])
def test_other_names(name: str) -> None:
    with pytest.raises(UnusableRecordingError, match="expected a name in the form aAA_sSS_eEE_vVV"):
        parse_name(name)


def test_a_sequence() -> None:
    positions = np.random.default_rng(0).normal(size=(3, 20, 3))
    sequence = read_sequence("file", NAME, content(positions))
    np.testing.assert_array_equal(sequence.positions[0], positions.astype(np.float32))
    assert sequence.topology == KINECT_20
    assert sequence.present.all()
    assert sequence.joint_present is None
    assert dict(sequence.attributes) == {"subject": 2, "replication": 0, "camera": 3}
    assert tuple(ACTIONS.values())[sequence.label or 0] == "donning"


def test_without_a_label_the_name_tells_it() -> None:
    assert read_sequence("file", "a12_s02_e00_v03", content(np.ones((1, 20, 3)), label=None)).label == 9


def test_one_frame_is_a_sequence() -> None:
    assert read_sequence("file", NAME, content(np.ones((1, 20, 3)))).positions.shape == (1, 1, 20, 3)


def test_what_lies_in_the_camera_was_not_seen() -> None:
    positions = np.ones((3, 20, 3))
    positions[0, 4] = positions[2] = 0
    sequence = read_sequence("file", NAME, content(positions))
    assert sequence.present.tolist() == [[True, True, False]]
    assert sequence.joint_present is not None
    assert np.argwhere(~sequence.joint_present[0, :2]).tolist() == [[0, 4]]


GOOD = np.ones((2, 20, 3)).tolist()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"label": 11}, "label: 11; expected a number from 1 to 10"),
        ({"label": True}, "label: True; expected a number from 1 to 10"),
        ({"skeletons": None}, "skeletons: null; expected a list of frames"),
        ({"skeletons": []}, "skeletons: no frames; expected at least one"),
        ({"skeletons": [GOOD[0], GOOD[1][:19]]}, "skeletons[1]: 19 values; expected 20 joints"),
        ({"skeletons": [[*GOOD[0][:19], [1, 2]]]}, "skeletons[0]: joint 19: 2 values; expected x, y and z"),
        ({"skeletons": [[*GOOD[0][:19], [1, 2, True]]]}, "skeletons: holds true or false; expected numbers"),
        ({"skeletons": [[*GOOD[0][:19], [1, 2, 1e39]]]}, "skeletons: holds a number too large"),
        ({"skeletons": [[*GOOD[0][:19], [1, 2, 10**400]]]}, "skeletons: holds a number too large"),
        ({"skeleton": GOOD}, "unknown key 'skeleton' (did you mean 'skeletons'?)"),
    ],
)
def test_what_breaks_the_format_is_told_with_its_place(changed: dict[str, object], expected: str) -> None:
    with pytest.raises(UnusableRecordingError) as caught:
        read_sequence("bad.json", NAME, content(np.ones((2, 20, 3)), **changed))
    assert str(caught.value).startswith("bad.json: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a12_s10_e10_v03", True), ("a07_s01_e00_v01", False), ("a01_s01_e00_v04", False)],
)
def test_which_recordings_belong(name: str, expected: bool) -> None:
    assert find_data_set("nw-ucla").is_member(name) is expected


def test_the_case_of_the_field(shared_cases_dir: Path) -> None:
    for path in sorted((shared_cases_dir / "c04_nwucla").iterdir()):
        sequence = read_sequence(path.name, path.stem, path.read_bytes())
        raw = json.loads(path.read_bytes())
        np.testing.assert_allclose(sequence.positions[0], raw["skeletons"], atol=1e-6)
        assert sequence.label == raw["label"] - 1
