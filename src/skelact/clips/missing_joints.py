"""Joints that were not seen: which joint's position each of them takes."""

from __future__ import annotations

import torch
from torch import Tensor

from skelact.skeleton.topology import Topology


class JointSubstitutes:
    """Finds a seen joint for every joint of a skeleton.

    A missing joint takes the position of its nearest ancestor that was seen; where none of its ancestors was,
    that of the seen joint with the fewest bones to the root (of several, the first in the topology). So no
    position is made up, a missing joint's bone is 0, and nothing ever lies at the origin by default.
    """

    def __init__(self, topology: Topology) -> None:
        depths = [0] * topology.num_joints
        for joint in range(topology.num_joints):
            ancestor = joint
            while ancestor != topology.root:
                ancestor = topology.parents[ancestor]
                depths[joint] += 1
        self._parents = topology.parents
        self._outwards = sorted(range(topology.num_joints), key=lambda joint: depths[joint])

    def find(self, is_seen: Tensor) -> Tensor:
        """Return the joint whose position each joint takes; a seen joint takes its own.

        Args:
            is_seen: (R, V) bool, at least one joint in every row.

        Returns:
            (R, V) int64.

        Raises:
            ValueError: a row without a seen joint.
        """
        if not is_seen.any(1).all():
            raise ValueError("a body of which no joint was seen has no position")
        root, *others = self._outwards
        nearest_root = is_seen[:, self._outwards].int().argmax(1)  # the first True
        substitutes = torch.empty(is_seen.shape, dtype=torch.int64)
        substitutes[:, root] = torch.tensor(self._outwards)[nearest_root]
        for joint in others:
            above = substitutes[:, self._parents[joint]]
            substitutes[:, joint] = torch.where(is_seen[:, joint], joint, above)
        return substitutes
