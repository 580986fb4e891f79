"""Frozen features: what a pre-trained encoder says of sequences it does not learn from.

Every sequence once, on any number of processes: each takes a share, then all have the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from skelact.clips.source import Clips, ClipSource, draw_crops
from skelact.errors import DataError
from skelact.models.backbone import Backbone, frozen
from skelact.models.heads import embed_clips, encode_clips
from skelact.models.sizes import Pooling
from skelact.progress import progress
from skelact.store.protocols import Split
from skelact.training.randomness import generator_for

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # which takes its time to load


def share_of(num: int, rank: int, world_size: int) -> slice:
    """Return the part of ``num`` sequences that process ``rank`` of ``world_size`` works on.

    The parts follow each other, cover all and do not overlap; their lengths differ by one at most.
    """
    return slice(num * rank // world_size, num * (rank + 1) // world_size)


def gather(share: Tensor, num: int, fabric: Fabric) -> Tensor:
    """Join the processes' shares in their order; every process gets the whole.

    Args:
        share: (rows of this process's :func:`share_of`, ...).
        num: rows of the whole.
        fabric: the processes.

    Returns:
        (num, ...), on the device of ``share``.
    """
    if fabric.world_size == 1:
        return share
    whole = torch.zeros(num, *share.shape[1:], dtype=share.dtype, device=fabric.device)
    whole[share_of(num, fabric.global_rank, fabric.world_size)] = share.to(fabric.device)
    summed = fabric.all_reduce(whole, reduce_op="sum")  # the others' rows are zero
    assert isinstance(summed, Tensor)  # what went in was one
    return summed.to(share.device)


Indices = np.ndarray[Any, np.dtype[np.int64]]
BATCH_SIZE = 128
_BATCH_FRAMES = 128 * BATCH_SIZE


def batch_size_of(source: ClipSource) -> int:
    """Return how many clips are computed at a time, fewer of long ones, so that memory is bounded."""
    return max(1, min(BATCH_SIZE, _BATCH_FRAMES // source.settings.num_frames))


@torch.no_grad()
def embed(encoder: Backbone, clips: Clips, pooling: Pooling = "mean") -> Tensor:
    """Return the embeddings of N clips, as :func:`skelact.models.heads.embed_clips` says: the (N, D) mean."""
    return embed_clips(encoder, clips.positions, clips.present, clips.seen, pooling)


def extract_features(
    encoder: Backbone,
    source: ClipSource,
    indices: Indices,
    batch_size: int | None = None,
    *,
    fabric: Fabric | None = None,
    title: str = "",
    pooling: Pooling = "mean",
) -> tuple[Tensor, Tensor]:
    """Embed the test clips (centre crop, no rotation) of sequences.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from.
        indices: (N,) sequences of the store.
        batch_size: sequences at a time; default: :func:`batch_size_of`.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.
        pooling: what stands side by side in an embedding.

    Returns:
        (N, D) embeddings and (N,) labels, on the CPU, in the order of ``indices``, in every process.
    """

    def embed_test(part: slice) -> Tensor:
        return embed(encoder, source.test(indices[part]), pooling)

    with frozen(encoder, source.device):
        size = batch_size_of(source) if batch_size is None else batch_size
        features = in_batches(embed_test, len(indices), size, fabric=fabric, title=title)
    return features, labels_of(source, indices)


@torch.no_grad()
def extract_poolings(
    encoder: Backbone, source: ClipSource, indices: Indices, poolings: Sequence[Pooling], *, title: str = ""
) -> list[Tensor]:
    """Embed the test clips of sequences in several ways, each clip encoded once.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from.
        indices: (N,) sequences of the store.
        poolings: what stands side by side in the embeddings of each way.
        title: what the progress line on a terminal calls it; none without a title.

    Returns:
        For each way the (N, D) embeddings that :func:`extract_features` gives.
    """

    def embed_test(part: slice) -> list[Tensor]:
        clips = source.test(indices[part])
        return encode_clips(encoder, clips.positions, clips.present, clips.seen, poolings)[1]

    with frozen(encoder, source.device):
        return several_in_batches(embed_test, len(indices), batch_size_of(source), title=title)


def extract_sides(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    *,
    fabric: Fabric | None = None,
    title: str = "",
    pooling: Pooling = "mean",
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Embed the centre crops of both sides.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from.
        split: training and test sequences.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.
        pooling: what stands side by side in an embedding.

    Returns:
        Embeddings and labels, as :func:`extract_features` gives them, of the training and of the test side.
    """
    with frozen(encoder, source.device):
        train, test = (
            extract_features(encoder, source, side, fabric=fabric, title=title, pooling=pooling)
            for side in (split.train, split.test)
        )
        return train, test


def extract_crops(
    encoder: Backbone,
    source: ClipSource,
    indices: Indices,
    seed: int,
    number: int,
    *,
    fabric: Fabric | None = None,
    title: str = "",
    pooling: Pooling = "mean",
) -> Tensor:
    """Embed one training clip (random crop, rotation) of each sequence.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from.
        indices: (N,) sequences of the store.
        seed: decides the crops, together with
        number: which of several crops of each sequence this is.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.
        pooling: what stands side by side in an embedding.

    Returns:
        (N, D) embeddings on the CPU, in the order of ``indices``, in every process.
    """
    draws = draw_crops(len(indices), generator_for(seed, "crops", number))

    def embed_crops(part: slice) -> Tensor:
        return embed(encoder, source.train(indices[part], draws=draws[part]), pooling)

    with frozen(encoder, source.device):
        return in_batches(embed_crops, len(indices), batch_size_of(source), fabric=fabric, title=title)


def labels_of(source: ClipSource, indices: Indices) -> Tensor:
    """Return the (N,) int64 labels of sequences."""
    return torch.from_numpy(np.asarray(source.store.labels)[indices].astype(np.int64))


def in_batches(
    compute: Callable[[slice], Tensor],
    num: int,
    batch_size: int,
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> Tensor:
    """Compute a row for each of ``num`` sequences, as :func:`several_in_batches` does several.

    Args:
        compute: gives the rows of a part of the sequences.
        num: sequences.
        batch_size: sequences at a time.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line calls it; none without a title.

    Returns:
        (num, ...) on the CPU, in every process.
    """
    (rows,) = several_in_batches(lambda part: (compute(part),), num, batch_size, fabric=fabric, title=title)
    return rows


def several_in_batches(
    compute: Callable[[slice], Sequence[Tensor]],
    num: int,
    batch_size: int,
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> list[Tensor]:
    """Compute rows of several tables for ``num`` sequences, a batch at a time, each sequence in one process.

    Args:
        compute: gives the rows of a part of the sequences, of each table.
        num: sequences.
        batch_size: sequences at a time.
        fabric: the processes that share the work; default: this one does it all.
        title: what the progress line calls it; none without a title.

    Returns:
        The tables, (num, ...) each, on the CPU, in every process.
    """
    share = slice(0, num) if fabric is None else share_of(num, fabric.global_rank, fabric.world_size)
    rows = []
    is_first = fabric is None or fabric.global_rank == 0
    with progress(title if is_first else "", share.stop - share.start, "sequences") as step:
        for start in range(share.start, share.stop, batch_size):
            part = slice(start, min(start + batch_size, share.stop))
            rows.append([each.cpu() for each in compute(part)])
            step(part.stop - share.start)
    if not rows and fabric is not None:  # more processes than sequences: the first one tells the shapes
        rows = [[each.cpu()[:0] for each in compute(slice(0, 1))]]
    tables = [torch.cat(each) for each in zip(*rows, strict=True)]
    return tables if fabric is None else [gather(each, num, fabric) for each in tables]


def check_labels(source: ClipSource, split: Split) -> None:
    """Raise DataError unless there is something to test and every sequence of the split has a label."""
    if not len(split.test):
        raise DataError(f"{source.store.path}: there is no test sequence to evaluate on")
    labels: np.ndarray[Any, Any] = np.asarray(source.store.labels)
    for side, indices in (("training", split.train), ("test", split.test)):
        without = indices[labels[indices] < 0]
        if len(without):
            name = source.store.names[int(without[0])]
            raise DataError(
                f"{source.store.path}: {len(without)} {side} sequences have no label, the first is {name}; "
                "choose a protocol without them, or prepare the data with their labels"
            )
