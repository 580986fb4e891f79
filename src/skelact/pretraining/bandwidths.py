"""The bandwidths of a learned density, as numbers for the log."""

from __future__ import annotations

from torch import nn

from skelact.density.learned import LearnedDensity


def log_bandwidths(epoch: int, model: nn.Module) -> dict[str, float]:
    """Return the smallest, mean and largest bandwidth, in body sizes; nothing where none is learned.

    Args:
        epoch: epochs done.
        model: the model that is trained.
    """
    densities = (part for part in model.modules() if isinstance(part, LearnedDensity))
    density = next(densities, None)
    if density is None or not density.log_bandwidth.requires_grad:
        return {}
    bandwidth = density.bandwidth.detach()
    return {
        "bandwidth_min": float(bandwidth.min()),
        "bandwidth_mean": float(bandwidth.mean()),
        "bandwidth_max": float(bandwidth.max()),
    }
