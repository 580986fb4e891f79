"""Data sets of poses in memory, as movement loads them, become sequences, a store and embeddings."""

from pathlib import Path

import numpy as np
import pytest
import xarray

import skelact
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.skeleton.tables import COCO_17
from skelact.store.protocols import split

KEYPOINTS = [joint.lower() for joint in COCO_17.joints]


def poses(num_frames: int = 6, num_bodies: int = 2, space: str = "xy") -> xarray.Dataset:
    """In the dimensions that movement has."""
    random = np.random.default_rng(num_frames)
    position = random.uniform(1, 9, (num_frames, len(space), 17, num_bodies))
    confidence = np.full((num_frames, 17, num_bodies), 0.9)
    return xarray.Dataset(
        {
            "position": (("time", "space", "keypoints", "individuals"), position),
            "confidence": (("time", "keypoints", "individuals"), confidence),
        },
        {
            "time": np.arange(num_frames) / 25,
            "space": list(space),
            "keypoints": KEYPOINTS,
            "individuals": [f"id_{number}" for number in range(num_bodies)],
        },
        {"fps": 25, "time_unit": "seconds", "source_software": "SLEAP"},
    )


@pytest.mark.parametrize("space", ["xy", "xyz"])
@pytest.mark.parametrize("dims", [("time", "individuals", "keypoints", "space"), None])
def test_what_the_data_set_holds(space: str, dims: tuple[str, ...] | None) -> None:
    dataset = poses(space=space)
    dataset.position[2, 0, 3, 0] = np.nan
    dataset.confidence[1, 4, 1] = 0.2
    expected = dataset.position.transpose("individuals", "time", "keypoints", "space").values
    sequence = skelact.from_xarray(
        dataset if dims is None else dataset.transpose(*dims), name="mice", min_confidence=0.5
    )
    assert (sequence.name, sequence.fps, sequence.topology) == ("mice", 25.0, COCO_17)
    assert sequence.joint_present is not None
    assert np.argwhere(~sequence.joint_present).tolist() == [[0, 2, 3], [1, 1, 4]]
    np.testing.assert_array_equal(
        sequence.positions, np.where(sequence.joint_present[..., None], expected, 0).astype(np.float32)
    )


def test_a_skeleton_of_ones_own_from_some_of_the_keypoints(tmp_path: Path) -> None:
    path = tmp_path / "arm.yaml"
    path.write_text("{name: arm, joints: [wristleft, elbowleft], parents: {wristleft: elbowleft}}")
    sequence = skelact.from_xarray(poses(), topology=path)
    expected = poses().position.transpose("individuals", "time", "keypoints", "space").values
    places = [KEYPOINTS.index("wristleft"), KEYPOINTS.index("elbowleft")]
    np.testing.assert_array_equal(sequence.positions, expected[:, :, places].astype(np.float32))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (3, "recording: no variable position; expected a data set of poses"),
        (poses().drop_vars("position"), "no variable position"),
        (poses().rename(keypoints="parts"), "no variable position"),
        (poses().assign_coords(keypoints=[f"k{n}" for n in range(17)]), "no known skeleton .*: k0, k1"),
        (poses() * np.nan, "at least one joint that was seen"),
    ],
)
def test_mistakes_are_named(dataset: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        skelact.from_xarray(dataset)


def test_keypoints_that_are_missing_are_told() -> None:
    fewer = poses().isel(keypoints=slice(1, None))
    with pytest.warns(SkelactWarning, match=f"recording: coco-17 without {COCO_17.joints[0]}, taken as not"):
        sequence = skelact.from_xarray(fewer)
    assert sequence.joint_present is not None
    assert not sequence.joint_present[..., 0].any()


def test_sequences_become_a_store(tmp_path: Path) -> None:
    sequences = [skelact.from_xarray(poses(length), name=f"m{length}") for length in (4, 5, 6)]
    store = skelact.write_store(
        sequences, tmp_path / "store", labels=["run", None, "sit"], splits=["train", "val", "test"]
    )
    assert store.names == ["m4", "m5", "m6"]
    assert [store.sequence(number).label for number in range(3)] == [0, None, 1]
    assert split(store, "given").test.tolist() == [2]
    assert split(store, "given_val").test.tolist() == [1]
    assert not store.sequence(0).positions[0, 0, COCO_17.centre].any()
    with pytest.raises(ConfigurationError, match="labels: 1; expected 3"):
        skelact.write_store(sequences, tmp_path / "other", labels=["run"])
    with pytest.raises(ConfigurationError, match="splits: 'tset'; expected train, test or val"):
        skelact.write_store(sequences, tmp_path / "other", splits=["tset"] * 3)
    with pytest.raises(DataError, match="no sequences to write"):
        skelact.write_store([], tmp_path / "other")
    for wrong in ({"unit": "cm"}, {"unit": "feet"}, {"up": "down"}):
        with pytest.raises(ConfigurationError, match="expected"):
            skelact.write_store(sequences, tmp_path / "other", **wrong)
    again = [store.sequence(number) for number in range(3)]
    with pytest.raises(DataError, match=r"m4: class 0 is a number, without a name; give names by labels"):
        skelact.write_store(again, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(DataError, match="m4: its label is empty; None is no class"):
        skelact.write_store(again, tmp_path / "other", labels=[" ", "run", None])
    named = skelact.write_store(again, tmp_path / "again", labels=["sit ", " run", None])
    assert (named.class_names, named.labels.tolist()) == (["run", "sit"], [1, 0, -1])
    for name in ("px", "pixel"):
        assert skelact.write_store(sequences, tmp_path / name, unit=name).unit == "px"  # type: ignore[arg-type]
