"""NTU cleaning against the published arrays, and against the truth where those are known to be wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from skelact.formats.exclusions import count_by_reason
from skelact.formats.ntu import parse_name, read_ntu
from skelact.formats.ntu_cleaning import clean, measure_motion
from skelact.formats.ntu_file import parse_recording
from skelact.store.prepare import PreparationResult, prepare
from skelact.store.protocols import find_protocol, split

# The slips that the published arrays show, by what goes wrong there; the truth is in scenarios.json.
RETURNS_WITH_SAME_ID = ("S003C001P015R002A052", "S004C003P021R001A005", "S021C001P048R002A106")
RETURNS_WITH_NEW_ID = "S004C002P020R001A058"
ONE_COMMON_FRAME = "S013C003P036R001A059"
LONE_BODY_WITH_ZEROS = "S015C003P040R001A018"  # wrong after centring only
LOSES_FRAMES = "S004C003P021R001A005"
WRONG_BEFORE_CENTRING = {*RETURNS_WITH_SAME_ID, RETURNS_WITH_NEW_ID, ONE_COMMON_FRAME}
NUM_FRAMES = 70  # to which the published split arrays are padded


@pytest.fixture(scope="module")
def ntu_dir(golden_dir: Path) -> Path:
    return golden_dir / "ntu_synthetic"


@pytest.fixture(scope="module")
def scenarios(ntu_dir: Path) -> dict:
    return json.loads((ntu_dir / "scenarios.json").read_text())


@pytest.fixture(scope="module")
def stores(ntu_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparationResult]:
    out = tmp_path_factory.mktemp("golden")
    return {
        name: prepare(name, ntu_dir / "raw", out / name, num_workers=1, strict=True)
        for name in ("ntu60", "ntu120")
    }


def cleaned(ntu_dir: Path, name: str) -> np.ndarray:
    file = ntu_dir / "raw" / f"{name}.skeleton"
    return clean(parse_recording(file.name, file.read_bytes()), file.name)


def as_rows(positions: np.ndarray, num_bodies: int, num_frames: int) -> np.ndarray:
    """(M, T, V, 3) -> (num_frames, num_bodies * V * 3), padded with zeros."""
    rows = np.zeros((num_frames, num_bodies, 75), np.float32)
    bodies, frames = positions.shape[:2]
    rows[:frames, :bodies] = positions.reshape(bodies, frames, 75).transpose(1, 0, 2)
    return rows.reshape(num_frames, -1)


def truth(ntu_dir: Path, scenario: dict, name: str, actors: list[list[int]]) -> np.ndarray:
    """Every joint at its true frame, (M, T valid, 25, 3), read token by token from the raw file.

    Args:
        actors: for each actor, which of the scenario's bodies (by place) it is made of.
    """
    tokens = iter((ntu_dir / "raw" / f"{name}.skeleton").read_text().split())
    seen: dict[str, dict[int, list]] = {body: {} for body in scenario["bodies"]}
    num_frames = int(next(tokens))
    for frame in range(num_frames):
        for _ in range(int(next(tokens))):
            fields = [next(tokens) for _ in range(10)]
            joints = [[float(next(tokens)) for _ in range(12)][:3] for _ in range(int(next(tokens)))]
            seen[fields[0]][frame] = joints
    assert {body: sorted(frames) for body, frames in seen.items()} == scenario["bodies"]
    valid = sorted({frame for frames in scenario["bodies"].values() for frame in frames})
    bodies = list(scenario["bodies"])
    positions = np.zeros((len(actors), len(valid), 25, 3), np.float32)
    for slot, members in zip(positions, actors, strict=True):
        for member in members:
            for frame, joints in seen[bodies[member]].items():
                slot[valid.index(frame)] = joints
    return positions


# Which bodies of the scenario become which actor, worked out by hand from the rules.
TRUE_ACTORS = {
    "S003C001P015R002A052": [[0], [1]],
    "S004C003P021R001A005": [[0], [1]],
    "S021C001P048R002A106": [[0], [1]],
    "S004C002P020R001A058": [[0], [1, 2]],
    "S013C003P036R001A059": [[0], [1]],
    "S015C003P040R001A018": [[0]],
}


@pytest.mark.parametrize("data_set", ["ntu60", "ntu120"])
def test_denoised_joints_equal_published(ntu_dir: Path, data_set: str) -> None:
    published = np.load(ntu_dir / f"{data_set}_denoised_joints.npz")
    compared = 0
    for name in published.files:
        if name in WRONG_BEFORE_CENTRING:
            continue
        expected = published[name]
        actual = cleaned(ntu_dir, name)
        assert actual.shape[1] == len(expected), name
        np.testing.assert_allclose(
            as_rows(actual, expected.shape[1] // 75, len(expected)), expected, atol=3e-7, err_msg=name
        )
        compared += 1
    assert compared == {"ntu60": 26, "ntu120": 35}[data_set]


@pytest.mark.parametrize("name", sorted(TRUE_ACTORS))
def test_recordings_with_known_slips_equal_truth(ntu_dir: Path, scenarios: dict, name: str) -> None:
    np.testing.assert_array_equal(
        cleaned(ntu_dir, name), truth(ntu_dir, scenarios[name], name, TRUE_ACTORS[name])
    )


@pytest.mark.parametrize("name", sorted(WRONG_BEFORE_CENTRING))
def test_the_published_slips_are_real(ntu_dir: Path, name: str) -> None:
    published = np.load(ntu_dir / "ntu120_denoised_joints.npz")[name]
    actual = cleaned(ntu_dir, name)
    assert (actual.shape[1] > len(published)) == (name == LOSES_FRAMES)
    if name != LOSES_FRAMES:
        assert np.abs(as_rows(actual, 2, len(published)) - published).max() > 3  # metres


def test_every_true_frame_is_where_the_recording_has_it(ntu_dir: Path, scenarios: dict) -> None:
    for name, scenario in scenarios.items():
        file = ntu_dir / "raw" / f"{name}.skeleton"
        recording = parse_recording(file.name, file.read_bytes())
        assert recording.num_frames == scenario["frames"]
        assert {str(track.body_id): track.frames.tolist() for track in recording.tracks} == scenario["bodies"]


def test_motion_equals_published(ntu_dir: Path) -> None:
    compared = 0
    for name, entry in json.loads((ntu_dir / "raw_bodies.json").read_text()).items():
        recording = parse_recording(name, (ntu_dir / "raw" / f"{name}.skeleton").read_bytes())
        for track in recording.tracks:
            expected = entry["bodies"][str(track.body_id)]["motion"]
            if expected is not None:
                assert measure_motion(track.positions) == pytest.approx(expected, rel=1e-5), name
                compared += 1
    assert compared > 40


SPLITS = [
    ("ntu60", "xsub", "XSub"),
    ("ntu60", "xview", "XView"),
    ("ntu120", "xsub", "XSub"),
    ("ntu120", "xset", "XSet"),
]


@pytest.mark.parametrize(("data_set", "protocol", "published_name"), SPLITS)
def test_split_arrays_equal_published(
    ntu_dir: Path,
    scenarios: dict,
    stores: dict[str, PreparationResult],
    data_set: str,
    protocol: str,
    published_name: str,
) -> None:
    store = stores[data_set].store
    published = np.load(ntu_dir / f"{data_set}_{published_name}.npz")
    sides = split(store, protocol)
    names = {"train": [store.names[i] for i in sides.train], "test": [store.names[i] for i in sides.test]}
    for side, indices in (("train", sides.train), ("test", sides.test)):
        assert len(indices) == len(published[f"x_{side}"])
        np.testing.assert_array_equal(store.labels[indices], published[f"y_{side}"].argmax(1))
        for index, expected in zip(indices, published[f"x_{side}"], strict=True):
            sequence = store.sequence(int(index))
            name = sequence.name
            if name in WRONG_BEFORE_CENTRING | {LONE_BODY_WITH_ZEROS}:
                positions = truth(ntu_dir, scenarios[name], name, TRUE_ACTORS[name])
                present = positions.any((2, 3))
                origin = positions[0, np.flatnonzero(present[0])[0], 1]
                expected = as_rows((positions - origin) * present[..., None, None], 2, NUM_FRAMES)
            elif data_set == "ntu120" and sequence.num_bodies == 1:
                second = expected[:, 75:]
                expected = expected * (np.arange(150) < 75)
                if second.any():  # the published copy of a lone body
                    np.testing.assert_array_equal(
                        second, published[f"x_{side}"][names[side].index(name)][:, :75]
                    )
            np.testing.assert_allclose(
                as_rows(sequence.positions, 2, NUM_FRAMES), expected, atol=1e-5, err_msg=name
            )


def test_lone_bodies_have_no_copy(
    ntu_dir: Path, stores: dict[str, PreparationResult], scenarios: dict
) -> None:
    store = stores["ntu120"].store
    # three tracks of one person, and a second body whose joints are all zero
    single = {"S012C001P038R001A056", "S013C001P037R001A016"}
    published = np.load(ntu_dir / "ntu120_denoised_joints.npz")
    single |= {name for name in published.files if published[name].shape[1] == 75}
    bodies = dict(zip(store.names, store.array("num_bodies").tolist(), strict=True))
    assert {name for name, number in bodies.items() if number == 1} == single
    for index, name in enumerate(store.names):
        if len(scenarios[name]["bodies"]) == 1:
            assert store.sequence(index).num_bodies == 1


def test_rows_are_grouped_by_the_splits_ids_then_by_file(stores: dict[str, PreparationResult]) -> None:
    for data_set, name, _ in SPLITS:
        store, protocol = stores[data_set].store, find_protocol(data_set, name)
        sides = split(store, name)
        part = {"subject": "performer"}.get(protocol.attribute, protocol.attribute)
        for side, order in ((sides.train, protocol.train), (sides.test, tuple(range(200)))):
            keys = [(order.index(getattr(parse_name(store.names[i]), part)), store.names[i]) for i in side]
            assert keys == sorted(keys)
        assert sorted([*sides.train, *sides.test]) == list(range(len(store)))


def test_files_on_which_others_stop_are_left_out_with_their_reason(ntu_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    for file in [
        *(ntu_dir / "reference_crashes").iterdir(),
        ntu_dir / "raw" / "S001C001P001R001A001.skeleton",
    ]:
        (folder / file.name).write_bytes(file.read_bytes())
    outcome = prepare("ntu60", folder, tmp_path / "store", num_workers=1)
    assert outcome.store.names == ["S001C001P001R001A001"]
    reasons = {entry.file.removesuffix(".skeleton"): entry.reason for entry in outcome.exclusions}
    assert reasons == {
        "S001C001P002R001A001": "no body in any frame",
        "S001C001P002R001A002": "no track over 11 frames",
        "S001C001P002R001A003": "all joints zero",
        "S001C001P002R001A004": "a body id twice in one frame",
        "S001C001P002R001A005": "all joints zero",
    }
    assert set(reasons) < set(json.loads((ntu_dir / "crash_cases.json").read_text()))
    assert count_by_reason(outcome.exclusions)["all joints zero"] == 2


def test_a_sequence_read_alone_is_the_one_in_the_store(ntu_dir: Path, tmp_path: Path) -> None:
    name = "S014C002P039R001A017"  # zeros in part: all-zero joints mean absent
    sequence = read_ntu(name, name, (ntu_dir / "raw" / f"{name}.skeleton").read_bytes())
    assert sequence.present.shape == (2, 38)
    assert not sequence.present.all()
    np.testing.assert_array_equal(sequence.present, sequence.positions.any((2, 3)))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / f"{name}.skeleton").write_bytes((ntu_dir / "raw" / f"{name}.skeleton").read_bytes())
    store = prepare("ntu60", tmp_path / "raw", tmp_path / "store", centred=False, num_workers=1).store
    np.testing.assert_array_equal(store.sequence(0).positions, sequence.positions)
