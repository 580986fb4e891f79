"""The topology of a BVH file: its hierarchy, with left-right pairs and a centre told by the joints' names."""

from __future__ import annotations

from skelact.skeleton.joint_names import left_right_pairs
from skelact.skeleton.topology import Topology
from skelact.sources.bvh_hierarchy import Hierarchy
from skelact.sources.unusable import malformed

_HIPS = ("hips", "pelvis", "hip")


def kept_joints(hierarchy: Hierarchy, left_out: frozenset[str]) -> list[int]:
    """Return the numbers of the joints whose names are not in ``left_out``, in the file's order."""
    return [number for number, joint in enumerate(hierarchy.joints) if joint.name not in left_out]


def to_topology(
    file: str, hierarchy: Hierarchy, name: str, left_out: frozenset[str] = frozenset()
) -> Topology:
    """Return the skeleton of ``hierarchy``, less the joints called as in ``left_out``.

    A joint hangs from its nearest ancestor that is kept. The centre is the first joint whose name ends in
    hips, pelvis or hip (in any case) and that is no side's, or the root where there is none.

    Args:
        file: how errors call the file.
        hierarchy: the file's joints.
        name: the topology's name.
        left_out: names of joints that the topology does without.

    Raises:
        UnusableRecordingError: the joints that are kept do not form one tree.
    """
    joints, kept = hierarchy.joints, kept_joints(hierarchy, left_out)
    place = {number: index for index, number in enumerate(kept)}
    parents = []
    for number in kept:
        ancestor = joints[number].parent
        while ancestor not in place and ancestor != joints[ancestor].parent:
            ancestor = joints[ancestor].parent
        parents.append(place.get(ancestor, place[number]))
    if sum(index == parent for index, parent in enumerate(parents)) != 1:
        without = ", ".join(sorted(left_out))
        raise malformed(file, joints[0].line, f"without {without} the joints do not form one tree")
    names = tuple(joints[number].name for number in kept)
    root = next(index for index, parent in enumerate(parents) if index == parent)
    pairs = left_right_pairs(names)
    sided = {index for pair in pairs for index in pair}
    hips = (
        index for index, joint in enumerate(names) if joint.lower().endswith(_HIPS) and index not in sided
    )
    return Topology(name, names, tuple(parents), pairs, next(hips, root))
