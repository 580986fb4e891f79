"""The heads of self-distillation: to unit vectors, to prototypes, or to the features of a teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from skelact.models.token_sizes import PrototypeConfig


class UnitHead(nn.Module):
    """Two layers to a bottleneck of unit length.

    Args:
        num_in: size of the features.
        config: the sizes behind it.
    """

    def __init__(self, num_in: int, config: PrototypeConfig) -> None:
        super().__init__()
        self.into = nn.Linear(num_in, config.hidden)
        self.out = nn.Linear(config.hidden, config.bottleneck)

    def forward(self, features: Tensor) -> Tensor:
        """Map (..., D) to (..., E) unit vectors."""
        return normalize(self.out(gelu(self.into(features))).float(), dim=-1)


class PrototypeHead(UnitHead):
    """The same with a third layer: cosines to prototypes.

    Source: Caron et al., *DINO*, ICCV 2021.

    Args:
        num_in: size of the features.
        config: the sizes behind it.
    """

    def __init__(self, num_in: int, config: PrototypeConfig) -> None:
        super().__init__(num_in, config)
        self.prototypes = nn.Parameter(torch.empty(config.prototypes, config.bottleneck))
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def cosines(self, unit: Tensor) -> Tensor:
        """Return the (..., K) cosines of (..., E) unit vectors to the prototypes."""
        return unit @ normalize(self.prototypes, dim=-1).mT


class RegressionHead(nn.Sequential):
    """Two layers from features to numbers that are to be told.

    Args:
        width: size of the features.
        hidden: numbers between the layers.
        num_out: numbers to be told.
    """

    def __init__(self, width: int, hidden: int, num_out: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, num_out))
