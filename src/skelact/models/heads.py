"""From a feature map to one embedding a sequence, and from there to class scores."""

from __future__ import annotations

from torch import Tensor, nn

from skelact.models.encoder import Absent


def pool(features: Tensor, present: Tensor, absent: Absent = "skip") -> Tensor:
    """Return the mean over bodies, time and joints.

    Args:
        features: (N, M, T', V, D).
        present: (N, M) bool, True for bodies in the clip.
        absent: ``skip`` takes the mean over the bodies that are present (zero if none is); ``include`` over
            all M, as published.

    Returns:
        (N, D).
    """
    per_body = features.mean((2, 3))  # (N, M, D)
    if absent == "include":
        return per_body.mean(1)
    weight = present.to(per_body.dtype).unsqueeze(-1)
    return (per_body * weight).sum(1) / weight.sum(1).clamp(min=1)


class LinearHead(nn.Module):
    """The published linear evaluation: BatchNorm without parameters, then one linear layer.

    Args:
        width: size D of the embedding.
        num_classes: classes K.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width, affine=False, eps=1e-6)
        self.linear = nn.Linear(width, num_classes)
        nn.init.trunc_normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, embedding: Tensor) -> Tensor:
        """Map (N, D) embeddings to (N, K) class scores."""
        scores: Tensor = self.linear(self.norm(embedding))
        return scores
