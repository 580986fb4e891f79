"""Objectives of contrastive learning.

Embeddings come in at any length and are compared by their cosine, in float32. Gradients pass to all of them,
the bank excepted: detach the keys where they must not learn. In STJD-CL they must not be detached, for the
prime mask learns through the pooling behind them.

N is the number of sequences, D the size of an embedding, K of the bank.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import kl_div, normalize

from skelact.errors import ConfigurationError


def contrast_logits(
    query: Tensor,
    key: Tensor,
    bank: Tensor,
    tau: float,
    extra_negatives: Tensor | None = None,
    extra_weight: float = 1.0,
) -> Tensor:
    """Return the logits among which InfoNCE must find the first.

    Args:
        query: (N, D) embeddings of the sequences.
        key: (N, D) what each query should be close to.
        bank: (K, D) unit vectors that all queries should be far from.
        tau: temperature.
        extra_negatives: (N, E, D) further vectors, each query's own.
        extra_weight: how many negatives each of them stands for; 0 leaves them out.

    Returns:
        (N, 1 + K + E): cosines by temperature - of the key, the bank, the others.

    Raises:
        ConfigurationError: a temperature that is not positive, or a weight below zero.
    """
    _check_tau("tau", tau)
    if not 0 <= extra_weight < math.inf:
        raise ConfigurationError(f"the weight of extra negatives is {extra_weight}, expected 0 or more")
    with torch.autocast(query.device.type, enabled=False):
        query, key = _unit(query), _unit(key)
        cosines = [(query * key).sum(1, keepdim=True), query @ bank.detach().float().mT]
        logits = [cosine / tau for cosine in cosines]
        if extra_negatives is not None and extra_weight > 0:
            cosine = torch.einsum("nd,ned->ne", query, _unit(extra_negatives))
            logits.append(cosine / tau + math.log(extra_weight))
        return torch.cat(logits, 1)


def info_nce(
    query: Tensor,
    key: Tensor,
    bank: Tensor,
    tau: float = 0.07,
    extra_negatives: Tensor | None = None,
    extra_weight: float = 1.0,
) -> Tensor:
    """Return (N,) ``-log(exp(q.k / tau) / (exp(q.k / tau) + sum of negatives))``.

    The negatives are the bank's ``exp(q.b / tau)`` and, times their weight, those of ``extra_negatives``.
    Source: van den Oord et al., 2018; with a memory bank, He et al., *MoCo*, CVPR 2020.

    Args:
        query: as for :func:`contrast_logits`, like the others.
        key: what each query should be close to.
        bank: what all should be far from.
        tau: temperature.
        extra_negatives: each query's own negatives.
        extra_weight: how many negatives each of them stands for.

    Raises:
        ConfigurationError: a temperature that is not positive, or a weight below zero.
    """
    logits = contrast_logits(query, key, bank, tau, extra_negatives, extra_weight)
    return logits.logsumexp(1) - logits[:, 0]


def prime_contrast(
    query: Tensor, prime: Tensor, other: Tensor, bank: Tensor, tau: float = 0.07, weight: float = 1.0
) -> Tensor:
    """Return (N,) InfoNCE of a sequence and its prime joints, with its other joints as one more negative.

    Gunasekara et al., IEEE TBIOM 7(4), 2025: the losses L_CL and L_RCL in one.

    Args:
        query: (N, D) embeddings of whole sequences, z_q.
        prime: (N, D) embeddings of their prime joints, z_k.
        other: (N, D) embeddings of their other joints, z_p.
        bank: (K, D) unit vectors, embeddings of prime joints of earlier sequences; an empty bank, (0, D),
            leaves the contrast of prime and other joints alone.
        tau: temperature.
        weight: how many negatives z_p stands for; 0 gives plain InfoNCE.

    Raises:
        ConfigurationError: a temperature that is not positive, or a weight below zero.
    """
    return info_nce(query, prime, bank, tau, other.unsqueeze(1), weight)


def similarity_alignment(
    student: Tensor, teacher: Tensor, bank: Tensor, student_tau: float = 0.1, teacher_tau: float = 0.05
) -> Tensor:
    """Return (N,) how far the student's similarities to the bank are from the teacher's.

    Both are turned into a distribution over the bank, ``softmax(z.b / tau)``; the distance is
    KL(teacher || student). The teacher's lower temperature makes it the surer of the two. Source: Zheng et
    al., *ReSSL*, NeurIPS 2021.

    Args:
        student: (N, D) embeddings that learn.
        teacher: (N, D) embeddings to follow; detach them where they must not learn.
        bank: (K, D) unit vectors, K at least 1.
        student_tau: temperature of the student.
        teacher_tau: temperature of the teacher.

    Raises:
        ConfigurationError: a temperature that is not positive.
    """
    _check_tau("student_tau", student_tau)
    _check_tau("teacher_tau", teacher_tau)
    with torch.autocast(student.device.type, enabled=False):
        anchors = bank.detach().float().mT  # (D, K)
        followed = (_unit(teacher) @ anchors / teacher_tau).log_softmax(1)
        following = (_unit(student) @ anchors / student_tau).log_softmax(1)
        return kl_div(following, followed, reduction="none", log_target=True).sum(1)


def _unit(x: Tensor) -> Tensor:
    return normalize(x.float(), dim=-1)


def _check_tau(name: str, tau: float) -> None:
    if not 0 < tau < math.inf:
        raise ConfigurationError(f"{name} is {tau}, expected a temperature above 0")
