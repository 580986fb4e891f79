import torch

from skelact.pretraining.distilled.views import scale_limbs
from skelact.skeleton.limbs import limbs
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology


def slow(body, factors, topology):
    """Walk from the root outwards, one joint after the other."""
    factor = {joint: factors[number] for number, limb in enumerate(limbs(topology)) for joint in limb}
    placed = {topology.root: body[:, topology.root]}
    while len(placed) < topology.num_joints:
        for joint, parent in topology.bones:
            if parent in placed and joint not in placed:
                placed[joint] = placed[parent] + factor[joint] * (body[:, joint] - body[:, parent])
    return torch.stack([placed[joint] for joint in range(topology.num_joints)], 1)


def test_equals_a_walk_along_the_tree():
    topologies = [*TOPOLOGIES.values(), Topology("tree", tuple("abcde"), (2, 0, 2, 1, 2))]
    for topology in topologies:
        for num_coordinates in (2, 3):
            bodies = torch.randn(3, 4, topology.num_joints, num_coordinates)
            factors = 0.85 + 0.3 * torch.rand(3, len(limbs(topology)))
            scaled = scale_limbs(bodies, factors, topology)
            for body, factor, found in zip(bodies, factors, scaled, strict=True):
                torch.testing.assert_close(found, slow(body, factor, topology), atol=1e-5, rtol=1e-5)


def test_ones_change_nothing():
    topology = TOPOLOGIES["ntu-25"]
    bodies = torch.randn(2, 5, 25, 3)
    ones = torch.ones(2, len(limbs(topology)))
    torch.testing.assert_close(scale_limbs(bodies, ones, topology), bodies, atol=1e-5, rtol=1e-5)
