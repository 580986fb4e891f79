"""Augmentations by the batch: what contrastive learning does to a clip before an encoder sees it.

In this order: crop, change of pace and smoothing, as one resampling in time; then shear, flip, rotation and
the loss of a coordinate, as one matrix; then noise on the coordinates that are left, as strong as its
setting says.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from skelact.clips.augmentation_draws import AugmentationDraws
from skelact.clips.distortions import (
    exchange_joints,
    kept_axes,
    main_axis_rotations,
    mirror_matrices,
    shear_matrices,
    transform,
)
from skelact.clips.settings import AugmentationSettings
from skelact.clips.time_maps import blur_weights, draw_moments, moment_weights, resample
from skelact.errors import ConfigurationError
from skelact.skeleton.topology import Topology


class Augmented(NamedTuple):
    """Augmented clips, and what a mask over frames and joints must go through to fit them."""

    positions: Tensor
    """(N, M, T, V, C) in m."""
    moments: Tensor
    """(N, T) float64: the moment of the old clip that each frame shows, in frames."""
    is_flipped: Tensor
    """(N,) bool: True where left and right joints were exchanged."""


def augment(
    positions: Tensor,
    present: Tensor,
    topology: Topology,
    settings: AugmentationSettings,
    draws: AugmentationDraws,
    moments: Tensor | None = None,
) -> Augmented:
    """Return augmented clips; they are made on the clips' device, and absent bodies are zero.

    In frames in which a present body is not seen, it has a position all the same (``gaps="hold"`` of
    :class:`.settings.ClipSettings`), and a missing joint has that of another; both are treated like the rest.

    Args:
        positions: (N, M, T, V, C) joint positions in m, the joint stream; other streams are made afterwards.
        present: (N, M) bool, True for bodies in the clip.
        topology: the skeleton.
        settings: which augmentations, how strong.
        draws: random numbers of the N clips.
        moments: (N, T) of another view of the same clips, whose crop and pace this view then shares instead
            of drawing its own.

    Raises:
        ConfigurationError: draws for other clips, a flip of a topology without left-right pairs or along a
            coordinate that is not there, or a rotation of positions that are not three-dimensional.
    """
    _check(positions, settings, draws)
    num_frames, num_coordinates = positions.shape[2], positions.shape[4]
    device = positions.device
    clip = present.nonzero()[:, 0]  # (B,): the clip of each body that is there

    def of_bodies(numbers: Tensor) -> Tensor:
        return numbers.to(device)[clip]

    changes_time = settings.crop or settings.rescale or settings.blur or moments is not None
    moments = draw_moments(settings, draws, num_frames) if moments is None else moments
    is_flipped = torch.zeros(len(positions), dtype=torch.bool)
    if settings.flip:
        is_flipped = draws.of("flip")[:, 0] < settings.flip_probability
    bodies = positions[present]  # (B, T, V, C)
    if len(bodies) == 0:
        return Augmented(torch.zeros_like(positions), moments.to(device), is_flipped.to(device))
    if changes_time:
        weights = moment_weights(moments, num_frames)
        if settings.blur:
            weights = blur_weights(settings, draws, num_frames).to(weights.device) @ weights
        bodies = resample(bodies.unsqueeze(1), of_bodies(weights)).squeeze(1)
    if settings.flip:
        bodies = exchange_joints(bodies, of_bodies(is_flipped), topology, dim=-2)
    kept = kept_axes(settings, draws, num_coordinates) if settings.axis_mask else None
    if settings.shear or settings.flip or settings.rotation or kept is not None:
        about_centre = whole = torch.eye(num_coordinates).repeat(len(draws), 1, 1)
        if settings.shear:
            about_centre = shear_matrices(settings, draws, num_coordinates)
        if settings.flip:
            whole = mirror_matrices(is_flipped, settings.flip_axis, num_coordinates)
        if settings.rotation:
            whole = main_axis_rotations(settings, draws) @ whole
        if kept is not None:
            whole = kept.unsqueeze(2) * whole
        bodies = transform(bodies, of_bodies(about_centre), of_bodies(whole), topology.centre)
    if settings.noise:
        assert draws.normal is not None  # _check saw to it
        has_noise = draws.of("noise") < settings.noise_probability  # (N, 1)
        sigma = settings.noise_sigma * (has_noise if kept is None else has_noise * kept).float()
        bodies = torch.addcmul(bodies, of_bodies(sigma)[:, None, None], draws.normal.to(device)[present])
    augmented = torch.zeros_like(positions)
    augmented[present] = bodies
    return Augmented(augmented, moments.to(device), is_flipped.to(device))


def _check(positions: Tensor, settings: AugmentationSettings, draws: AugmentationDraws) -> None:
    if len(draws) != len(positions):
        raise ConfigurationError(f"draws for {len(draws)} clips, but there are {len(positions)}")
    if settings.noise and (draws.normal is None or draws.normal.shape != positions.shape):
        held = "no normal numbers" if draws.normal is None else f"those of {tuple(draws.normal.shape)}"
        raise ConfigurationError(f"noise for clips of {tuple(positions.shape)}, but the draws hold {held}")
    num_coordinates = positions.shape[-1]
    if settings.rotation and num_coordinates != 3:
        raise ConfigurationError(
            f"positions have {num_coordinates} coordinates and cannot be turned in space; "
            "switch the rotation off"
        )
    if num_coordinates > 3:
        raise ConfigurationError(f"positions have {num_coordinates} coordinates, expected 2 or 3")
