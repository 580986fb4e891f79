"""Contrastive pre-training: STJD-CL, momentum contrast, and contrast with random joints.

A clip is seen twice. The momentum encoder sees the key's view; in its features the prime joints are found,
the joints whose density changes most. Their embedding, z_k, is what the query's embedding z_q should be close
to, and far from those of other sequences and from z_p, the embedding of the other joints. The query's view is
augmented mildly where joints are prime and strongly elsewhere.

Sources: Gunasekara et al., IEEE TBIOM 7(4), 2025; He et al., *MoCo*, CVPR 2020; for all settings Lin et al.,
*ActCLR*, CVPR 2023. No code of STJD-CL is public: docs/methods.md says what is known and what is derived.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from skelact.density.learned import LearnedDensity
from skelact.models.backbone import build_backbone
from skelact.models.heads import ProjectionHead
from skelact.models.sizes import EncoderConfig, ProjectionConfig, STGCNConfig
from skelact.pretraining.contrastive.losses import prime_contrast, similarity_alignment
from skelact.pretraining.contrastive.memory_bank import MemoryBank
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.pretraining.contrastive.prime_detector import PrimeDetector
from skelact.pretraining.contrastive.views import Views, query_clips
from skelact.pretraining.momentum import MomentumCopy
from skelact.skeleton.topology import Topology

EPSILON = 1e-6


def masked_pool(
    features: Tensor, mask: Tensor, present: Tensor, joint_present: Tensor | None = None
) -> Tensor:
    """Return the mean over bodies, time and joints, weighted by a mask.

    With a mask of ones and all joints there, it is the mean of :func:`skelact.models.heads.pool`.

    Args:
        features: (N, M, T', V, D).
        mask: (N, M, T', V) in [0, 1]: how much each place counts. Gradients pass to it.
        present: (N, M) bool, True for bodies in the clip.
        joint_present: (N, M, V) bool, True for joints that were seen; default all.

    Returns:
        (N, D); zero where nothing counts: nobody is there, or the mask is zero (sums to less than 1e-6).

    Raises:
        ValueError: shapes that do not fit each other.
    """
    if mask.shape != features.shape[:-1] or present.shape != features.shape[:2]:
        raise ValueError(
            f"features of {tuple(features.shape)}, a mask of {tuple(mask.shape)} and bodies of "
            f"{tuple(present.shape)} do not fit"
        )
    weight = mask * present[:, :, None, None]
    if joint_present is not None:
        weight = weight * joint_present[:, :, None]
    weight = weight.flatten(1)  # (N, L)
    total = weight.sum(1, keepdim=True)
    total = torch.where(total < EPSILON, 1.0, total)
    pooled = (weight / total).unsqueeze(1).to(features.dtype) @ features.flatten(1, 3)  # (N, 1, D)
    return pooled.squeeze(1)


def prime_pool(
    features: Tensor, prime_mask: Tensor, present: Tensor, joint_present: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the embeddings of the prime joints and of the others: both (N, D).

    Gunasekara et al., IEEE TBIOM 7(4), 2025: the feature map pooled with m, and with 1 - m.

    Args:
        features: (N, M, T', V, D).
        prime_mask: (N, M, T', V) in [0, 1], how prime each joint is.
        present: as for :func:`masked_pool`.
        joint_present: as for :func:`masked_pool`.

    Raises:
        ValueError: shapes that do not fit each other.
    """
    prime = masked_pool(features, prime_mask, present, joint_present)
    return prime, masked_pool(features, 1 - prime_mask, present, joint_present)


class ContrastiveOutput(NamedTuple):
    """What one pass gives, for the S of N sequences that show anybody."""

    loss: Tensor
    """() mean over the S sequences."""
    query: Tensor
    """(S, E) embeddings z_q, without gradient."""
    key: Tensor
    """(S, E) embeddings z_k, without gradient; what the memory bank takes."""
    prime_share: Tensor
    """(S,) mean of each sequence's prime mask over its joints that count; 0 without a detector."""


class ContrastiveModel(nn.Module):
    """Query encoder, prime-joint detector, heads, their momentum copies and the memory bank.

    The published figure has two momentum heads, for prime and for other joints. Both follow the one query
    head, so they are always equal, and one is kept. The momentum copies and the bank get no gradient; they
    move on when :meth:`advance` is called.

    Args:
        encoder: sizes of the backbone.
        head: sizes of the projection head.
        config: what is compared with what.
        topology: the skeleton.
        stream: what the encoder sees of positions, one of :data:`skelact.clips.streams.STREAMS`.

    Raises:
        ConfigurationError: sizes or augmentations that do not fit the skeleton.
    """

    def __init__(
        self,
        encoder: EncoderConfig | STGCNConfig,
        head: ProjectionConfig,
        config: ContrastiveObjective,
        topology: Topology,
        stream: str = "joint",
    ) -> None:
        super().__init__()
        config.check_skeleton(topology, encoder.num_coordinates)
        self.config, self.topology, self.stream = config, topology, stream
        self.encoder = build_backbone(encoder, topology)
        self.head = ProjectionHead(encoder.width, head)
        self.detector: PrimeDetector | None = None
        if config.detector.kind != "none":
            self.detector = PrimeDetector(
                config.detector, topology.num_joints, encoder.width, encoder.num_coordinates
            )
        self.key_encoder = MomentumCopy(self.encoder, config.momentum)
        self.key_head = MomentumCopy(self.head, config.momentum)
        start = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        self.bank = MemoryBank(config.bank, head.width, start)

    @property
    def density(self) -> LearnedDensity | None:
        """The joint density that tells which joints are prime; None where there is none."""
        return None if self.detector is None else self.detector.density

    def forward(self, views: Views) -> ContrastiveOutput:
        """Compare the two views of N clips."""
        present = views.present
        with torch.no_grad():
            u = self.key_encoder(views.key, present)  # (N, M, T', V, D)
        mask = None
        if self.detector is not None:
            mask = self.detector(u, views.key_seen, views.scores, views.key_positions)
        clips = query_clips(views, mask, self.topology, self.stream)
        features = self.encoder(clips, present)
        everywhere = torch.ones_like(features[..., 0])
        z_q = self.head(masked_pool(features, everywhere, present, views.query_seen))
        z_k, z_p = self.keys(u, mask, views)
        shows_anybody = present.any(1)
        z_q, z_k = z_q[shows_anybody], z_k[shows_anybody]
        z_p = None if z_p is None else z_p[shows_anybody]
        loss = self.losses(z_q, z_k, z_p).mean()
        shares = u.new_zeros(len(u)) if mask is None else mean_where(mask.detach(), views.key_seen)
        return ContrastiveOutput(loss, z_q.detach(), z_k.detach(), shares[shows_anybody])

    def keys(self, u: Tensor, mask: Tensor | None, views: Views) -> tuple[Tensor, Tensor | None]:
        """Return the embeddings (N, E) of the positive and, where they are a negative, of the other joints.

        Args:
            u: (N, M, T', V, D) momentum features.
            mask: (N, M, T', V) how prime each joint is; gradients pass to it through the pooling.
            views: of the N clips.
        """
        config, present, seen = self.config, views.present, views.key_seen
        if mask is None:
            return self.key_head(masked_pool(u, torch.ones_like(u[..., 0]), present, seen)), None
        prime, other = prime_pool(u, mask, present, seen)
        if not config.prime_pooling:
            prime = masked_pool(u, torch.ones_like(mask), present, seen)
        return self.key_head(prime), self.key_head(other) if config.other_weight > 0 else None

    def losses(self, z_q: Tensor, z_k: Tensor, z_p: Tensor | None) -> Tensor:
        """Return the (S,) loss of every sequence.

        Args:
            z_q: (S, E) queries.
            z_k: (S, E) what each should be close to.
            z_p: (S, E) one more thing to be far from; None for nothing.
        """
        config, bank = self.config, self.bank.keys
        other, weight = (z_k, 0.0) if z_p is None else (z_p, config.other_weight)
        if config.loss == "info-nce":
            return prime_contrast(z_q, z_k, other, bank, config.tau, weight)
        aligned = similarity_alignment(z_q, z_k, bank, config.student_tau, config.teacher_tau)
        return aligned + prime_contrast(z_q, z_k, other, bank[:0], config.tau, weight)

    @torch.no_grad()
    def advance(self, keys: Tensor) -> None:
        """Let the momentum copies follow, and give the bank the keys of a step.

        Called once after every step of the optimiser, in every process.

        Args:
            keys: (n, E) this process's keys of the step.
        """
        self.key_encoder.update(self.encoder)
        self.key_head.update(self.head)
        self.bank.add(keys)


def mean_where(mask: Tensor, seen: Tensor) -> Tensor:
    """Return the (N,) means of (N, M, T', V) masks over the joints (N, M, V) seen; 0 where none was."""
    num = seen.sum((1, 2)) * mask.shape[2]
    return (mask * seen.unsqueeze(2)).sum((1, 2, 3)) / num.clamp(min=1)
