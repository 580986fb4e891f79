"""Bodies of other proportions: every limb's bones longer or shorter, by forward kinematics on any tree."""

from __future__ import annotations

import torch
from torch import Tensor

from skelact.skeleton.limbs import limbs
from skelact.skeleton.topology import Topology


def scale_limbs(bodies: Tensor, factors: Tensor, topology: Topology) -> Tensor:
    """Return bodies whose bones are longer or shorter, limb by limb; directions of bones and roots stay.

    Args:
        bodies: (B, T, V, C) joint positions.
        factors: (B, limbs) by what the bones that end in a limb's joints are multiplied, in the order of
            :func:`skelact.skeleton.limbs.limbs`.
        topology: the skeleton.

    Returns:
        (B, T, V, C).
    """
    joints = torch.empty(topology.num_joints, dtype=torch.int64)  # the limb of each
    for number, limb in enumerate(limbs(topology)):
        joints[list(limb)] = number
    parents = torch.tensor(topology.parents)
    above = torch.eye(topology.num_joints)  # [v, w]: w lies between the root and v, or is v
    for _ in range(topology.num_joints):
        wider = torch.maximum(above, above[parents])
        if torch.equal(wider, above):
            break
        above = wider
    # x_v = x_root + sum over the bones up to v of factor * (x_w - x_parent(w)), as one matrix a body
    bones = torch.eye(topology.num_joints)
    bones[torch.arange(topology.num_joints), parents] -= 1
    bones[topology.root, topology.root] = 1
    above, bones, joints = (each.to(bodies.device) for each in (above, bones, joints))
    of_joints = factors.to(bodies).index_select(1, joints)
    of_joints[:, topology.root] = 1
    weights = (above.to(bodies.dtype) * of_joints.unsqueeze(1)) @ bones.to(bodies.dtype)  # (B, V, V)
    return weights.unsqueeze(1) @ bodies
