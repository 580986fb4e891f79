"""Spatio-temporal joint density (STJD): how crowded a joint's neighbourhood is.

With features ``f[t, i, c]`` of V joints and C channels the density of joint i at time t is

    D_t(i) = (2 pi)^(-C/2) sum_j a_j prod_c w_c / h[j,c] exp(-((f[t,j,c] - f[t,i,c]) / h[j,c])^2 / 2)

(Gunasekara et al., IEEE TBIOM 7(4), 2025; bandwidths ``h`` belong to the neighbour j). The sum of squares is
a product of matrices, so nothing of size (..., V, V, C) ever exists. Its change from one time step to the
next is the signal that steers masking.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

STEPS_AT_A_TIME = {"cpu": 2**8}
"""Time steps whose pairs of joints are at work at once: few enough for a processor's cache."""
MANY_STEPS = 2**14
"""The same on other devices, which are slow with many small pieces."""


def log_joint_density(
    features: Tensor,
    *,
    log_bandwidth: Tensor | None = None,
    log_channel_weight: Tensor | None = None,
    log_joint_weight: Tensor | None = None,
) -> Tensor:
    """Return the logarithm of the joint density without its constant factor ``(2 pi)^(-C/2)``.

    Leaving the constant out keeps the value near zero, where float32 is finest; :func:`joint_density` puts
    it back.

    Args:
        features: (..., V, C) joint features; metres when they are positions.
        log_bandwidth: (V, 1) or (V, C) log of the bandwidth of every joint as a neighbour; default 0.
        log_channel_weight: (C,) log of the channel weights; default 0.
        log_joint_weight: (V,) log of the joint weights; default 0.

    Returns:
        (..., V) log density.

    Raises:
        ValueError: a parameter whose shape does not fit the features.
    """
    num_joints, num_channels = features.shape[-2:]
    weight = features.new_zeros(num_joints)
    if log_joint_weight is not None:
        weight = weight + _checked(log_joint_weight, "log_joint_weight", (num_joints,))
    if log_channel_weight is not None:
        weight = weight + _checked(log_channel_weight, "log_channel_weight", (num_channels,)).sum()
    if log_bandwidth is None:
        log_bandwidth = features.new_zeros(1, 1)
    else:
        _checked(log_bandwidth, "log_bandwidth", (num_joints, 1), (num_joints, num_channels))
    log_bandwidth = log_bandwidth.expand(num_joints, num_channels)
    weight = weight - log_bandwidth.sum(-1)
    inverse_square = torch.exp(-2 * log_bandwidth)
    steps = features.reshape(-1, num_joints, num_channels)
    if torch.compiler.is_compiling():  # in pieces, every other number of pieces would be compiled anew
        return _log_sum(steps, inverse_square, weight).reshape(features.shape[:-1])
    pieces = torch.split(steps, STEPS_AT_A_TIME.get(features.device.type, MANY_STEPS))
    learns = any(value.requires_grad for value in (features, inverse_square, weight))
    if not (learns and torch.is_grad_enabled()):  # nothing is kept; the first checkpoint loads a compiler
        return torch.cat([_log_sum(part, inverse_square, weight) for part in pieces]).reshape(
            features.shape[:-1]
        )
    parts = [
        checkpoint(_log_sum, part, inverse_square, weight, use_reentrant=False, preserve_rng_state=False)
        for part in pieces
    ]
    return torch.cat(parts).reshape(features.shape[:-1])


def _log_sum(features: Tensor, inverse_square: Tensor, weight: Tensor) -> Tensor:
    """Return (R, V) log densities of (R, V, C) features; all that is larger than the features lives here."""
    # differences do not see a common shift; without it the squares below cancel less
    features = features - features.mean(-2, keepdim=True)
    scaled = features * inverse_square
    # -|f_i / h_j|^2 / 2 + f_i . (f_j / h_j^2) - |f_j / h_j|^2 / 2, over i and j
    own = features.square() @ (-0.5 * inverse_square.mT)
    exponent = torch.baddbmm(own, features, scaled.mT)
    neighbour = weight - 0.5 * (features * scaled).sum(-1)
    return torch.logsumexp(exponent + neighbour.unsqueeze(-2), -1)


def joint_density(
    features: Tensor,
    *,
    log_bandwidth: Tensor | None = None,
    log_channel_weight: Tensor | None = None,
    log_joint_weight: Tensor | None = None,
    average: bool = False,
) -> Tensor:
    """Return the joint density D_t(i) of the module's formula.

    Args:
        features: (..., V, C) joint features; metres when they are positions.
        log_bandwidth: as for :func:`log_joint_density`.
        log_channel_weight: as for :func:`log_joint_density`.
        log_joint_weight: as for :func:`log_joint_density`.
        average: divide by V, as the paper writes it; the published code sums.

    Returns:
        (..., V) density, positive.

    Raises:
        ValueError: a parameter whose shape does not fit the features.
    """
    num_joints, num_channels = features.shape[-2:]
    log_density = log_joint_density(
        features,
        log_bandwidth=log_bandwidth,
        log_channel_weight=log_channel_weight,
        log_joint_weight=log_joint_weight,
    )
    constant = math.pow(2 * math.pi, -num_channels / 2)
    return log_density.exp() * (constant / num_joints if average else constant)


def _checked(parameter: Tensor, name: str, *shapes: tuple[int, ...]) -> Tensor:
    if tuple(parameter.shape) not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ValueError(f"{name} has shape {tuple(parameter.shape)}, expected {expected}")
    return parameter


FirstStep = Literal["zero", "copy"]


def density_change(density: Tensor, first: FirstStep = "zero") -> Tensor:
    """Return ``|D_t - D_(t-1)|``.

    Args:
        density: (..., T, V) density.
        first: what the first step, which has no step before it, gets: ``zero``, as the published code does
            (so the first patch is the least likely to be masked), or ``copy`` of the second step's change.

    Returns:
        (..., T, V), not negative; zero throughout for a single step.
    """
    if density.shape[-2] == 1:
        return torch.zeros_like(density)
    later = density.diff(dim=-2).abs()
    before = torch.zeros_like(later[..., :1, :]) if first == "zero" else later[..., :1, :]
    return torch.cat([before, later], -2)
