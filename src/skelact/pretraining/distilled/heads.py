"""The heads of self-distillation: from features to prototypes, or to features of the teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from skelact.models.token_sizes import PrototypeConfig


class PrototypeHead(nn.Module):
    """Three layers: hidden, a bottleneck of unit length, cosines to prototypes.

    Source: Caron et al., *DINO*, ICCV 2021.

    Args:
        num_in: size of the features.
        config: the sizes behind it.
    """

    def __init__(self, num_in: int, config: PrototypeConfig) -> None:
        super().__init__()
        self.into = nn.Linear(num_in, config.hidden)
        self.out = nn.Linear(config.hidden, config.bottleneck)
        self.prototypes = nn.Parameter(torch.empty(config.prototypes, config.bottleneck))
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map (..., D) to (..., E) unit vectors and their (..., K) cosines to the prototypes."""
        unit = normalize(self.out(nn.functional.gelu(self.into(features))).float(), dim=-1)
        prototypes = normalize(self.prototypes, dim=-1)
        return unit, unit @ prototypes.mT


class RegressionHead(nn.Sequential):
    """Two layers from features to the teacher's features, D numbers each.

    Args:
        width: D.
        hidden: numbers between the layers.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
