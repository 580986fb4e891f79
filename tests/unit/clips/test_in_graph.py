"""Clips by whole tensors are those that a clip source makes of a store."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skelact.clips.in_graph import ClipsInGraph
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.view import Axis, centre
from skelact.store.in_memory import store_in_memory

NTU = TOPOLOGIES["ntu-25"]


def recording(
    seed: int, num_bodies: int, num_frames: int, num_coordinates: int, gaps: bool
) -> SkeletonSequence:
    """Return people who walk about at random; with gaps, people and joints that are not seen now and then."""
    draw = np.random.default_rng(seed)
    rest = draw.normal(size=(num_bodies, 1, NTU.num_joints, num_coordinates))
    walk = draw.normal(size=(num_bodies, num_frames, 1, num_coordinates)).cumsum(1) * 0.05
    positions = (
        rest + walk + 0.1 * draw.normal(size=(num_bodies, num_frames, NTU.num_joints, num_coordinates))
    )
    present = draw.random((num_bodies, num_frames)) > 0.4 * gaps
    present[:, num_frames // 2] = True
    seen = (draw.random((num_bodies, num_frames, NTU.num_joints)) > 0.2 * gaps) & present[..., None]
    seen[..., 3] |= present
    positions = np.where(seen[..., None], positions, 0).astype(np.float32)
    return SkeletonSequence(f"r{seed}", positions, present, NTU, seen if gaps else None)


def without_hips(sequence: SkeletonSequence) -> SkeletonSequence:
    """Return a recording that tells nowhere how its body is turned."""
    assert sequence.joint_present is not None
    seen = sequence.joint_present.copy()
    seen[..., [NTU.index("HipLeft"), NTU.index("HipRight")]] = False
    return replace(sequence, positions=np.where(seen[..., None], sequence.positions, 0), joint_present=seen)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        ClipSettings(num_frames=24),
        ClipSettings(num_frames=24, gaps="zero", max_bodies=1, stream="bone-motion"),
        ClipSettings(num_frames=24, view="upright", scale="body", stream="bone", test_crop_share=0.5),
        ClipSettings(num_frames=24, view="body", scale="body", stream="motion", max_bodies=3),
        ClipSettings(num_frames=24, view="body", scale="body", rotation=0),
    ],
    ids=lambda settings: f"{settings.view}-{settings.scale}-{settings.stream}-{settings.rotation:g}",
)
def test_the_clips_of_a_store_and_of_positions_are_the_same(settings: ClipSettings, gaps: bool) -> None:
    num_coordinates = 2 if settings.rotation == 0 else 3
    sizes = [(1, 40), (2, 9), (3, 70), (1, 1)]
    recordings = [recording(seed, *size, num_coordinates, gaps) for seed, size in enumerate(sizes)]
    if gaps:
        recordings.append(without_hips(recording(4, 1, 30, num_coordinates, gaps)))
    up: Axis = "-y" if num_coordinates == 2 else "-z"
    store = store_in_memory([centre(each) for each in recordings], up)
    expected = ClipSource(store, settings).test(range(len(recordings)))
    shape = (len(recordings), 3, 70, NTU.num_joints, num_coordinates)
    positions = np.full(shape, np.nan, np.float32)
    for number, each in enumerate(recordings):
        seen = each.present[..., None]
        if each.joint_present is not None:
            seen = seen & each.joint_present
        bodies, frames = each.present.shape
        positions[number, :bodies, :frames] = np.where(seen[..., None], each.positions, np.nan)
    made = ClipsInGraph(settings, NTU, up)(torch.from_numpy(positions))
    held = min(3, settings.max_bodies)
    torch.testing.assert_close(made.present, expected.present[:, :held])
    torch.testing.assert_close(made.positions, expected.positions[:, :held], atol=2e-5, rtol=1e-5)
    if gaps:
        assert expected.seen is not None
        there = expected.present[:, :held]
        torch.testing.assert_close(made.seen[there], expected.seen[:, :held][there])
