"""What tells of hidden tokens that the student was not given: one layer that asks the visible ones."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from skelact.models.blocks import initialise
from skelact.models.rotary_block import GatedMLP, Turns, short_attention, turn
from skelact.models.token_encoder import Visible


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
            queries: (L, D) of joint and mask.
            turns: of the L tokens.
            seen: of B bodies.
        """
        asking = queries.expand(len(seen.context), -1, -1)
        q = rearrange(self.query(self.query_norm(queries)), "L (H E) -> H L E", H=self.num_heads)
        q = turn(q.unsqueeze(0), turns).expand(len(asking), -1, -1, -1)
        both = self.key_value(self.context_norm(seen.context))
        k, v = rearrange(both, "B K (n H E) -> n B H K E", n=2, H=self.num_heads).unbind(0)
        attended = short_attention(q, turn(k, seen.turns), v, seen.is_there)
        x = asking + self.out(rearrange(attended, "B H L E -> B L (H E)"))
        out: Tensor = self.norm(x + self.mlp(self.mlp_norm(x)))
        return out
