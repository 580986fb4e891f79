"""Units, the axis that is up and frame rates: given, found and said at preparation."""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

from fuzzing.samples import BVH
from skelact.api.data import convert, info, prepare
from skelact.cli.main import main
from skelact.errors import ConfigurationError
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.skeleton.view import find_up
from skelact.store.store import Store
from skelact.store.verify import find_problems
from skelact.synthetic import write_data_set

HIPS = [NTU_25.index("HipLeft"), NTU_25.index("HipRight")]
FEET = [NTU_25.index("AnkleLeft"), NTU_25.index("AnkleRight")]
SHOULDERS = [NTU_25.index("ShoulderLeft"), NTU_25.index("ShoulderRight")]


def people(num: int, num_frames: int = 20) -> np.ndarray:
    """Return (N, T, 25, 3) people of an adult's size who stand in y, in metres."""
    random = np.random.default_rng(0)
    pose = random.normal(scale=0.25, size=(num, 1, 25, 3))
    pose[:, :, HIPS], pose[:, :, SHOULDERS] = [[-0.1, 0, 0], [0.1, 0, 0]], [[-0.2, 0.5, 0], [0.2, 0.5, 0]]
    pose[:, :, FEET] = [[-0.1, -0.9, 0], [0.1, -0.9, 0]]
    return pose + random.normal(scale=0.01, size=(num, num_frames, 25, 3)).cumsum(1) + [0, 0, 3]


def npz(path: Path, positions: np.ndarray) -> Path:
    """Write a padded .npz whose sequences all have one body."""
    rows = np.zeros((*positions.shape[:2], 2, 75), np.float32)
    rows[:, :, 0] = positions.reshape(*positions.shape[:2], 75)
    labels = np.eye(2)[np.arange(len(positions)) % 2]
    sides = {
        f"{name}_{side}": each
        for side in ("train", "test")
        for name, each in (("x", rows.reshape(*rows.shape[:2], 150)), ("y", labels))
    }
    np.savez(path, **sides)
    return path


def pose_json(folder: Path, rates: list[float | None], times: float = 1.0) -> Path:
    folder.mkdir()
    for number, (rate, positions) in enumerate(zip(rates, people(len(rates)), strict=True)):
        table = {"topology": "ntu-25", "bodies": [{"positions": (times * positions).tolist()}]}
        (folder / f"r{number}.json").write_text(json.dumps(table | ({"fps": rate} if rate else {})))
    return folder


@pytest.mark.parametrize("positions", ["float32", "int16"])
@pytest.mark.parametrize(("unit", "times"), [("mm", 1000.0), ("cm", 100.0)])
def test_a_unit_is_found_by_the_size_of_people_or_given(
    tmp_path: Path, unit: str, times: float, positions: str
) -> None:
    metres = prepare("npz", npz(tmp_path / "m.npz", people(12)), tmp_path / "m", positions=positions)  # type: ignore[arg-type]
    raw = npz(tmp_path / "raw.npz", times * people(12))
    given = prepare("npz", raw, tmp_path / "given", unit=unit, positions=positions)  # type: ignore[arg-type]
    assert (metres.unit, given.unit, given.meta["options"]["unit"]) == ("m", "m", unit)
    assert not [remark for remark in (*metres.remarks, *given.remarks) if "metres" in remark]
    found = prepare("npz", raw, tmp_path / "found", positions=positions)  # type: ignore[arg-type]
    part = prepare("npz", raw, tmp_path / "parts", shard="1/1", positions=positions)  # type: ignore[arg-type]
    for store in (found, part):
        (remark,) = (each for each in store.remarks if f"positions are in {unit}, as bodies of" in each)
        assert "--unit m keeps the numbers" in remark
        assert store.unit == "m"
    for store in (given, found, part):
        for index in range(len(store)):
            np.testing.assert_allclose(store.positions(index), metres.positions(index), atol=2e-4)


def test_recordings_in_two_units_are_told(tmp_path: Path) -> None:
    recordings = people(12)
    same = prepare("npz", npz(tmp_path / "same.npz", recordings), tmp_path / "same")
    recordings[8:] *= 1000
    mixed = prepare("npz", npz(tmp_path / "mixed.npz", recordings), tmp_path / "mixed")
    line = "bodies have less than a tenth of the size of most"
    assert [sum(line in each for each in store.remarks) for store in (same, mixed)] == [0, 1]


def test_parts_find_the_unit_that_one_run_finds(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    npz(raw / "a.npz", 1000 * people(12))
    whole = prepare("npz", raw / "a.npz", tmp_path / "whole")
    prepare("npz", raw / "a.npz", tmp_path / "parts", shard="1/1")
    joined = prepare("npz", raw / "a.npz", tmp_path / "parts")
    assert (joined.unit, joined.up) == (whole.unit, whole.up) == ("m", "y")
    assert joined.content_hash == whole.content_hash


def test_millimetres_in_a_format_of_metres_are_remarked_on(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    standing = 1000 * np.random.default_rng(0).normal((0, 0, 3), 0.3, (9, 20, 3))
    lines = [" ".join(map(str, [frame, *row.ravel()])) for frame, row in enumerate(standing)]
    (tmp_path / "raw" / "a.txt").write_text("\n".join(lines))
    remarks = prepare("kinect-text", tmp_path / "raw", tmp_path / "store").remarks
    (remark,) = (each for each in remarks if "positions lie up to" in each)
    assert remark.endswith("kinect-text data are read as metres: convert them, if they are in another unit")


def test_metres_that_are_kept_are_remarked_on(tmp_path: Path) -> None:
    kept = prepare("npz", npz(tmp_path / "raw.npz", 1000 * people(12)), tmp_path / "kept", unit="m")
    (remark,) = (each for each in kept.remarks if "positions lie up to" in each)
    assert "m from where recordings begin" in remark
    assert "--unit" in remark


@pytest.mark.parametrize(
    ("unit", "done"), [("cm", "multiplied by 0.01"), ("m", "left as they are"), ("px", "")]
)
def test_a_unit_of_length_for_positions_in_the_plane_is_said(tmp_path: Path, unit: str, done: str) -> None:
    head = ["frame", *(f"{joint}_{axis}" for joint in COCO_17.joints for axis in "xy")]
    rows = [[frame, *(100 + 3 * place + frame for place in range(34))] for frame in range(4)]
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in (head, *rows)))
    store = prepare("csv", tmp_path / "a.csv", tmp_path / "store", unit=unit, centre=False)  # type: ignore[arg-type]
    said = [remark for remark in store.remarks if remark.startswith("positions are 2-D")]
    assert len(said) == bool(done)
    assert all(done in remark and f"--unit {unit}" in remark for remark in said)
    assert store.positions(0).max() == pytest.approx({"cm": 2.02, "m": 202, "px": 202}[unit])


@pytest.mark.parametrize(("axes", "up"), [([0, 1, 2], "y"), ([0, 2, 1], "z"), ([1, 0, 2], "x")])
def test_up_is_found_said_and_kept(tmp_path: Path, axes: list[int], up: str) -> None:
    raw = npz(tmp_path / "raw.npz", people(12)[..., axes])
    store = prepare("npz", raw, tmp_path / "store")
    assert store.up == up
    assert f"{up} is up, as people stand; --up says another" in store.remarks
    assert f"3-D, in m, {up} is up; float32" in info(store)
    given = prepare("npz", raw, tmp_path / "given", up="-y")
    assert (given.up, given.meta["options"]["up"]) == ("-y", "-y")
    assert not [remark for remark in given.remarks if "is up" in remark]
    assert not find_problems(Store.open(given.path))
    assert main(["data", "prepare", "npz", str(raw), str(tmp_path / "typed"), "--up=-z"]) == 0
    assert Store.open(tmp_path / "typed").up == "-z"


def test_what_does_not_stand_has_no_up_and_that_is_said(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    walks = random.normal(size=(4, 1, 25, 3)) + random.normal(scale=0.05, size=(4, 20, 25, 3)).cumsum(1)
    walks[:, :, SHOULDERS] = walks[:, :, HIPS] + [0, 0.5, 0]  # a trunk alone is no person who stands
    store = prepare("npz", npz(tmp_path / "raw.npz", walks), tmp_path / "store")
    assert store.up is None
    assert [remark for remark in store.remarks if "nothing tells which axis is up" in remark]
    standing = people(4)
    assert find_up(standing[:, 0], np.ones((4, 25), np.bool_), NTU_25) == "y"
    seen = np.ones((4, 25), np.bool_)
    seen[:, FEET[0]] = False
    assert find_up(standing[:, 0], seen, NTU_25) is None


def bvh(path: Path) -> Path:
    path.write_bytes(BVH)
    return path


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("ntu60", {"up": "z"}, "--up means nothing to ntu60, whose up is known: y"),
        ("ntu60", {"unit": "mm"}, "--unit means nothing to ntu60, whose unit is known: m"),
        ("pose-json", {"unit": "mm"}, "--unit means nothing to pose-json"),
        ("bvh", {"unit": "mm"}, r"--unit means nothing to bvh, whose unit --scale tells: --scale 0\.001$"),
        ("npz", {"up": "w"}, "up is 'w', expected 'x', 'y', 'z', '-x', '-y', '-z' or null"),
        ("npz", {"unit": "in"}, "unit is 'in', expected 'm', 'cm', 'mm', 'px', 'pixel' or null"),
        ("npz", {"resample": 0.0}, "--resample is 0"),
    ],
)
def test_what_a_format_tells_itself_is_not_asked(
    tmp_path: Path, name: str, given: dict[str, object], expected: str
) -> None:
    raw = {
        "npz": lambda: npz(tmp_path / "raw.npz", people(2)),
        "pose-json": lambda: pose_json(tmp_path / "raw", [30.0]),
        "bvh": lambda: bvh(tmp_path / "raw.bvh"),
    }
    if name == "ntu60":
        write_data_set(tmp_path / "raw", sequences=2, seed=0)
    folder = raw[name]() if name in raw else tmp_path / "raw"
    with pytest.raises(ConfigurationError, match=expected):
        prepare(name, folder, tmp_path / "store", **given)  # type: ignore[arg-type]
    assert not (tmp_path / "store").exists()


def test_frame_rates_are_kept_for_each_and_a_line_says_that_they_differ(tmp_path: Path) -> None:
    raw = pose_json(tmp_path / "raw", [30.0, 15.0, None, 25.0])
    store = prepare("pose-json", raw, tmp_path / "store")
    assert store.fps is None
    assert [store.fps_of(index) for index in range(4)] == [30.0, 15.0, None, 25.0]
    assert [store.sequence(index).fps for index in range(4)] == [30.0, 15.0, None, 25.0]
    assert (
        "frame rates differ (15, 25, 30 a second, and 1 sequence does not say); "
        "--resample 15 brings all to one" in store.remarks
    )
    assert "15 to 30 a second; 1 sequence does not say" in info(store)
    assert not find_problems(Store.open(store.path))
    converted = convert(store, tmp_path / "converted", topology="coco-17").store
    assert [converted.fps_of(index) for index in range(4)] == [30.0, 15.0, None, 25.0]


def test_recordings_are_brought_to_one_rate_by_time(tmp_path: Path) -> None:
    raw = pose_json(tmp_path / "raw", [30.0, 15.0, None])
    store = prepare("pose-json", raw, tmp_path / "store", resample=15)
    assert (len(store), store.fps, store.meta["options"]["resample"]) == (2, 15.0, 15)
    assert [each.reason for each in store.exclusions] == ["no frame rate"]
    assert store.array("num_frames").tolist() == [10, 20]
    as_recorded = prepare("pose-json", raw, tmp_path / "as_recorded")
    np.testing.assert_array_equal(store.positions(0), as_recorded.positions(0)[::2])
    np.testing.assert_array_equal(store.positions(1), as_recorded.positions(1))


@pytest.mark.parametrize(("rate", "is_odd"), [(1 / 33, True), (0.9, True), (1.0, False), (2500.0, True)])
def test_a_rate_that_no_recording_has_is_told(tmp_path: Path, rate: float, is_odd: bool) -> None:
    remarks = prepare("pose-json", pose_json(tmp_path / "raw", [rate]), tmp_path / "store").remarks
    said = f"{rate:.3g} frames a second: if times are not in seconds, write them so"
    assert (said in remarks) == is_odd


def test_rates_of_the_case(tmp_path: Path) -> None:
    raw = Path(__file__).resolve().parents[4] / "shared" / "cases" / "c29_fps"
    if not raw.is_dir():
        pytest.skip("needs ../shared/cases beside the project, which is not there")
    with warnings.catch_warnings():
        store = prepare("pose-json", raw, tmp_path / "store")
    told = {path.stem: json.loads(path.read_text()).get("fps") for path in raw.glob("r*.json")}
    assert {name: store.fps_of(index) for index, name in enumerate(store.names)} == told
    assert any("frame rates differ" in remark for remark in store.remarks)


def test_what_a_lower_rate_leaves_nothing_of_does_not_take_the_rest_of_its_file(tmp_path: Path) -> None:
    positions = np.random.default_rng(0).normal(0, 0.3, (1, 30, 17, 2)).astype(np.float32) * 100 + 500
    annotations = []
    for number in range(4):
        scores = np.ones((1, 30, 17), np.float32)
        if number == 1:
            scores[:, np.arange(30) != 1] = 0
        shown = {"frame_dir": f"a{number}", "label": 0, "total_frames": 30, "img_shape": (1080, 1920)}
        annotations.append(shown | {"keypoint": positions * scores[..., None], "keypoint_score": scores})
    names = [each["frame_dir"] for each in annotations]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"split": {"train": names}, "annotations": annotations}))
    made = prepare("pyskl", tmp_path / "a.pkl", tmp_path / "store", fps=30.0, resample=10)
    assert made.names == ["a0", "a2", "a3"]
    assert [entry.reason for entry in made.exclusions] == ["nobody in the frames that are left"]


def test_times_that_are_no_seconds_are_not_resampled(tmp_path: Path) -> None:
    raw = pose_json(tmp_path / "raw", [30.0, 0.03])
    store = prepare("pose-json", raw, tmp_path / "store", resample=15)
    assert store.names == ["r0"]
    (left,) = store.exclusions
    assert "0.03 frames a second, not brought to 15: if times are not in seconds" in left.detail
    remarks = prepare("pose-json", raw, tmp_path / "as_recorded").remarks
    assert "frame rates differ (0.03, 30 a second); --resample 30 brings all to one" in remarks
    with pytest.raises(ConfigurationError, match=r"--resample is 1e-09; expected .* 0\.001 or more"):
        prepare("pose-json", raw, tmp_path / "none", resample=1e-9)


@pytest.mark.parametrize(
    ("flat", "conventions", "message"),
    [
        (True, {"up": "z"}, "--up z: positions are 2-D; expected x, y, -x or -y"),
        (False, {"unit": "px"}, "--unit px: positions are 3-D; expected m, cm or mm"),
    ],
)
def test_what_positions_of_so_many_coordinates_cannot_have_is_refused(
    tmp_path: Path, flat: bool, conventions: dict[str, str], message: str
) -> None:
    axes = ("x", "y") if flat else ("x", "y", "z")
    columns = ["frame", *(f"{joint}_{axis}" for joint in COCO_17.joints for axis in axes)]
    numbers = ",".join(f"{0.1 * number}" for number in range(len(columns) - 1))
    lines = [f"{frame},{numbers}" for frame in range(4)]
    (tmp_path / "a.csv").write_text("\n".join([",".join(columns), *lines]))
    with pytest.raises(ConfigurationError, match=message):
        prepare("csv", tmp_path, tmp_path / "store", **conventions)
