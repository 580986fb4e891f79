"""Signs of collapse: embeddings that say the same of every sequence, or use few of their dimensions.

They take embeddings of any length, look at their directions alone, and give one number each.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, pdist

from skelact.pretraining.contrastive.memory_bank import MemoryBank


def embedding_variance(embeddings: Tensor) -> float:
    """Return the total variance of (N, D) directions: 1 when they cancel on average, 0 when all are the same.

    It is ``1 - |mean direction|^2``.
    """
    return float(1 - _unit(embeddings).mean(0).square().sum())


def alignment(queries: Tensor, keys: Tensor) -> float:
    """Return the mean squared distance of (N, D) directions to those of their keys: 0 for equal, at most 4.

    Source: Wang and Isola, *Understanding Contrastive Representation Learning*, ICML 2020.
    """
    return float((_unit(queries) - _unit(keys)).square().sum(1).mean())


def uniformity(embeddings: Tensor) -> float:
    """Return ``log mean exp(-2 d^2)`` over the distances d of all pairs of (N, D) directions.

    0 when all are the same, lower the more evenly they spread, near -4 for many in many dimensions (Wang and
    Isola, ICML 2020). A single direction has no pair and gets 0.
    """
    if len(embeddings) < 2:
        return 0.0
    return float(pdist(_unit(embeddings)).square().mul(-2).exp().mean().log())


def effective_rank(embeddings: Tensor) -> float:
    """Return how many dimensions (N, D) directions use, from 1 to min(N, D).

    The exponential of the entropy of the singular values, taken as shares of their sum (Roy and Vetterli,
    EUSIPCO 2007). Directions are not centred: all the same give 1.
    """
    values = torch.linalg.svdvals(_unit(embeddings))
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())


@torch.no_grad()
def collapse_monitors(queries: Tensor, keys: Tensor, bank: MemoryBank | None = None) -> dict[str, float]:
    """Return all signs of collapse, by the names under which the log keeps them.

    Args:
        queries: (N, D) embeddings of sequences.
        keys: (N, D) their positives.
        bank: the memory bank; its mean and largest age are in batches, 0 while it holds random directions
            only.
    """
    signs = {
        "embedding_variance": embedding_variance(queries),
        "alignment": alignment(queries, keys),
        "uniformity": uniformity(queries),
        "effective_rank": effective_rank(queries),
    }
    if bank is not None:
        ages = bank.ages.float()
        signs["bank_age"] = float(ages.mean()) if len(ages) else 0.0
        signs["bank_oldest"] = float(ages.max()) if len(ages) else 0.0
    return signs


def _unit(embeddings: Tensor) -> Tensor:
    return normalize(embeddings.float(), dim=1)
