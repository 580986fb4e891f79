import pytest
import torch

from skelact.clips.settings import STREAMS
from skelact.clips.streams import bones, motion, to_stream
from skelact.errors import ConfigurationError
from skelact.skeleton.tables import KINECT_20, NTU_25
from skelact.skeleton.topology import Topology


@pytest.mark.parametrize("topology", [NTU_25, KINECT_20], ids=lambda topology: topology.name)
def test_bones_add_up_to_the_joints(topology: Topology) -> None:
    positions = torch.randn(2, 1, 4, topology.num_joints, 3, generator=torch.Generator().manual_seed(0))
    vectors = bones(positions, topology)
    assert not vectors[..., topology.root, :].any()
    for joint in range(topology.num_joints):
        place, node = positions[..., topology.root, :].clone(), joint
        while node != topology.root:
            place += vectors[..., node, :]
            node = topology.parents[node]
        torch.testing.assert_close(place, positions[..., joint, :])


def test_motion_is_the_step_to_the_next_frame() -> None:
    positions = torch.randn(2, 2, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    moved = motion(positions)
    assert not moved[:, :, -1].any()
    torch.testing.assert_close(positions[:, :, :1] + moved[:, :, :-1].cumsum(2), positions[:, :, 1:])
    assert not motion(positions[:, :, :1]).any()


def test_bone_motion_is_the_motion_of_bones_and_the_bones_of_motion() -> None:
    positions = torch.randn(1, 1, 6, 25, 3, generator=torch.Generator().manual_seed(0))
    both = to_stream(positions, "bone-motion", NTU_25)
    torch.testing.assert_close(both, motion(bones(positions, NTU_25)))
    torch.testing.assert_close(both, bones(motion(positions), NTU_25))
    assert len({to_stream(positions, stream, NTU_25).sum().item() for stream in STREAMS}) == len(STREAMS)


def test_an_unknown_stream_is_named() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'bone'"):
        to_stream(torch.zeros(1, 1, 1, 25, 3), "bones", NTU_25)
