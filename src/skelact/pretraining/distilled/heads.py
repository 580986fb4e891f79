"""The heads of self-distillation: to unit vectors, to prototypes, or to the features of a teacher.

And what tells of hidden tokens that the student was not given: one layer that asks the visible ones.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from skelact.models.blocks import initialise
from skelact.models.rotary_block import GatedMLP, Turns, short_attention, turn
from skelact.models.token_encoder import Visible
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


class Predictor(nn.Module):
    """One layer of attention from queries, which know joint and time, to what a student saw; and an MLP.

    Args:
        width: size D of a token.
        num_heads: attention heads.
        hidden: width of the MLP's gated hidden layer.
    """

    def __init__(self, width: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query_norm, self.context_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.mlp_norm, self.mlp = nn.LayerNorm(width), GatedMLP(width, hidden)
        self.norm = nn.LayerNorm(width)
        initialise(self)

    def forward(self, queries: Tensor, turns: Turns, seen: Visible) -> Tensor:
        """Return the (B, L, D) features of tokens.

        Args:
            queries: (B, L, D) of joint and mask.
            turns: of the same tokens.
            seen: of B bodies.
        """
        q = rearrange(self.query(self.query_norm(queries)), "B L (H E) -> B H L E", H=self.num_heads)
        q = turn(q, turns)
        both = self.key_value(self.context_norm(seen.context))
        k, v = rearrange(both, "B K (n H E) -> n B H K E", n=2, H=self.num_heads).unbind(0)
        attended = short_attention(q, turn(k, seen.turns), v, seen.is_there)
        x = queries + self.out(rearrange(attended, "B H L E -> B L (H E)"))
        out: Tensor = self.norm(x + self.mlp(self.mlp_norm(x)))
        return out
