"""Sequences packed by one process and appended by another, and arrays hashed while they are written."""

import hashlib
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skelact.formats.exclusions import NO_BODY, UnusableRecordingError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.fixed_point import POSITION_TYPES
from skelact.store.packing import frame_rows, pack
from skelact.store.prepare import prepare
from skelact.store.verify import find_problems
from skelact.store.writer import ArrayFile, StoreWriter


def some_sequence(name: str = "a") -> SkeletonSequence:
    """Three bodies over five frames: one never there, no body in frame 2, one joint missing."""
    present = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 0, 0], [0, 1, 0, 1, 1]], np.bool_)
    seen = np.broadcast_to(present[..., None], (3, 5, 25)).copy()
    seen[0, 1, 7] = False
    positions = np.random.default_rng(0).normal(size=(3, 5, 25, 3)).astype(np.float32) * seen[..., None]
    return SkeletonSequence(name, positions, present, NTU_25, seen, fps=30.0, label=1, attributes={"room": 2})


@pytest.mark.parametrize("position_type", POSITION_TYPES)
def test_packed_elsewhere_and_appended_is_as_added(tmp_path: Path, position_type: str) -> None:
    hashes = set()
    for way in ("added", "packed"):
        with StoreWriter(
            tmp_path / way,
            data_set="any",
            topology=None,
            class_names=["x", "y"],
            fps=None,
            options={},
            positions=position_type,
        ) as writer:
            whole = replace(some_sequence("whole"), joint_present=None)
            for sequence in (whole, some_sequence("a"), replace(whole, name="b")):
                if way == "added":
                    writer.add(sequence, {"style": "old"})
                else:
                    packed = pack(sequence, {"style": "old"}, position_type=position_type)
                    writer.append(pickle.loads(pickle.dumps(packed)))
            store = writer.finish()
        assert find_problems(store) == []
        hashes.add(store.content_hash)
        kept = store.sequence(1)
        np.testing.assert_array_equal(kept.present, some_sequence().present[[0, 2]])
        np.testing.assert_allclose(kept.positions, some_sequence().positions[[0, 2]], atol=1e-4)
        np.testing.assert_array_equal(kept.joint_present, some_sequence().joint_present[[0, 2]])
    assert len(hashes) == 1


def test_joints_that_are_all_there_are_not_packed() -> None:
    sequence = replace(some_sequence(), joint_present=None)
    full = np.broadcast_to(sequence.present[..., None], (3, 5, 25))
    for seen in (None, full):
        packed = pack(replace(sequence, joint_present=seen), position_type="float32")
        assert set(packed.arrays) == {"joints", "frame_rows", "frame_numbers"}
        assert not packed.record.joints_missing
        assert len(packed.arrays["joints"]) == packed.record.num_rows * 25 * 3 * 4 == 6 * 300


def test_no_body_is_refused() -> None:
    sequence = replace(some_sequence(), present=np.zeros((3, 5), np.bool_))
    with pytest.raises(UnusableRecordingError, match="a: no body is present in any frame") as caught:
        pack(sequence, position_type="float32")
    assert caught.value.reason == NO_BODY


def test_rows_of_bodies_that_are_always_present() -> None:
    present = np.ones((2, 3), np.bool_)
    np.testing.assert_array_equal(frame_rows(present), [[0, 1, 2], [3, 4, 5]])
    present[1, 1] = False
    np.testing.assert_array_equal(frame_rows(present), [[0, 1, 2], [3, ~3, 4]])


def test_an_array_is_hashed_while_it_grows(tmp_path: Path) -> None:
    array = ArrayFile(tmp_path / "joints.bin")
    for part in (b"first", b"second"):
        array.append(part)
    array.close()
    assert (tmp_path / "joints.bin").read_bytes() == b"firstsecond"
    assert array.sha256 == hashlib.sha256(b"firstsecond").hexdigest()


def test_what_workers_refuse_stands_in_the_account(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(40):
        joints = [[0, 0, 0]] * 16 + [[1000 if number == 21 else 1, 1, 1]]
        table = {"topology": "coco-17", "bodies": [{"positions": [joints]}]}
        (raw / f"{number}.json").write_text(json.dumps(table))
    one, two = (
        prepare("pose-json", raw, tmp_path / str(workers), num_workers=workers, positions="int16")
        for workers in (1, 2)
    )
    assert one.exclusions == two.exclusions
    (only,) = one.exclusions
    assert (only.file, only.reason) == ("21.json", "too far from the origin for 16-bit positions")
    assert one.store.content_hash == two.store.content_hash
