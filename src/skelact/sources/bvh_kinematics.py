"""Forward kinematics of a BVH file: from offsets, positions and angles to the place of every joint."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skelact.sources.bvh_hierarchy import Hierarchy

Floats = npt.NDArray[np.float64]
_FRAMES_AT_A_TIME = 1024


def joint_positions(hierarchy: Hierarchy, motion: Floats) -> Floats:
    """Return where the joints are.

    A joint's rotation is the product of its rotation channels' elementary counter-clockwise rotations, in
    the file's order, on column vectors: ``Zrotation Xrotation Yrotation`` means ``R = Rz Rx Ry``. The joint
    lies at its parent's place plus the parent's accumulated rotation times its own offset; a position
    channel, of the root or of any other joint, replaces the offset along its axis.

    Args:
        hierarchy: V joints.
        motion: (F, numbers a frame), lengths in the file's unit, angles in degrees.

    Returns:
        (F, V, 3) in the file's unit.
    """
    places = np.empty((len(motion), len(hierarchy.joints), 3))
    for start in range(0, len(motion), _FRAMES_AT_A_TIME):
        part = slice(start, start + _FRAMES_AT_A_TIME)
        places[part] = _places(hierarchy, motion[part])
    return places


def _places(hierarchy: Hierarchy, motion: Floats) -> Floats:
    """Return (F, V, 3), for so few frames that their rotations fit into memory.

    Inside, frames come last, so that every operation runs along them.
    """
    joints, channels = hierarchy.joints, np.ascontiguousarray(motion.T)
    turns = _rotations(hierarchy, channels)
    places = np.empty((len(joints), 3, len(motion)))
    for number, joint in enumerate(joints):
        places[number] = np.array(joint.offset, np.float64)[:, None]
        for axis, channel in joint.position_channels.items():
            places[number, axis] = channels[channel]
        if joint.parent != number:  # the parent comes before, so its place and its turn are final
            above = turns[joint.parent]
            places[number] = places[joint.parent] + np.einsum("ijf,jf->if", above, places[number])
            turns[number] = np.einsum("ijf,jkf->ikf", above, turns[number])
    return places.transpose(2, 0, 1)


def _rotations(hierarchy: Hierarchy, channels: Floats) -> Floats:
    """Return the rotation (V, 3, 3, F) of every joint relative to its parent.

    Multiplying by an elementary rotation mixes two columns; joints that turn about the same axis at the same
    place of their order are done together.

    Args:
        hierarchy: V joints.
        channels: (numbers a frame, F).
    """
    joints = hierarchy.joints
    turns = np.zeros((len(joints), 3, 3, channels.shape[1]))
    turns[:, range(3), range(3)] = 1
    for place in range(max(len(joint.rotation_channels) for joint in joints)):
        for axis in range(3):
            about = [
                (number, joint.rotation_channels[place][1])
                for number, joint in enumerate(joints)
                if len(joint.rotation_channels) > place and joint.rotation_channels[place][0] == axis
            ]
            if not about:
                continue
            numbers, used = map(list, zip(*about, strict=True))
            angle = np.radians(channels[used])[:, None]
            cos, sin = np.cos(angle), np.sin(angle)
            first, second = (axis + 1) % 3, (axis + 2) % 3
            a, b = turns[numbers, :, first], turns[numbers, :, second]
            turns[numbers, :, first] = cos * a + sin * b
            turns[numbers, :, second] = cos * b - sin * a
    return turns
