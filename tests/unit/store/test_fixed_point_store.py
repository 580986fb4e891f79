"""Stores with 16-bit positions, made, checked, converted and exported like those with exact ones."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import ConfigurationError, DataError
from skelact.formats.intervals import ActionInterval, read_intervals
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17, NTU_25
from skelact.store.convert import convert_store
from skelact.store.export import export_padded_npz, export_pyskl
from skelact.store.fixed_point import TOO_FAR
from skelact.store.prepare import prepare
from skelact.store.store import Store
from skelact.store.verify import find_problems
from skelact.store.writer import StoreWriter


@pytest.fixture(scope="module")
def raw(ntu_text: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 recordings, one of them with a joint 50 m away."""
    folder = tmp_path_factory.mktemp("raw")
    random = np.random.default_rng(0)
    for number in range(20):
        frames = [random.normal(size=(25, 3)) for _ in range(4 + number % 5)]
        frames[-1][3, 0] += 50 * (number == 7)
        data = ntu_text([[(7, joints)] for joints in frames])
        (folder / f"S001C{number % 3 + 1:03}P{number % 2 + 2:03}R001A{number + 1:03}.skeleton").write_bytes(
            data
        )
    return folder


@pytest.fixture(scope="module")
def stores(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    folder = tmp_path_factory.mktemp("stores")
    exact, fixed = (
        prepare("ntu60", raw, folder / kind, positions=kind, num_workers=1).store
        for kind in ("float32", "int16")
    )
    return exact, fixed


def digests(store: Store) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in store.path.iterdir()}


def test_positions_are_those_of_the_exact_store_within_the_error_that_is_told(
    stores: tuple[Store, Store],
) -> None:
    exact, fixed = stores
    assert (exact.position_type, exact.largest_error) == ("float32", 0)
    assert fixed.position_type == "int16"
    assert 0.00001 < fixed.largest_error < 0.00015
    assert fixed.names == [name for name in exact.names if not name.endswith("A008")]
    for index, name in enumerate(fixed.names):
        ours, expected = fixed.sequence(index), exact.sequence(exact.names.index(name))
        assert ours.positions.dtype == np.float32
        difference = np.abs(ours.positions.astype(np.float64) - expected.positions).max()
        assert 0 < difference <= fixed.largest_error
        assert not ours.positions[0, 0, 1].any()  # the origin stays where the centring put it
        np.testing.assert_array_equal(ours.present, expected.present)
        assert (ours.label, ours.attributes) == (expected.label, expected.attributes)


def test_a_sequence_too_far_away_is_accounted_for(
    raw: Path, stores: tuple[Store, Store], tmp_path: Path
) -> None:
    outcome = prepare("ntu60", raw, tmp_path / "store", positions="int16", num_workers=1)
    (exclusion,) = outcome.exclusions
    assert (exclusion.file[-13:], exclusion.reason) == ("A008.skeleton", TOO_FAR)
    assert "use --positions float32" in exclusion.detail


def test_the_kind_is_told_by_the_format_the_options_and_the_content(stores: tuple[Store, Store]) -> None:
    exact, fixed = stores
    assert (exact.meta["format"], fixed.meta["format"]) == ("skelact-store-1", "skelact-store-2")
    assert "positions" not in exact.meta["options"]  # as it was before there was a choice
    assert fixed.meta["options"]["positions"] == "int16"
    assert "joint_scale" not in exact.meta["arrays"]
    rows = len(fixed.array("joints"))
    assert (fixed.path / "joints.bin").stat().st_size == rows * 25 * 3 * 2


def test_the_number_of_workers_changes_no_byte(
    raw: Path, stores: tuple[Store, Store], tmp_path: Path
) -> None:
    again = prepare("ntu60", raw, tmp_path / "store", positions="int16", num_workers=2).store
    assert digests(again) == digests(stores[1])


def test_an_unknown_kind_is_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--positions 'float16': not known"):
        prepare("ntu60", raw, tmp_path / "store", positions="float16", num_workers=1)
    assert list(tmp_path.iterdir()) == []


def test_the_store_is_sound(fixed_store: Store) -> None:
    assert find_problems(fixed_store) == []


@pytest.mark.parametrize(
    ("name", "place", "value", "expected"),
    [
        ("joint_scale", 2, np.nan, "joint_scale: that of sequence2 is not a number above 0"),
        ("joint_scale", 2, 0, "joint_scale: that of sequence2 is not a number above 0"),
        ("joint_scale", 2, -1e-4, "joint_scale: that of sequence2 is not a number above 0"),
        ("joint_scale", 2, 1.0, "joint_scale: positions are off by up to 0.501953, but meta.json says "),
        ("joint_scale", 2, 1e3, "joint_scale: that of sequence2 lets positions be farther than 1,000,000"),
        ("joints", -1, -32_768, "joints: sequence9 holds a number below -32,767, which none has"),
    ],
)
def test_a_damaged_scale_is_found(
    fixed_store: Store, tmp_path: Path, name: str, place: int, value: float, expected: str
) -> None:
    shutil.copytree(fixed_store.path, tmp_path / "copy")
    file = tmp_path / "copy" / f"{name}.bin"
    array = np.fromfile(file, fixed_store.array(name).dtype)
    array[place] = value
    array.tofile(file)
    changed, problem = find_problems(Store.open(tmp_path / "copy", check=False))
    assert changed == f"{file}: content changed since it was written"
    assert problem.startswith(expected)


def test_a_store_without_its_scales_is_no_store(fixed_store: Store, tmp_path: Path) -> None:
    shutil.copytree(fixed_store.path, tmp_path / "copy")
    meta = json.loads((tmp_path / "copy" / "meta.json").read_text())
    del meta["arrays"]["joint_scale"]
    (tmp_path / "copy" / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DataError, match=r"meta\.json: no array 'joint_scale'; the store is damaged"):
        Store.open(tmp_path / "copy")


def test_converted_to_its_own_skeleton_it_is_the_same(fixed_store: Store, tmp_path: Path) -> None:
    again = convert_store(fixed_store, tmp_path / "again", NTU_25).store
    for name in fixed_store.meta["arrays"]:
        np.testing.assert_array_equal(again.array(name), fixed_store.array(name))
    assert again.largest_error == fixed_store.largest_error
    assert "positions int16" in again.meta["options"]["converted_from"]


def test_both_ways_between_the_kinds(fixed_store: Store, tmp_path: Path) -> None:
    exact = convert_store(fixed_store, tmp_path / "exact", NTU_25, positions="float32").store
    assert "positions" not in exact.meta["options"]
    for index in range(len(exact)):
        np.testing.assert_array_equal(exact.sequence(index).positions, fixed_store.sequence(index).positions)
    back = convert_store(exact, tmp_path / "back", NTU_25, positions="int16").store
    np.testing.assert_array_equal(back.array("joints"), fixed_store.array("joints"))
    np.testing.assert_array_equal(back.array("joint_scale"), fixed_store.array("joint_scale"))


def test_missing_joints_stay_missing(small_store: Store, fixed_store: Store, tmp_path: Path) -> None:
    exact = convert_store(small_store, tmp_path / "exact", COCO_17).store
    fixed = convert_store(small_store, tmp_path / "fixed", COCO_17, positions="int16").store
    assert find_problems(fixed) == []
    for index in range(len(exact)):
        ours, expected = fixed.sequence(index), exact.sequence(index)
        assert ours.joint_present is not None
        np.testing.assert_array_equal(ours.joint_present, expected.joint_present)
        assert not ours.positions[~ours.joint_present].any()
        np.testing.assert_allclose(ours.positions, expected.positions, atol=fixed.largest_error, rtol=0)


def test_a_conversion_leaves_out_what_does_not_fit(tmp_path: Path) -> None:
    with StoreWriter(
        tmp_path / "store", data_set="d", topology=NTU_25, class_names=["a"], fps=None, options={}
    ) as writer:
        for name, farthest in (("near", 2), ("far", 200)):
            positions = np.full((1, 3, 25, 3), farthest, np.float32)
            writer.add(SkeletonSequence(name, positions, np.ones((1, 3), np.bool_), NTU_25))
        writer.attach("intervals.csv", "recording,action,start,end\nfar,0,0,2\nnear,0,0,3\n")
        store = writer.finish()
    converted = convert_store(store, tmp_path / "fixed", NTU_25, positions="int16")
    assert converted.store.names == ["near"]
    assert [(one.file, one.reason) for one in converted.exclusions] == [("far", TOO_FAR)]
    assert read_intervals(converted.store.path) == [ActionInterval("near", 0, 0, 3)]
    assert find_problems(converted.store) == []


def test_interchange_keeps_every_bit(raw: Path, stores: tuple[Store, Store], tmp_path: Path) -> None:
    """What was rounded once is not rounded again on the way through another program's file."""
    fixed = stores[1]
    export_padded_npz(fixed, "xsub", tmp_path / "a.npz")
    export_pyskl(fixed, ["xsub"], tmp_path / "a.pkl")
    for data_set, file in (("npz", "a.npz"), ("pyskl", "a.pkl")):
        again = prepare(
            data_set,
            tmp_path / file,
            tmp_path / data_set,
            centred=False,
            positions="int16",
            num_workers=1,
            settings={"topology": "ntu-25"},
        ).store
        found = {again.sequence(index).positions.tobytes() for index in range(len(again))}
        assert found == {fixed.sequence(index).positions.tobytes() for index in range(len(fixed))}


def test_another_format_is_not_read(fixed_store: Store, tmp_path: Path) -> None:
    shutil.copytree(fixed_store.path, tmp_path / "copy")
    meta = tmp_path / "copy" / "meta.json"
    meta.write_text(meta.read_text().replace("skelact-store-2", "skelact-store-3"))
    with pytest.raises(
        DataError, match="'skelact-store-3', this version reads 'skelact-store-1' and 'skelact-store-2'"
    ):
        Store.open(tmp_path / "copy")
