"""The skeleton as a graph: who a joint's neighbours are, in three groups.

Source: the spatial partitioning of Yan et al., *Spatial Temporal Graph Convolutional Networks for
Skeleton-Based Action Recognition*, AAAI 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor

from skelact.skeleton.topology import Topology

PARTITIONS = ("root", "centripetal", "centrifugal")
"""The joint itself; its neighbour towards the topology's root; its neighbours away from it."""


def spatial_partitions(topology: Topology) -> Tensor:
    """Return the normalised adjacency of every partition.

    A joint's neighbours are the joints one bone away, and itself. They are grouped by their distance to the
    root, in bones: equal (only the joint itself, for a skeleton is a tree), smaller (its parent), larger
    (its children). Every entry is 1 / (number of neighbours), so that ``sum_k A[k] @ x`` is the mean over a
    joint's neighbours.

    Args:
        topology: the skeleton, of V joints.

    Returns:
        (3, V, V) float32 in the order of :data:`PARTITIONS`; ``[k, i, j]`` is what joint i takes from j.
    """
    adjacency = torch.zeros(len(PARTITIONS), topology.num_joints, topology.num_joints)
    adjacency[0].fill_diagonal_(1)
    for joint, parent in topology.bones:
        adjacency[1, joint, parent] = 1
        adjacency[2, parent, joint] = 1
    return adjacency / adjacency.sum((0, 2))[:, None]
