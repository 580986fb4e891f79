"""What stands on a backbone: pooling, heads for classes and for contrast, a classifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skelact.errors import ConfigurationError
from skelact.limits import check_limit
from skelact.models.backbone import Backbone, features_of
from skelact.models.batch_norm import BatchNorm
from skelact.models.sizes import Absent, Pooling, ProjectionConfig, of_body
from skelact.models.token_encoder import TokenEncoder


def pool(features: Tensor, present: Tensor, absent: Absent = "skip", pooling: Pooling = "mean") -> Tensor:
    """Return the mean over bodies, time and joints, or over some of these.

    Args:
        features: (N, M, T', V, D).
        present: (N, M) bool, True for bodies in the clip.
        absent: ``skip`` takes the mean over the bodies that are present (zero if none is); ``include`` over
            all M, as published.
        pooling: what stands side by side instead of being averaged: ``joints``, ``bodies`` (an absent one is
            zero, unless it is included) or both; ``moments`` are the joints, each with its mean over time
            and then its standard deviation.

    Returns:
        (N, D), times V for the joints, times 2 V for their moments, times M for the bodies; joint by joint
        within a body.
    """
    return pool_bodies(per_body(features, pooling), present, absent, pooling)


def per_body(features: Tensor, pooling: Pooling) -> Tensor:
    """Return the (N, M, D) means of (N, M, T', V, D) features over time and joints, or with joints apart."""
    within = of_body(pooling)
    if within == "mean":
        return features.mean((2, 3))
    mean = features.mean(2)
    if within == "joints":
        return mean.flatten(2)
    spread = (features - mean.unsqueeze(2)).square().mean(2).sqrt()
    return torch.cat([mean, spread], -1).flatten(2)


def embed_clips(
    encoder: Backbone, clips: Tensor, present: Tensor, seen: Tensor | None = None, pooling: Pooling = "mean"
) -> Tensor:
    """Return the embeddings of clips, of each body what its encoder makes of it.

    That is the mean of a body's features; an encoder with a class token decides by its own ``pooling``.

    Args:
        encoder: on the device of the clips.
        clips: (N, M, T, V, C) positions.
        present: (N, M) bool, True for bodies in the clip.
        seen: (N, M, T, V) bool, True where a joint was seen; default: all.
        pooling: what stands side by side, as for :func:`pool`.

    Returns:
        (N, D) embeddings, as :func:`pool` says.
    """
    if isinstance(encoder, TokenEncoder):
        vectors = encoder.embed_bodies(clips, present, seen, of_body(pooling))
        return pool_bodies(vectors, present, encoder.absent, pooling)
    return pool(encoder(clips, present), present, encoder.absent, pooling)


def encode_clips(
    encoder: Backbone, clips: Tensor, present: Tensor, seen: Tensor | None, poolings: Sequence[Pooling]
) -> tuple[Tensor, list[Tensor]]:
    """Return the (N, M, T', V, D) features of clips and their embeddings by several poolings, encoded once.

    Args:
        encoder: on the device of the clips.
        clips: (N, M, T, V, C) positions.
        present: (N, M) bool, True for bodies in the clip.
        seen: (N, M, T, V) bool, True where a joint was seen; None: all.
        poolings: of each embedding; it is what :func:`embed_clips` returns.
    """
    if isinstance(encoder, TokenEncoder):
        within = [of_body(pooling) for pooling in poolings]
        features, vectors = encoder.features_and_vectors(clips, present, seen, within)
    else:
        features = encoder(clips, present)
        vectors = [per_body(features, pooling) for pooling in poolings]
    return features, [
        pool_bodies(each, present, encoder.absent, pooling)
        for each, pooling in zip(vectors, poolings, strict=True)
    ]


def pool_bodies(vectors: Tensor, present: Tensor, absent: Absent, pooling: Pooling) -> Tensor:
    """Return the mean of (N, M, D) over bodies, (N, D), or the bodies side by side, (N, M D)."""
    if not pooling.endswith("bodies"):
        return _over_bodies(vectors, present, absent)
    if absent == "skip":
        vectors = torch.where(present.unsqueeze(-1), vectors, 0.0)
    return vectors.flatten(1)


class LinearHead(nn.Module):
    """The published linear evaluation: BatchNorm without parameters, then one linear layer.

    The BatchNorm's statistics are those of the batch over all processes.

    Args:
        width: size D of the embedding.
        num_classes: classes K.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.norm = BatchNorm(width, epsilon=1e-6, affine=False)
        self.linear = nn.Linear(width, num_classes)
        nn.init.trunc_normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, embedding: Tensor) -> Tensor:
        """Map (N, D) embeddings to (N, K) class scores."""
        scores: Tensor = self.linear(self.norm(embedding))
        return scores


class FinetuneHead(nn.Module):
    """The published head for fine-tuning, which keeps the joints apart.

    Dropout, mean over time, joints and channels as one vector (joint by joint), mean over bodies, then
    Linear, BatchNorm, ReLU, Linear. The BatchNorm's statistics are those of the batch over all processes.

    Args:
        num_joints: joints V of the feature map.
        width: size D of a feature.
        num_classes: classes K.
        hidden_width: size of the hidden layer.
        dropout: share of the features that are zeroed while training.
        absent: ``skip`` takes the mean over the bodies that are present; ``include`` over all, as published.
    """

    def __init__(
        self,
        num_joints: int,
        width: int,
        num_classes: int,
        hidden_width: int = 2048,
        dropout: float = 0.3,
        absent: Absent = "skip",
    ) -> None:
        super().__init__()
        self.absent = absent
        self.dropout = nn.Dropout(dropout)
        num_numbers = hidden_width * (num_joints * width + num_classes)
        check_limit("parameters", num_numbers, f"hidden_width {hidden_width}", ConfigurationError)
        self.hidden = nn.Linear(num_joints * width, hidden_width)
        self.norm = BatchNorm(hidden_width)
        self.out = nn.Linear(hidden_width, num_classes)

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Map (N, M, T', V, D) features, with (N, M) bodies present, to (N, K) class scores."""
        vectors = self.dropout(features).mean(2).flatten(2)  # (N, M, V * D)
        scores: Tensor = self.out(self.norm(self.hidden(_over_bodies(vectors, present, self.absent))).relu())
        return scores


def _over_bodies(vectors: Tensor, present: Tensor, absent: Absent) -> Tensor:
    """Return the (N, D) mean of (N, M, D) over the bodies that count; zero where none does."""
    if absent == "include":
        return vectors.mean(1)
    weight = present.to(vectors.dtype).unsqueeze(-1)
    return (vectors * weight).sum(1) / weight.sum(1).clamp(min=1)


class ProjectionHead(nn.Sequential):
    """Two linear layers with a ReLU between them: (N, num_in) to (N, width), of any length.

    While it trains with batch normalisation, N must be more than 1.

    Args:
        num_in: size of the embeddings that come in.
        config: the sizes behind it.
    """

    def __init__(self, num_in: int, config: ProjectionConfig) -> None:
        normalisation = [BatchNorm(config.hidden)] if config.batch_norm else []
        super().__init__(
            nn.Linear(num_in, config.hidden, bias=not config.batch_norm),
            *normalisation,
            nn.ReLU(),
            nn.Linear(config.hidden, config.width),
        )


class Classifier(nn.Module):
    """Maps clips to class scores by an encoder and the published head for fine-tuning."""

    def __init__(self, encoder: Backbone, head: FinetuneHead) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, clips: Tensor, present: Tensor, seen: Tensor | None = None) -> Tensor:
        """Map (N, M, T, V, C) clips to (N, K) scores.

        Args:
            clips: positions.
            present: (N, M) bool, True for bodies in the clip.
            seen: (N, M, T, V) bool, True where a joint was seen; default: all.
        """
        scores: Tensor = self.head(features_of(self.encoder, clips, present, seen), present)
        return scores
