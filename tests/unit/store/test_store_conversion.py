from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skelact.api.interchange import write_store
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.formats.exclusions import FILE_NAME, Exclusion, read_exclusions, to_csv
from skelact.formats.protocol import Protocol
from skelact.skeleton.conversion import plan_conversion
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17, H36M_17, NTU_25
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import centre
from skelact.store.convert import NOTHING_LEFT, convert_store, project_store
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.store.verify import find_problems
from skelact.store.writer import StoreWriter


@pytest.fixture
def store(tmp_path: Path) -> Store:
    random = np.random.default_rng(0)
    with StoreWriter(
        tmp_path / "store",
        data_set="mine",
        topology=COCO_17,
        class_names=["a", "b"],
        fps=25.0,
        options={"centred": True},
        num_coordinates=2,
        attribute_values={"style": ["calm", "wild"]},
        protocols=[Protocol("xstyle", "style", (0,), (1,)).to_dict()],
    ) as writer:
        for number in range(4):
            seen = np.ones((1, 6, 17), np.bool_)
            if number == 3:  # of this one, only an eye was seen
                seen[:] = False
                seen[..., COCO_17.index("EyeLeft")] = True
            positions = random.normal(size=(1, 6, 17, 2)).astype(np.float32)
            positions[~seen] = 0
            writer.add(
                SkeletonSequence(
                    f"s{number}",
                    positions,
                    np.ones((1, 6), np.bool_),
                    COCO_17,
                    joint_present=seen,
                    label=number % 2,
                    attributes={"style": number % 2, "subject": number},
                )
            )
        writer.attach(FILE_NAME, to_csv([Exclusion("bad.json", "malformed file")]))
        writer.attach("notes.txt", "of interest")
        return writer.finish()


def test_all_goes_along_but_the_skeleton(store: Store, tmp_path: Path) -> None:
    done: list[int] = []
    converted = convert_store(store, tmp_path / "new", H36M_17, on_progress=done.append)
    new = converted.store
    assert new.topology == H36M_17
    assert new.names == ["s0", "s1", "s2"]
    assert (new.data_set, new.class_names, new.fps) == (store.data_set, store.class_names, store.fps)
    assert new.labels.tolist() == [0, 1, 0]
    assert new.attribute("subject").tolist() == [0, 1, 2]
    assert new.attribute_values("style") == ["calm", "wild"]
    assert split(new, "xstyle").train.tolist() == [0, 2]
    assert new.meta["options"]["centred"] is True
    assert "coco-17" in new.meta["options"]["converted_from"]
    assert (new.path / "notes.txt").read_text() == "of interest"
    assert converted.exclusions == [Exclusion("s3", NOTHING_LEFT)]
    assert [entry.file for entry in read_exclusions(new.path)] == ["bad.json", "s3"]
    assert find_problems(new) == []
    assert done == [1, 2, 3, 4]


@pytest.mark.parametrize("centred", [True, False])
def test_sequences_are_those_of_the_plan_and_centred_where_they_were(
    store: Store, tmp_path: Path, centred: bool
) -> None:
    plan = plan_conversion(COCO_17, H36M_17)
    store = replace(store, meta={**store.meta, "options": {"centred": centred}})
    new = convert_store(store, tmp_path / "new", H36M_17).store
    for index in range(3):
        expected, found = plan.apply(store.sequence(index)), new.sequence(index)
        positions = centre(expected).positions if centred else expected.positions
        np.testing.assert_array_equal(found.positions, positions)
        assert centred == (not found.positions[0, 0, H36M_17.centre].any())
        assert expected.joint_present is not None
        np.testing.assert_array_equal(found.joint_present, expected.joint_present)


def test_clips_of_a_converted_store_have_no_joint_at_the_origin(small_store: Store, tmp_path: Path) -> None:
    new = convert_store(small_store, tmp_path / "new", COCO_17).store
    clips = ClipSource(new, ClipSettings(num_frames=16)).test(range(len(new)))
    assert clips.joint_present is not None
    nose, shoulder = COCO_17.index("Nose"), COCO_17.index("ShoulderLeft")
    assert not clips.joint_present[..., nose].any()
    assert clips.joint_present[clips.present][:, shoulder].all()
    shown = clips.positions[clips.present]
    assert (shown.abs().sum(-1) > 0).all()
    assert (shown[:, :, nose] == shown[:, :, shoulder]).all()


def test_the_same_skeleton_again_is_the_same_data(small_store: Store, tmp_path: Path) -> None:
    new = convert_store(small_store, tmp_path / "new", NTU_25).store
    for name in small_store.meta["arrays"]:
        np.testing.assert_array_equal(new.array(name), small_store.array(name))


def test_nothing_is_written_where_nothing_fits(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no joint in common"):
        convert_store(store, tmp_path / "new", Topology("cart", ("wheel", "horn"), (0, 0)))
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="exists already"):
        convert_store(store, tmp_path / "other", H36M_17)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "store"]


def test_a_store_as_cameras_show_it(small_store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say which axis is up"):
        project_store(small_store, tmp_path / "flat")
    small_store = replace(small_store, meta={**small_store.meta, "up": "y"})
    shown = project_store(small_store, tmp_path / "flat", cameras=2, seed=3)
    flat = shown.store
    assert not shown.exclusions
    assert (flat.num_coordinates, flat.unit, flat.up) == (2, "px", "-y")
    first = list(small_store.names)
    assert list(flat.names) == [each for name in first for each in (name, f"{name}-camera2")]
    assert flat.labels.tolist() == np.repeat(small_store.labels, 2).tolist()
    assert flat.attribute("subject").tolist() == np.repeat(small_store.attribute("subject"), 2).tolist()
    one, other = flat.sequence(0).positions, flat.sequence(1).positions
    assert not np.allclose(one, other)
    again = project_store(small_store, tmp_path / "again", seed=3).store
    np.testing.assert_array_equal(again.sequence(1).positions, flat.sequence(2).positions)
    other_seed = project_store(small_store, tmp_path / "other", seed=4).store
    assert not np.allclose(other_seed.sequence(0).positions, one)
    assert not find_problems(flat)
    rough = project_store(small_store, tmp_path / "rough", cameras=2, seed=3, jitter=0.1, hidden=0.3)
    assert "with errors" in rough.report
    assert "jitter 0.1, hidden 0.3" in rough.store.meta["options"]["projected_from"]
    assert any(rough.store.sequence(index).joint_present is not None for index in range(len(rough.store)))
    assert not find_problems(rough.store)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cameras": 0}, "cameras is 0, expected 1 to 100"),
        ({"turn": 181.0}, "turn is 181, expected 0 to 180 degrees"),
        ({"turn": float("nan")}, "turn is nan"),
        ({"seed": -1}, "seed is -1, expected 0 or more"),
        ({"jitter": 1.5}, "jitter is 1.5, expected 0 to 1"),
        ({"hidden": float("nan")}, "hidden is nan, expected 0 to 1"),
    ],
)
def test_cameras_that_cannot_be(small_store: Store, tmp_path: Path, options, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        project_store(small_store, tmp_path / "flat", **options)
    assert not (tmp_path / "flat").exists()


def test_a_picture_is_not_called_as_another_recording_is(small_store: Store, tmp_path: Path) -> None:
    first, second = small_store.names[:2]
    sequences = [
        replace(small_store.sequence(0), name=name, label=None, attributes={})
        for name in (first, f"{first}-camera3", second)
    ]
    source = write_store(sequences, tmp_path / "source", up="y")
    with pytest.raises(DataError, match=f"a recording '{first}-camera3', and the picture .*--cameras 2"):
        project_store(source, tmp_path / "flat", cameras=3)
    assert not (tmp_path / "flat").exists()
    assert len(project_store(source, tmp_path / "flat", cameras=2).store) == 6


def test_every_picture_that_cannot_be_made_and_joints_behind_a_camera_are_told(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    body = random.normal(0, 0.3, (1, 1, 25, 3)).astype(np.float32)
    walks = np.concatenate([body, body + np.float32([0, 0, 90])], 1)  # from before a camera to behind it
    all_in_one_place = np.zeros((1, 2, 25, 3), np.float32)
    sequences = [
        SkeletonSequence(name, positions, np.ones((1, 2), np.bool_), NTU_25)
        for name, positions in (("walks", walks), ("nowhere", all_in_one_place))
    ]
    source = write_store(sequences, tmp_path / "source", up="y", centre=False)
    made = project_store(source, tmp_path / "flat", cameras=2, seed=1)
    assert [entry.file for entry in made.exclusions] == ["nowhere", "nowhere-camera2"]
    num_behind = 2 * 2 * 25 - sum(int(made.store.sequence(index).seen.sum()) for index in range(2))
    assert num_behind > 0
    assert f"not seen  {num_behind} joints behind a camera" in made.report


def test_positions_in_the_plane_are_not_projected(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{store.path}: positions are 2-D already"):
        project_store(store, tmp_path / "flat")
    assert not (tmp_path / "flat").exists()


def test_what_a_camera_shows_is_centred_where_its_source_is(small_store: Store, tmp_path: Path) -> None:
    for is_centred in (True, False):
        options = {**small_store.meta["options"], "centred": is_centred}
        source = replace(small_store, meta={**small_store.meta, "up": "y", "options": options})
        flat = project_store(source, tmp_path / f"flat-{is_centred}").store
        assert flat.meta["options"]["centred"] is is_centred
        one = flat.sequence(0)
        middle = one.positions[0, 0, flat.topology.centre]
        assert np.allclose(middle, 0) == is_centred
        assert np.ptp(one.positions[one.present]) > 100  # pixels


def test_a_store_is_not_made_where_its_source_is(small_store: Store, tmp_path: Path) -> None:
    kept = small_store.content_hash
    source = replace(small_store, meta={**small_store.meta, "up": "y"})
    for out in (source.path, source.path / "flat"):
        with pytest.raises(DataError, match=r"lies in STORE, .*; choose a place outside it"):
            project_store(source, out, overwrite=True)
        with pytest.raises(DataError, match="lies in STORE"):
            convert_store(source, out, source.topology, overwrite=True)
    assert Store.open(small_store.path).content_hash == kept
    assert not (small_store.path / "flat").exists()


def test_a_picture_too_wide_for_whole_numbers_leaves_the_others(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    body = random.normal(0, 0.3, (1, 25, 3)).astype(np.float32)
    walk = np.stack([body[0] + np.float32([0, 0, shift]) for shift in np.linspace(-8, 8, 200)])[None]
    sequences = [
        SkeletonSequence(f"walk{number}", walk, np.ones((1, 200), np.bool_), NTU_25) for number in range(3)
    ]
    source = write_store(sequences, tmp_path / "source", up="y", centre=False)
    made = project_store(source, tmp_path / "flat", cameras=4, positions="int16")
    told = [*made.store.names, *(entry.file for entry in made.exclusions)]
    assert len(told) == len(set(told)) == 12
    assert made.exclusions
