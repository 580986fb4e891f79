"""The joint density of positions: how crowded it is around each joint, its change, and the prime joints.

A joint is crowded where other joints of its body are near. A hand that comes to the mouth changes the density
of the hand and of the head alike: both are prime, though the head rests. Plain motion would find the hand
alone.

Distances are measured in the body's size, so neither where the body stands, nor how it is turned, nor the
unit of the positions matters. Joints that were not seen are NaN.

Source: Gunasekara et al., IEEE TBIOM 7(4), 2025. The published code takes the density of a random convolution
of positions instead (:mod:`skelact.density.published`).
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.configuration import checked_arguments
from skelact.density import arrays
from skelact.density.arrays import BANDWIDTH, MOTIONLESS_CHANGE
from skelact.density.kernel import density_change as joint_change
from skelact.density.kernel import log_joint_density
from skelact.errors import ConfigurationError, DataError, printable
from skelact.skeleton import view

SHARE = 0.25
"""Share of the joints, over all frames, that are prime."""

Array = npt.NDArray[np.floating[Any]]
A = TypeVar("A", Array, Tensor)


def body_size(positions: Tensor) -> Tensor:
    """Return the size of a body, as :func:`skelact.skeleton.view.body_size` does; no gradient passes.

    Args:
        positions: (..., T, V, C); NaN where a joint was not seen.

    Returns:
        (...) in the unit of the positions; NaN where no frame shows two joints.
    """
    places = positions.detach().to(torch.promote_types(positions.dtype, torch.float32)).cpu().numpy()
    size = view.body_size(places, ~np.isnan(places).any(-1))
    return torch.as_tensor(size, dtype=positions.dtype, device=positions.device)


def _whole_body_size(positions: Tensor) -> Tensor:
    """Do the same, up to rounding, on the positions' device, where all joints are seen in all frames."""
    centred = positions - positions.mean(-2, keepdim=True)
    return centred.square().sum(-1).mean(-1).sqrt().median(-1).values


@overload
def joint_density(positions: Tensor, *, bandwidth: float = ...) -> Tensor: ...
@overload
def joint_density(positions: Array, *, bandwidth: float = ...) -> Array: ...
@checked_arguments
def joint_density(positions: Array | Tensor, *, bandwidth: float = BANDWIDTH) -> Array | Tensor:
    """Return how crowded it is around each joint of a body.

    It is the mean of ``exp(-(d / h)^2 / 2)`` over the body's joints, of ``d`` the distance to a joint and
    ``h`` the bandwidth, both measured in the body's size (:func:`body_size`). The density of V joints lies
    between 1 / V, far from all others, and 1, where all joints meet. A joint that was not seen in a frame
    counts as a neighbour where it must have been, on the straight line between the places where it was seen;
    one that was never seen does not count.

    Args:
        positions: (T, V, C) of one body or (M, T, V, C) of several, in any unit, C = 2 or 3; an array (or
            lists of numbers) or a tensor, NaN where a joint was not seen. Bodies do not see each other.
        bandwidth: h in body sizes; larger ones see farther.

    Returns:
        (T, V) or (M, T, V), an array for an array, a tensor for a tensor; NaN where a joint was not seen.

    Raises:
        DataError: another shape, or a position that is infinite.
        ConfigurationError: a bandwidth that is not above 0.

    Example:
        >>> sequence = store.sequence(0)
        >>> density = joint_density(sequence.positions)
        >>> density.shape == sequence.positions.shape[:3]
        True
    """
    if not 0 < bandwidth < math.inf:
        raise ConfigurationError(f"bandwidth is {bandwidth}, expected a number of body sizes above 0")
    joints = _tensor(positions)
    if joints.ndim not in (3, 4) or joints.shape[-1] not in (2, 3) or 0 in joints.shape:
        raise DataError(
            f"positions have shape {tuple(joints.shape)}, expected (frames, joints, 2 or 3 coordinates) or "
            "(bodies, frames, joints, coordinates)"
        )
    if joints.isinf().any():
        raise DataError("positions are infinite somewhere; where a joint was not seen, write NaN")
    bodies = joints.reshape(-1, *joints.shape[-3:])
    density = torch.stack([_body_density(body, bandwidth) for body in bodies])
    return _like(positions, density.reshape(joints.shape[:-1]))


def _body_density(body: Tensor, bandwidth: float) -> Tensor:
    """Return the (T, V) density of the (T, V, C) joints of one body."""
    seen = ~body.isnan().any(-1)
    ever_seen = seen.any(0)
    if not ever_seen.any():
        return torch.full_like(body[..., 0], math.nan)
    whole = _without_gaps(body, seen)
    size = body_size(whole)
    size = torch.where(size > 0, size, 1.0)  # all joints in one place, or never two of them
    scaled = whole.nan_to_num() / (size * bandwidth)
    log_weight = torch.where(ever_seen, 0.0, -math.inf).to(body.dtype)
    density = log_joint_density(scaled, log_joint_weight=log_weight).exp() / ever_seen.sum()
    return torch.where(seen, density, math.nan)


def _without_gaps(body: Tensor, seen: Tensor) -> Tensor:
    """Return (T, V, C) positions with gaps filled along straight lines, at the ends with the nearest."""
    if bool(seen.all()):
        return body
    frames = torch.arange(len(body), device=body.device)[:, None]
    before = torch.where(seen, frames, -1).cummax(0).values
    after = torch.where(seen, frames, len(body)).flip(0).cummin(0).values.flip(0)
    before, after = (
        torch.where(before < 0, after, before).clamp(max=len(body) - 1),
        torch.where(after == len(body), before, after).clamp(min=0),
    )
    share = (frames - before) / (after - before).clamp(min=1)
    first, last = (body.gather(0, place[..., None].expand(body.shape)) for place in (before, after))
    return torch.lerp(first, last, share[..., None].to(body.dtype))


@torch.no_grad()
def clip_density_change(bodies: Tensor, bandwidth: float = BANDWIDTH) -> Tensor:
    """Return how much the density of joints changes from frame to frame, for many bodies of clips at once.

    In clips every joint has a position in every frame; otherwise it is what :func:`density_change` gives of
    :func:`joint_density`.

    Args:
        bodies: (B, T, V, C) joint positions.
        bandwidth: as for :func:`joint_density`.

    Returns:
        (B, T, V).
    """
    on_cpu = bodies.device.type == "cpu"
    size = (body_size(bodies) if on_cpu else _whole_body_size(bodies))[:, None, None, None]
    scaled = bodies / (torch.where(size > 0, size, 1.0) * bandwidth)
    density = log_joint_density(scaled.float()).exp() / bodies.shape[2]
    return joint_change(density, first="copy")


@overload
def density_change(density: Tensor, *, step: int = ...) -> Tensor: ...
@overload
def density_change(density: Array, *, step: int = ...) -> Array: ...
@checked_arguments
def density_change(density: Array | Tensor, *, step: int = 1) -> Array | Tensor:
    """Return how much each joint's density changes over time: ``|D_t - D_(t-step)|``.

    Args:
        density: (T, V) or (M, T, V) of :func:`joint_density`, an array or a tensor.
        step: frames from one density to the other. At the frame rates of sensors, from one frame to the next
            little moves but the joints' noise; a step of an eighth of a second sees past it.

    Returns:
        The same shape and kind. The first ``step`` frames copy the change of the one after them; a recording
        that is no longer changes nowhere. NaN where a joint was not seen in one of the two frames.

    Raises:
        DataError: another shape.
        ConfigurationError: a step below 1.

    Example:
        >>> change = density_change(joint_density(sequence.positions))
    """
    values = _tensor(density)
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise DataError(
            f"a density has shape {tuple(values.shape)}, expected (frames, joints) or "
            "(bodies, frames, joints)"
        )
    if step < 1:
        raise ConfigurationError(f"step is {step}, expected 1 frame or more")
    if values.shape[-2] <= step:
        return _like(density, values - values)  # zero, and NaN where there is no density
    later = (values[..., step:, :] - values[..., :-step, :]).abs()
    before = later[..., :1, :].expand(*values.shape[:-2], step, values.shape[-1])
    return _like(density, torch.cat([before, later], -2))


@overload
def prime_joints(
    positions: Tensor, *, share: float = ..., bandwidth: float = ..., step: int = ...
) -> Tensor: ...
@overload
def prime_joints(
    positions: Array, *, share: float = ..., bandwidth: float = ..., step: int = ...
) -> npt.NDArray[np.bool_]: ...
@checked_arguments
def prime_joints(
    positions: Array | Tensor, *, share: float = SHARE, bandwidth: float = BANDWIDTH, step: int = 1
) -> npt.NDArray[np.bool_] | Tensor:
    """Return which joints are prime in which frame: those whose density changes most, moving or not.

    Args:
        positions: (T, V, C) or (M, T, V, C) as for :func:`joint_density`.
        share: of all joints seen in all frames and bodies, how many are prime, in (0, 1]; rounded up.
        bandwidth: as for :func:`joint_density`.
        step: as for :func:`density_change`.

    Returns:
        (T, V) or (M, T, V) of bool, an array for an array, a tensor for a tensor. A joint that was not seen
        is never prime, and in a recording without motion none is.

    Raises:
        DataError: as for :func:`joint_density`.
        ConfigurationError: a share outside (0, 1], a bandwidth that is not above 0, or a step below 1.

    Example:
        >>> is_prime = prime_joints(sequence.positions)
        >>> is_prime.mean((0, 1))  # how often each joint is prime
    """
    if not 0 < share <= 1:
        raise ConfigurationError(f"share is {share}, expected a number above 0 and up to 1")
    density = joint_density(_tensor(positions), bandwidth=bandwidth)
    found = prime_of(density, density_change(density, step=step), share)
    return found if isinstance(positions, Tensor) else found.numpy()


def prime_of(density: Tensor, change: Tensor, share: float = SHARE) -> Tensor:
    """Return the prime joints as :func:`prime_joints` does, where density and its change are there.

    Args:
        density: (..., T, V) of :func:`joint_density`.
        change: (..., T, V) of :func:`density_change`.
        share: as for :func:`prime_joints`.

    Returns:
        (..., T, V) of bool.
    """
    places = change.nan_to_num(-1.0).flatten()
    num_seen = int((places >= 0).sum())
    chosen = places.topk(math.ceil(share * num_seen - 1e-9)).indices
    is_prime = torch.zeros_like(places, dtype=torch.bool)
    is_prime[chosen] = places[chosen] > MOTIONLESS_CHANGE * density.nanmean()
    return is_prime.view(change.shape)


def rank_joints(change: Tensor) -> list[int]:
    """Return the joints of a recording by their mean change of density, the most prime first.

    Args:
        change: (..., T, V) of :func:`density_change`.

    Returns:
        The numbers of all joints that were seen.
    """
    return arrays.rank_joints(change.detach().double().cpu().numpy())


def _tensor(values: Array | Tensor) -> Tensor:
    """Return a tensor of floating point numbers, of an array one in double precision."""
    if isinstance(values, Tensor):
        return values if values.is_floating_point() else values.float()
    try:
        return torch.from_numpy(np.asarray(values, np.float64))
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"positions are no array of numbers ({printable(str(error))})") from error


def _like(given: Array | Tensor, values: Tensor) -> Array | Tensor:
    """Return a tensor for a tensor, and an array of the given precision for an array."""
    if isinstance(given, Tensor):
        return values
    own = np.asarray(given).dtype
    kind = own if np.issubdtype(own, np.floating) else np.float64
    return values.numpy().astype(kind, copy=False)
