"""Augmentations of space, for contrastive learning: shear, flip, rotation, and a coordinate lost.

Each is a matrix a clip, so that together they are one matrix product; a flip exchanges joints as well.
Matrices are applied to column vectors. N is the number of clips, B of bodies, C of coordinates.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skelact.clips.augmentation_draws import AugmentationDraws
from skelact.clips.rotation import rotation_matrices
from skelact.clips.settings import AugmentationSettings
from skelact.errors import ConfigurationError
from skelact.skeleton.topology import Topology


def shear_matrices(settings: AugmentationSettings, draws: AugmentationDraws, num_coordinates: int) -> Tensor:
    """Return (N, C, C) shears: 1 on the diagonal, even draws from ± the amplitude elsewhere."""
    off_diagonal = ~torch.eye(num_coordinates, dtype=torch.bool)
    entries = (2 * draws.of("shear") - 1) * settings.shear_amplitude
    matrices = torch.eye(num_coordinates).repeat(len(draws), 1, 1)
    matrices[:, off_diagonal] = entries[:, : int(off_diagonal.sum())].float()
    return matrices


def mirror_matrices(is_flipped: Tensor, axis: int, num_coordinates: int) -> Tensor:
    """Return (N, C, C) matrices that change the sign of one coordinate of the clips that are flipped.

    Raises:
        ConfigurationError: positions have no such coordinate.
    """
    if axis >= num_coordinates:
        raise ConfigurationError(f"flip_axis is {axis}, but positions have {num_coordinates} coordinates")
    signs = torch.ones(len(is_flipped), num_coordinates)
    signs[is_flipped, axis] = -1
    return torch.diag_embed(signs)


def main_axis_rotations(settings: AugmentationSettings, draws: AugmentationDraws) -> Tensor:
    """Return (N, 3, 3) rotations about the origin, mostly about one axis."""
    uniform = draws.of("rotation")
    axis = (uniform[:, :1] * 3).long()
    angles = uniform[:, 2:] * settings.rotation_minor
    angles = angles.scatter(1, axis, uniform[:, 1:2] * settings.rotation_main) * (math.pi / 180)
    return torch.from_numpy(rotation_matrices(angles.numpy())).float()


def kept_axes(settings: AugmentationSettings, draws: AugmentationDraws, num_coordinates: int) -> Tensor:
    """Return (N, C) float32: 0 for the coordinate that a clip loses, 1 for those that it keeps."""
    chance, which = draws.of("axis_mask").unbind(1)
    lost = torch.where(chance < settings.axis_mask_probability, (which * num_coordinates).long(), -1)
    return (torch.arange(num_coordinates) != lost[:, None]).float()


def transform(bodies: Tensor, about_joint: Tensor, whole: Tensor, joint: int) -> Tensor:
    """Return ``whole @ (c + about_joint @ (x - c))`` for every position x, c being the frame's own ``joint``.

    Args:
        bodies: (B, T, V, C) positions in m.
        about_joint: (B, C, C), applied about the joint.
        whole: (B, C, C), applied about the origin afterwards.
        joint: index of the joint that ``about_joint`` leaves where it is.
    """
    both = torch.bmm(whole, about_joint)
    moved = torch.bmm(bodies.flatten(1, 2), both.mT).view(bodies.shape)
    centre = torch.bmm(bodies[:, :, joint], (whole - both).mT)  # (B, T, C)
    return moved.add_(centre.unsqueeze(2))


def mirrored_joints(topology: Topology) -> Tensor:
    """Return (V,) the joint on the other side of each joint; one in the middle is its own.

    Raises:
        ConfigurationError: the topology has no left-right pairs.
    """
    if not topology.pairs:
        raise ConfigurationError(
            f"topology {topology.name!r} has no left-right pairs, so it cannot be flipped; "
            "name the pairs in the topology, or switch the flip off"
        )
    mirrored = torch.arange(topology.num_joints)
    for left, right in topology.pairs:
        mirrored[left], mirrored[right] = right, left
    return mirrored


def exchange_joints(x: Tensor, is_flipped: Tensor, topology: Topology, dim: int = -1) -> Tensor:
    """Exchange left and right joints, of positions or of masks that belong to them.

    Args:
        x: (B, ...) with the joints along ``dim``.
        is_flipped: (B,) bool, the bodies or clips in which they are exchanged.
        topology: the skeleton.
        dim: the axis of the joints.

    Raises:
        ConfigurationError: the topology has no left-right pairs.
    """
    mirrored = mirrored_joints(topology).to(x.device)
    flipped = is_flipped.nonzero()[:, 0]
    return x.index_copy(0, flipped, x.index_select(0, flipped).index_select(dim, mirrored))
