"""Joint density as its paper means it: bandwidths that are learned, one a joint.

    D_t(i) = (2 pi)^(-C/2) / V  sum_j prod_c 1 / h_j exp(-((f[t,j,c] - f[t,i,c]) / h_j)^2 / 2)

(Gunasekara et al., IEEE TBIOM 7(4), 2025.) A joint with many close neighbours by nature, such as a hand with
its tip and thumb, can learn a bandwidth that does not make it look crowded at all times.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from skelact.density.kernel import density_change, joint_density

START = 0.5
"""Bandwidth of every joint before training, as a share of the body's size."""


class LearnedDensity(nn.Module):
    """Density change of joints, with a learned bandwidth a joint.

    It sees differences between joints alone, so where a clip's body stands changes nothing, and joints keep
    their identity: nothing runs along the joint index. Positions are measured in the size of the clip's body
    (the root mean square distance of the joints in all frames from their one mean place), so units do not
    matter; a body that walks has a larger size than one that stays.

    Args:
        num_joints: joints V.
        num_channels: channels of the features that come in; coordinates C, or an encoder's width.
        num_projected: channels to which a learned linear map brings the features first; None: no such map.
    """

    def __init__(self, num_joints: int, num_channels: int, num_projected: int | None = None) -> None:
        super().__init__()
        self.log_bandwidth = nn.Parameter(torch.full((num_joints,), START).log())
        self.project = (
            nn.Identity() if num_projected is None else nn.Linear(num_channels, num_projected, bias=False)
        )

    @property
    def bandwidth(self) -> Tensor:
        """(V,) bandwidths, positive by construction, in body sizes."""
        return self.log_bandwidth.exp()

    def density(self, features: Tensor) -> Tensor:
        """Return the (B, T, V) density of (B, T, V, C) features."""
        projected = self.project(features)
        centred = projected - projected.mean((1, 2), keepdim=True)
        size = centred.detach().square().sum(-1).mean((1, 2)).sqrt()  # (B,)
        smallest = torch.finfo(size.dtype).tiny ** 0.5  # a body whose joints all coincide has no size
        scaled = centred / size.clamp(min=smallest)[:, None, None, None]
        return joint_density(scaled, log_bandwidth=self.log_bandwidth[:, None], average=True)

    def forward(self, features: Tensor, num_steps: int) -> Tensor:
        """Return how much the density changes in each time step.

        Args:
            features: (B, T, V, C).
            num_steps: time steps T' of the result; T is a multiple of it, and the change from frame to frame
                is averaged over the frames of a step. The first frame copies the second's change.

        Returns:
            (B, T', V), not negative, with gradients to the bandwidths and the map.
        """
        change = density_change(self.density(features), first="copy")  # (B, T, V)
        steps: Tensor = rearrange(change, "B (t p) V -> B t p V", t=num_steps)
        return steps.mean(2)


def bandwidth_range(density: nn.Module | None) -> dict[str, float]:
    """Return the smallest, mean and largest bandwidth for the log; nothing where none is learned.

    Args:
        density: of a model, of any kind; None: it has none.
    """
    if not isinstance(density, LearnedDensity) or not density.log_bandwidth.requires_grad:
        return {}
    bandwidth = density.bandwidth.detach()
    return {
        "bandwidth_min": float(bandwidth.min()),
        "bandwidth_mean": float(bandwidth.mean()),
        "bandwidth_max": float(bandwidth.max()),
    }
