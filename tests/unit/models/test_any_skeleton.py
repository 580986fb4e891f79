"""One encoder for every skeleton: joints are known by their names."""

from __future__ import annotations

import pytest
import torch

from skelact.errors import ConfigurationError
from skelact.models.embedding import JointTable
from skelact.models.token_encoder import TokenEncoder
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology

NTU, KINECT = TOPOLOGIES["ntu-25"], TOPOLOGIES["kinect-20"]
SIZES = TokenEncoderConfig(num_joints=25, patch_frames=4, width=16, depth=2, num_heads=2, pooling="mean")


def encoder_of(topology=NTU):
    torch.manual_seed(0)
    sizes = TokenEncoderConfig(**{**vars(SIZES), "num_joints": topology.num_joints})
    return TokenEncoder(sizes, topology).eval()


def test_a_skeleton_in_another_order_has_the_same_features():
    order = list(range(25))[::-1]
    parents = [order.index(NTU.parents[joint]) for joint in order]
    other = Topology("reversed", tuple(NTU.joints[joint] for joint in order), tuple(parents))
    encoder, clips = encoder_of(), torch.randn(2, 1, 8, 25, 3)
    fitted = encoder.fitted(other)
    torch.testing.assert_close(fitted(clips[:, :, :, order]), encoder(clips)[:, :, :, order])


def test_joints_that_a_skeleton_lacks_are_as_if_they_had_not_been_seen():
    encoder, clips = encoder_of(), torch.randn(2, 1, 8, 25, 3)
    kept = [joint for joint, name in enumerate(NTU.joints) if not name.startswith(("Thumb", "HandTip"))]
    names = tuple(NTU.joints[joint] for joint in kept)
    parents = tuple(kept.index(NTU.parents[joint]) for joint in kept)
    fitted = encoder.fitted(Topology("fewer", names, parents))
    seen = torch.zeros(2, 1, 8, 25, dtype=torch.bool)
    seen[..., kept] = True
    torch.testing.assert_close(
        fitted.embed_bodies(clips[..., kept, :]), encoder.embed_bodies(clips, seen=seen)
    )


def test_a_joint_without_a_known_name_is_told_as_the_nearest():
    table = JointTable(NTU, 8)
    own = Topology("with a tail", (*KINECT.joints, "Tail"), (*KINECT.parents, KINECT.root))
    fitted = JointTable(own, 8)
    fitted.take(table)
    rows, known = fitted(), table()
    torch.testing.assert_close(rows[20], rows[KINECT.root])
    torch.testing.assert_close(rows[own.index("HandLeft")], known[NTU.index("HandLeft")])


def test_a_name_that_was_never_trained_is_told_as_the_nearest_that_was():
    table = JointTable(KINECT, 8)  # knows no thumbs
    fitted = JointTable(NTU, 8)
    fitted.take(table)
    torch.testing.assert_close(fitted()[NTU.index("ThumbLeft")], fitted()[NTU.index("HandLeft")])


def test_a_skeleton_with_no_known_name_is_refused():
    stranger = Topology("worm", ("a", "b"), (0, 0))
    with pytest.raises(ConfigurationError, match="no joint has a name that the encoder knows"):
        encoder_of().fitted(stranger)
