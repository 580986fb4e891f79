"""The parts of contrastive learning, put together by hand: what learns, what does not, and that it does."""

import math
from dataclasses import replace

import torch

from augmentations import MILD, STRONG
from skelact.clips.augmentation import augment
from skelact.clips.augmentation_draws import draw_augmentations
from skelact.models.heads import ProjectionHead
from skelact.models.sizes import ProjectionConfig, STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.pretraining.contrastive.losses import info_nce, prime_contrast
from skelact.pretraining.contrastive.memory_bank import MemoryBank
from skelact.pretraining.contrastive.model import masked_pool, prime_pool
from skelact.pretraining.contrastive.views import mix_views
from skelact.pretraining.momentum import MomentumCopy
from skelact.skeleton.tables import NTU_25

SIZES = STGCNConfig(channels=(8, 16), strides=(1, 2), kernel=3, dropout=0.0)
HEAD = ProjectionConfig(hidden=16, width=8)


def clips(num):
    """Each moves at a pace, in a direction and to an extent of its own."""
    generator = torch.Generator().manual_seed(0)
    pace = torch.rand(num, 1, 1, 1, 1, generator=generator) * 1.5 + 0.1
    extent = torch.randn(num, 1, 1, 1, 3, generator=generator)
    pose = torch.randn(1, 1, 1, 25, 3, generator=generator)
    return pose + extent * torch.sin(pace * torch.arange(16.0)[:, None, None] + pose)


def test_gradients_reach_the_mask_the_query_and_the_heads_but_no_momentum_copy():
    torch.manual_seed(0)
    query, head = STGCN(SIZES, NTU_25), ProjectionHead(16, HEAD)
    copies = key, prime_head, other_head = MomentumCopy(query), MomentumCopy(head), MomentumCopy(head)
    positions, present = clips(6), torch.ones(6, 1, dtype=torch.bool)
    logits = torch.randn(6, 1, 8, 25, requires_grad=True)
    mask = logits.sigmoid()
    draws = draw_augmentations(positions.shape, STRONG, torch.Generator().manual_seed(0))
    mild = augment(positions, present, NTU_25, MILD, draws)
    strong = augment(positions, present, NTU_25, STRONG, draws, mild.moments)
    view = mix_views(mild.positions, strong.positions, mask)
    features = query(view, present)
    z_q = head(masked_pool(features, torch.ones_like(mask), present))
    prime, other = prime_pool(key(positions, present), mask, present)
    bank = MemoryBank(12, 8)
    prime_contrast(z_q, prime_head(prime), other_head(other), bank.keys).mean().backward()
    for module in (query, head):
        for name, parameter in module.named_parameters():
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name
    assert (logits.grad.abs() > 0).all()
    for copy in copies:
        assert all(parameter.grad is None for parameter in copy.parameters())
    through_the_view = torch.autograd.grad(
        mix_views(mild.positions, strong.positions, logits.sigmoid()).square().sum(), logits
    )
    assert through_the_view[0].abs().max() > 0


def test_a_query_learns_to_know_its_clip_among_others():
    torch.manual_seed(0)
    query, head = STGCN(SIZES, NTU_25), ProjectionHead(16, HEAD)
    model = torch.nn.ModuleList([query, head])
    momentum = MomentumCopy(model, 0.9)
    bank = MemoryBank(16, 8)  # the two batches before: no clip meets a key of its own in it
    slight = replace(MILD, shear_amplitude=0.1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
    positions, present = clips(24), torch.ones(24, 1, dtype=torch.bool)
    losses = []
    for step in range(120):
        batch = positions[8 * (step % 3) : 8 * (step % 3) + 8]
        here, generator = present[:8], torch.Generator().manual_seed(step)
        first, second = (
            augment(batch, here, NTU_25, slight, draw_augmentations(batch.shape, slight, generator)).positions
            for _ in range(2)
        )
        ones = torch.ones(8, 1, 8, 25)
        z_q = head(masked_pool(query(first, here), ones, here))
        key, key_head = momentum.network
        with torch.no_grad():
            z_k = key_head(masked_pool(key(second, here), ones, here))
        loss = info_nce(z_q, z_k, bank.keys, 0.2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        momentum.update(model)
        bank.add(z_k)
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.5 * math.log(17)  # the loss of one who cannot tell the 17 apart
