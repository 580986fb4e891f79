"""The limbs of any skeleton, found from its tree: runs of joints from one branching to the next."""

from __future__ import annotations

from skelact.skeleton.topology import Topology


def limbs(topology: Topology) -> tuple[tuple[int, ...], ...]:
    """Return the limbs, each from the root outwards; every joint is in exactly one.

    A limb ends where the tree branches, and at its tips. Two things are no limb of their own: a single tip
    that hangs on a limb's end, like a thumb on an arm, belongs to that limb, as its last; a root from which
    several limbs go belongs to one that lies in the middle of the body (whose joints have no other side), of
    several to the first.
    """
    children: list[list[int]] = [[] for _ in topology.joints]
    for joint, parent in topology.bones:
        children[parent].append(joint)
    found: list[list[int]] = []
    starts = [topology.root]
    for start in starts:
        limb = [start]
        while len(children[limb[-1]]) == 1:
            limb += children[limb[-1]]
        found.append(limb)
        starts += children[limb[-1]]
    by_end = {limb[-1]: limb for limb in found[1:]}
    kept = found[:1]
    for limb in found[1:]:
        hangs_on = by_end.get(topology.parents[limb[0]])
        if len(limb) == 1 and not children[limb[0]] and hangs_on is not None:
            hangs_on.append(limb[0])
        else:
            kept.append(limb)
    if len(kept[0]) == 1 and len(kept) > 1:
        sided = {joint for pair in topology.pairs for joint in pair}
        from_root = [limb for limb in kept[1:] if topology.parents[limb[0]] == topology.root]
        middle = next((limb for limb in from_root if not sided.intersection(limb)), from_root[0])
        middle.insert(0, topology.root)
        del kept[0]
    return tuple(map(tuple, kept))
