"""The objectives of self-distillation: agreement with a teacher on prototypes, regression, and spread.

N sequences, n rows, K prototypes, D numbers. All is computed in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import layer_norm, normalize, smooth_l1_loss, softplus

from skelact.pretraining.gathering import gather_rows, rows_before, sum_over_processes
from skelact.pretraining.masked.losses import EPSILON

TINY = torch.finfo(torch.float32).tiny
NEAREST = 1e-8
"""Added to distances whose logarithm is taken."""


@torch.no_grad()
def sinkhorn(logits: Tensor, tau: float, iterations: int = 3) -> Tensor:
    """Return the teacher's shares of prototypes: every row sums to 1, and every prototype is used alike.

    The shares are those of the rows of all processes together, as if one had them all. Source: Cuturi, 2013;
    for prototypes, Caron et al., *SwAV*, NeurIPS 2020.

    Args:
        logits: (n, K) of this process's rows; n may differ between processes.
        tau: temperature.
        iterations: how often prototypes and rows are brought to equal sums; rows last.

    Returns:
        (n, K).
    """
    logits = logits.float()
    largest = torch.full((), -torch.inf, device=logits.device)
    if len(logits):
        largest = logits.max()
    if dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(largest, dist.ReduceOp.MAX)
    shares = torch.exp((logits - largest) / tau)
    for _ in range(iterations):
        shares = shares / sum_over_processes(shares.sum(0)).clamp(min=TINY)
        shares = shares / shares.sum(1, keepdim=True).clamp(min=TINY)
    return shares


def agreement(student: Tensor, teacher: Tensor, tau: float) -> Tensor:
    """Return the (...) cross-entropy of the teacher's (..., K) shares and the student's (..., K) logits."""
    return -(teacher * (student.float() / tau).log_softmax(-1)).sum(-1)


def contrast(student: Tensor, teacher: Tensor, tau: float) -> Tensor:
    """Return the (..., S) InfoNCE of the student's vectors: each must find the teacher's of its own sequence.

    The others are those of all sequences of the batch, over all processes. Source: van den Oord et al., 2018.

    Args:
        student: (..., S, E) unit vectors.
        teacher: (S, E) unit vectors of the same sequences, without gradient.
        tau: temperature.
    """
    everyone = gather_rows(teacher.float())
    logits = student.float() @ everyone.mT / tau  # (..., S, all)
    start = rows_before(len(teacher), teacher.device)
    return logits.logsumexp(-1) - logits[..., start : start + len(teacher)].diagonal(dim1=-2, dim2=-1)


def regression_target(blocks: Sequence[Tensor]) -> Tensor:
    """Return the (n, D) mean of what blocks gave, (n, D) each, layer-normed before and after.

    Source: Baevski et al., *data2vec*, ICML 2022.
    """
    width = blocks[0].shape[-1:]
    mean = torch.stack([layer_norm(block.float(), width) for block in blocks]).mean(0)
    return layer_norm(mean, width)


def regression(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the (n,) smooth L1 distance of (n, D) predictions from their targets, a mean over D."""
    return smooth_l1_loss(prediction.float(), target, reduction="none").mean(-1)


def standardised(patches: Tensor, is_there: Tensor) -> Tensor:
    """Subtract each body's mean and divide by ``sqrt(var + 1e-6)``, both over the tokens that are there.

    Args:
        patches: (B, T', V, P).
        is_there: (B, T', V) bool.

    Returns:
        (B, T', V, P); where all tokens are there, what
        :func:`skelact.pretraining.masked.losses.normalise` makes of whole sequences.
    """
    weight = is_there.unsqueeze(-1).to(patches.dtype)
    count = weight.sum((1, 2, 3), keepdim=True) * patches.shape[-1]
    mean = (patches * weight).sum((1, 2, 3), keepdim=True) / count.clamp(min=1)
    squares = ((patches - mean) * weight).square().sum((1, 2, 3), keepdim=True)
    return (patches - mean) / (squares / (count - 1).clamp(min=1) + EPSILON).sqrt()


def spread(embeddings: Tensor) -> Tensor:
    """Return how close directions are to their nearest: the mean of ``-log(distance)`` (KoLeo).

    The nearest is looked for among those of all processes. The value is the mean over this process's rows;
    its gradient is this process's part of that of the mean over all rows, times all rows by own rows, so that
    processes that weigh by their rows learn what one would. Source: Sablayrolles et al., ICLR 2019.

    Args:
        embeddings: (n, D) of any length.

    Returns:
        (); 0 where there is one row or none.
    """
    own = normalize(embeddings.float(), dim=1)
    everywhere = gather_rows(own.detach())
    num, total = len(own), len(everywhere)
    start = rows_before(num, own.device)  # of all processes, so before one of them returns
    if total < 2 or num == 0:
        return own.sum() * 0
    rows = torch.cat([everywhere[:start], own, everywhere[start + num :]])
    with torch.no_grad():
        similarity = everywhere @ everywhere.mT
        nearest = similarity.fill_diagonal_(-torch.inf).argmax(1)
    distances = (rows - rows[nearest]).square().sum(1).add(NEAREST).sqrt()
    losses = -distances.log()
    whole, here = losses.sum() / num, losses[start : start + num].mean()
    return here.detach() + whole - whole.detach()


def told_apart(whole: Tensor, prime: Tensor, other: Tensor, tau: float) -> Tensor:
    """Return how far a sequence is from being closer to its prime joints than to the others.

    It is the logistic loss of the difference of cosines, ``log(1 + exp((cos(w, o) - cos(w, p)) / tau))``: of
    two negatives and positives what L_RCL of STJD-CL asks (Gunasekara et al., IEEE TBIOM 7(4), 2025).

    Args:
        whole: (..., D) directions of the sequences, of the teacher.
        prime: (..., D) directions of their prime joints.
        other: (..., D) directions of the joints that are not prime.
        tau: temperature.

    Returns:
        (...).
    """
    whole, prime, other = (normalize(each.float(), dim=-1) for each in (whole, prime, other))
    return softplus(((whole * other).sum(-1) - (whole * prime).sum(-1)) / tau)
