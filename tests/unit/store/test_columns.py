"""Stores whose classes, attributes, skeleton and frame rate come from the sequences."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skelact.formats.exclusions import UnusableRecordingError
from skelact.formats.protocol import Protocol
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20, NTU_25
from skelact.skeleton.topology import Topology
from skelact.store.protocols import find_protocol, split
from skelact.store.store import Store
from skelact.store.verify import find_problems
from skelact.store.writer import StoreWriter


def sequence(
    name: str, topology: Topology = NTU_25, coordinates: int = 3, fps: float | None = None
) -> SkeletonSequence:
    positions = np.ones((1, 2, topology.num_joints, coordinates), np.float32)
    return SkeletonSequence(name, positions, np.ones((1, 2), np.bool_), topology, fps=fps)


def writer(path: Path, **options: object) -> StoreWriter:
    fixed: dict[str, object] = {"topology": None, "class_names": None, "fps": None}
    return StoreWriter(path, data_set="mine", options={}, **{**fixed, **options})  # type: ignore[arg-type]


def test_names_get_numbers_in_sorted_order(tmp_path: Path) -> None:
    with writer(tmp_path / "store") as store:
        for number, names in enumerate(
            [{"label": "walk", "subject": "bob"}, {"label": "jump"}, {}, {"label": "walk", "subject": "anna"}]
        ):
            store.add(sequence(str(number)), names)
        opened = store.finish()
    assert opened.class_names == ["jump", "walk"]
    assert opened.labels.tolist() == [1, 0, -1, 1]
    assert opened.attribute_values("subject") == ["anna", "bob"]
    assert opened.attribute("subject").tolist() == [1, -1, -1, 0]
    assert find_problems(opened) == []


def test_fixed_names_keep_their_numbers_and_refuse_others(tmp_path: Path) -> None:
    with writer(
        tmp_path / "store", class_names=["walk", "jump"], attribute_values={"style": ["old", "new"]}
    ) as store:
        store.add(sequence("a"), {"label": "jump", "style": "new"})
        store.add(replace(sequence("b"), label=0, attributes={"style": 0}))
        for names in ({"label": "run"}, {"style": "odd"}):
            with pytest.raises(UnusableRecordingError, match="is not one of the data set's"):
                store.add(sequence("c"), names)
        opened = store.finish()
    assert opened.labels.tolist() == [1, 0]
    assert opened.attribute("style").tolist() == [1, 0]
    assert opened.attribute_values("style") == ["old", "new"]


@pytest.mark.parametrize("name", ["", "a\ud800", "a\0"])
def test_names_that_no_file_can_hold_are_refused(tmp_path: Path, name: str) -> None:
    with writer(tmp_path / "store") as store:
        store.add(sequence("good"))
        with pytest.raises(UnusableRecordingError, match="is no name; expected text") as caught:
            store.add(sequence(name))
        caught.value.args[0].encode()
        with pytest.raises(UnusableRecordingError, match="is no name; expected text"):
            store.add(sequence("b"), {"label": name})
        assert store.finish().names == ["good"]


def test_numbers_and_names_do_not_mix(tmp_path: Path) -> None:
    with writer(tmp_path / "store") as store:
        store.add(replace(sequence("a"), attributes={"subject": 3}), {"camera": "left"})
        with pytest.raises(UnusableRecordingError, match="subject is 'bob', a number before; use one kind"):
            store.add(sequence("b"), {"subject": "bob"})
        with pytest.raises(
            UnusableRecordingError, match="camera is a number here, a name elsewhere; use one kind"
        ):
            store.add(replace(sequence("b"), attributes={"camera": 1}))
        with pytest.raises(UnusableRecordingError, match=r"subject is 3000000000; expected 0 to"):
            store.add(replace(sequence("b"), attributes={"subject": 3_000_000_000}))
        with pytest.raises(UnusableRecordingError, match="class 0 is not one of the data set's"):
            store.add(replace(sequence("b"), label=0))
        assert len(store) == 1


def test_the_first_sequence_decides_the_skeleton(tmp_path: Path) -> None:
    with writer(tmp_path / "store") as store:
        store.add(sequence("a", KINECT_20, 2))
        for other in (sequence("b"), sequence("b", KINECT_20, 3)):
            with pytest.raises(
                UnusableRecordingError, match="b: positions in 3-D, the first recording's are in 2-D"
            ):
                store.add(other)
        opened = store.finish()
    assert opened.topology == KINECT_20
    assert opened.sequence(0).positions.shape == (1, 2, 20, 2)


@pytest.mark.parametrize(
    ("rates", "expected"), [((25.0, 25.0), 25.0), ((25.0, 30.0), None), ((None, 30.0), None)]
)
def test_the_frame_rate_is_the_common_one(
    tmp_path: Path, rates: tuple[float | None, ...], expected: float | None
) -> None:
    with writer(tmp_path / "store") as store:
        for number, fps in enumerate(rates):
            store.add(sequence(str(number), fps=fps))
        assert store.finish().fps == expected


def store_with_protocol(path: Path, protocol: Protocol) -> Store:
    with writer(path, protocols=[protocol.to_dict()]) as store:
        for number in range(4):
            store.add(replace(sequence(str(number)), attributes={"room": number % 2}))
        return store.finish()


def test_a_store_brings_its_own_protocols(tmp_path: Path) -> None:
    own = Protocol("rooms", "room", (1,), None, (2, 2))
    store = store_with_protocol(tmp_path / "store", own)
    assert find_protocol(store, "rooms") == own
    sides = split(store, "rooms")
    assert (sides.train.tolist(), sides.test.tolist()) == ([1, 3], [0, 2])
    assert find_problems(store) == []


def test_a_protocol_by_an_attribute_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    store = store_with_protocol(tmp_path / "store", Protocol("floors", "floor", (1,)))
    assert find_problems(store) == ["floors: splits by 'floor', which the sequences do not have"]


def test_missing_joints_of_a_later_sequence(tmp_path: Path) -> None:
    seen = np.ones((1, 2, 25), np.bool_)
    seen[0, 1, 3] = False
    with writer(tmp_path / "store") as store:
        store.add(sequence("a"))
        store.add(replace(sequence("b"), joint_present=seen))
        store.add(sequence("c"))
        opened = store.finish()
    assert opened.array("joint_present").shape == (6, 25)
    assert np.argwhere(~opened.array("joint_present")).tolist() == [[3, 3]]
    np.testing.assert_array_equal(opened.sequence(1).joint_present, seen)
