"""Clips of a store in which joints are missing, against a slow version."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips.body_frames import JointSubstitutes
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20
from skelact.skeleton.topology import Topology
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

# 0 is the root; 1 and 3 hang from it, 2 from 1, 4 from 2
TREE = Topology("tree", tuple("abcde"), (0, 0, 1, 0, 2))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("abcde", "abcde"),
        ("acde", "aacde"),  # b is gone: its parent a
        ("ade", "aaade"),  # b and c are gone: their nearest ancestor a
        ("de", "dddde"),  # the root is gone: d is one bone from it, e three
        ("e", "eeeee"),
        ("bd", "bbbdb"),  # b and d are one bone from the root: b comes first
    ],
)
def test_substitutes(seen: str, expected: str) -> None:
    is_seen = torch.tensor([[joint in seen for joint in TREE.joints]])
    assert "".join(TREE.joints[place] for place in JointSubstitutes(TREE).find(is_seen)[0]) == expected


def test_a_root_in_the_middle_of_the_list() -> None:
    tree = Topology("tree", tuple("abc"), (1, 2, 2))
    found = JointSubstitutes(tree).find(torch.tensor([[False, False, True], [True, False, False]]))
    assert found.tolist() == [[2, 2, 2], [0, 0, 0]]


def write(path: Path, sequences: list[SkeletonSequence]) -> Store:
    with StoreWriter(
        path, data_set="mine", topology=KINECT_20, class_names=["a"], fps=30.0, options={}
    ) as writer:
        for sequence in sequences:
            writer.add(sequence)
        return writer.finish()


def random_sequence(name: str, num_bodies: int, num_frames: int, seed: int) -> SkeletonSequence:
    random = np.random.default_rng(seed)
    shape = (num_bodies, num_frames, 20)
    joint_present = random.random(shape) < 0.6
    joint_present[..., 3] = True
    joint_present[0, :, 7] = False  # never seen
    present = random.random(shape[:2]) < 0.8
    present[0] = True
    joint_present &= present[..., None]
    positions = random.normal(size=(*shape, 3)).astype(np.float32)
    positions[~joint_present] = 0
    return SkeletonSequence(name, positions, present, KINECT_20, joint_present=joint_present, label=0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return write(tmp_path / "store", [random_sequence("one", 1, 90, 0), random_sequence("two", 2, 70, 1)])


def filled(sequence: SkeletonSequence) -> np.ndarray:
    """Positions with every missing joint of a present body at its substitute's place, joint by joint."""
    assert sequence.joint_present is not None
    positions, topology = sequence.positions.copy(), sequence.topology
    depth = []
    for joint in range(20):
        steps = 0
        while joint != topology.root:
            joint, steps = topology.parents[joint], steps + 1
        depth.append(steps)
    for body, frame in np.argwhere(sequence.present):
        seen = sequence.joint_present[body, frame]
        first = min((joint for joint in range(20) if seen[joint]), key=lambda joint: (depth[joint], joint))
        for joint in range(20):
            source = joint
            while not seen[source] and source != topology.root:
                source = topology.parents[source]
            source = source if seen[source] else first
            positions[body, frame, joint] = sequence.positions[body, frame, source]
    return positions


@pytest.mark.parametrize("gaps", ["hold", "zero"])
def test_missing_joints_take_their_substitutes_place(store: Store, tmp_path: Path, gaps: str) -> None:
    """A store whose missing joints were filled beforehand gives the same clips."""
    sequences = [store.sequence(index) for index in range(2)]
    plain = write(
        tmp_path / "plain",
        [SkeletonSequence(one.name, filled(one), one.present, KINECT_20, label=0) for one in sequences],
    )
    settings = ClipSettings(num_frames=24, gaps=gaps)
    draws = draw_crops(3, torch.Generator().manual_seed(3))
    expected = ClipSource(plain, settings).train([0, 1, 0], draws)
    clips = ClipSource(store, settings).train([0, 1, 0], draws)
    assert expected.joint_present is None
    torch.testing.assert_close(clips.positions, expected.positions, atol=1e-6, rtol=0)
    assert torch.equal(clips.present, expected.present)


def test_a_joint_seen_in_the_crop_is_present(store: Store) -> None:
    clips = ClipSource(store, ClipSettings(num_frames=4, test_crop_share=0.1)).test([0, 1])
    assert clips.joint_present is not None
    assert clips.joint_present.shape == (2, 2, 20)
    for clip, num_frames in enumerate((90, 70)):
        sequence = store.sequence(clip)
        assert sequence.joint_present is not None
        dropped = int(0.9 * num_frames / 2 + 1e-9)
        crop = sequence.joint_present[:, dropped : num_frames - dropped]
        for body in range(sequence.num_bodies):
            assert clips.joint_present[clip, body].tolist() == crop[body].any(0).tolist()
    assert not clips.joint_present[0, 1].any()  # there is no second body


def test_a_body_without_any_joint_is_an_error(tmp_path: Path) -> None:
    sequence = random_sequence("hollow", 1, 5, 0)
    assert sequence.joint_present is not None
    sequence.joint_present[0, 2] = False
    with pytest.raises(DataError, match="hollow has a body of which no joint is present"):
        ClipSource(write(tmp_path / "store", [sequence]), ClipSettings(rotation=0)).test([0])


def test_clips_tell_which_joints_were_seen_when(store: Store, small_store: Store) -> None:
    settings = ClipSettings(num_frames=48, test_crop_share=1.0)
    for of in (store, small_store):
        clips = ClipSource(of, settings).test([0, 1])
        assert clips.seen is not None
        for number in (0, 1):
            sequence = of.sequence(number)
            for body in range(sequence.num_bodies):
                for frame in range(48):
                    place = max((frame + 0.5) * sequence.num_frames / 48 - 0.5, 0)
                    nearer = min(int(place) + (place - int(place) > 0.5), sequence.num_frames - 1)
                    expected = np.full(of.topology.num_joints, sequence.present[body, nearer])
                    if sequence.joint_present is not None:
                        expected &= sequence.joint_present[body, nearer]
                    assert clips.seen[number, body, frame].tolist() == expected.tolist()
    assert not clips.seen[0, 1:].any()


def test_where_everything_is_seen_clips_do_not_say_so(tmp_path: Path) -> None:
    sequence = random_sequence("one", 1, 30, 0)
    whole = replace(sequence, present=np.ones((1, 30), np.bool_), joint_present=None)
    source = ClipSource(write(tmp_path / "whole", [whole]), ClipSettings(num_frames=16, min_crop_frames=8))
    assert source.train([0], draw_crops(1, torch.Generator())).seen is None


def test_stillness_is_told_from_absence_where_clips_show_motion(small_store: Store) -> None:
    source = ClipSource(small_store, ClipSettings(num_frames=8, stream="motion"))
    clips = source.test([0])
    assert clips.seen is not None
    assert clips.seen[clips.present].all()
    assert not clips.positions[:, :, -1].any()  # nothing moves in the last frame, and it is seen
