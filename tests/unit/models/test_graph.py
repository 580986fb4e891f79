import pytest
import torch

from skelact.models.st_gcn import spatial_partitions
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology

# 0 - 1 - 2, and 3 hangs from 1 as well; 1 is the root
FORK = Topology("fork", ("a", "b", "c", "d"), (1, 1, 1, 2))


def test_partitions_of_a_small_skeleton_by_hand():
    root, centripetal, centrifugal = spatial_partitions(FORK)
    # neighbours with themselves: a 2 (a b), b 3 (b a c), c 3 (c b d), d 2 (d c)
    torch.testing.assert_close(root, torch.diag(torch.tensor([1 / 2, 1 / 3, 1 / 3, 1 / 2])))
    expected = torch.zeros(4, 4)
    expected[0, 1], expected[2, 1], expected[3, 2] = 1 / 2, 1 / 3, 1 / 2
    torch.testing.assert_close(centripetal, expected)
    expected = torch.zeros(4, 4)
    expected[1, 0], expected[1, 2], expected[2, 3] = 1 / 3, 1 / 3, 1 / 3
    torch.testing.assert_close(centrifugal, expected)


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES.keys())
def test_partitions_do_not_overlap_and_average_over_the_neighbours(topology):
    adjacency = spatial_partitions(topology)
    torch.testing.assert_close(adjacency.sum((0, 2)), torch.ones(topology.num_joints))
    assert ((adjacency > 0).sum(0) <= 1).all()
    links = adjacency.sum(0) > 0
    assert torch.equal(links, links.T)
    assert links.sum() == topology.num_joints + 2 * (topology.num_joints - 1)  # a tree has V - 1 bones
