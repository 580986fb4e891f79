"""Frozen features: what a pre-trained encoder says of sequences it does not learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skelact.batches.dataset import Clips, ClipSource
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import pool


@torch.no_grad()
def embed(encoder: SkeletonEncoder, clips: Clips) -> Tensor:
    """Return the (N, D) embeddings of clips: the mean over bodies, time and joints."""
    features = encoder(clips.positions, clips.present)
    return pool(features, clips.present, encoder.absent)


def extract_features(
    encoder: SkeletonEncoder,
    source: ClipSource,
    indices: np.ndarray[Any, np.dtype[np.int64]],
    batch_size: int = 128,
) -> tuple[Tensor, Tensor]:
    """Embed the test clips (centre crop, no rotation) of sequences.

    Args:
        encoder: in evaluation mode, on the source's device.
        source: where the clips come from.
        indices: (N,) sequences of the store.
        batch_size: sequences at a time; bounds the memory.

    Returns:
        (N, D) embeddings and (N,) labels, on the CPU, in the order of ``indices``.
    """
    embeddings, labels = [], []
    for start in range(0, len(indices), batch_size):
        clips = source.test(indices[start : start + batch_size])
        embeddings.append(embed(encoder, clips).cpu())
        labels.append(clips.labels.cpu())
    return torch.cat(embeddings), torch.cat(labels)
