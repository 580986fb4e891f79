"""Small models learn what they must be able to learn."""

import pytest
import torch

from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import Classifier, FinetuneHead, LinearHead
from skelact.models.sizes import DecoderConfig, EncoderConfig
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser, layer_decay_scales


def waves(num):
    """Smooth motion of five joints with phases of their own."""
    generator = torch.Generator().manual_seed(0)
    phase = torch.rand(num, 1, 1, 5, 3, generator=generator) * 6.28
    time = torch.arange(16.0)[:, None, None]
    return torch.sin(0.7 * time + phase) * 0.3  # (N, 1, T, V, C)


@pytest.mark.parametrize(
    "config",
    [
        MaskedObjective(mask_ratio=0.5),
        pytest.param(MaskedObjective(mask_ratio=0.5, masking="motion"), marks=pytest.mark.slow),
        MaskedObjective(mask_ratio=0.5, masking="uniform", target="coordinates"),
        pytest.param(
            MaskedObjective(mask_ratio=0.5, masking="uniform", normalisation="sequence"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["stjd-mp", "mamp", "mae", "sequence"],
)
def test_a_tiny_model_learns_a_few_clips_by_heart(config):
    torch.manual_seed(0)
    encoder = EncoderConfig(num_joints=5, num_frames=16, patch_frames=4, width=32, depth=2, num_heads=4)
    model = MaskedModel(encoder, DecoderConfig(width=32, depth=1, num_heads=4), config)
    optimiser = build_optimiser(model, TrainingConfig(lr=3e-3, weight_decay=0.0))
    clips, present = waves(4), torch.ones(4, 1, dtype=torch.bool)
    losses = []
    for _ in range(250):
        loss = model(clips, present, torch.rand(4, 1, encoder.num_tokens)).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-20:]) < 0.25 * sum(losses[:20])


def test_a_linear_head_separates_what_is_separable():
    torch.manual_seed(0)
    centres = torch.randn(5, 16)
    labels = torch.arange(5).repeat(20)
    embeddings = centres[labels] + 0.1 * torch.randn(100, 16)
    head = LinearHead(16, 5)
    optimiser = build_optimiser(head, TrainingConfig(optimiser="sgd", lr=0.1, weight_decay=0.0))
    for _ in range(50):
        loss = torch.nn.functional.cross_entropy(head(embeddings), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert torch.equal(head.eval()(embeddings).argmax(1), labels)


def test_encoder_and_head_learn_a_few_labels_by_heart():
    torch.manual_seed(0)
    sizes = EncoderConfig(num_joints=5, num_frames=16, patch_frames=4, width=32, depth=2, num_heads=4)
    model = Classifier(SkeletonEncoder(sizes), FinetuneHead(5, 32, 3, hidden_width=32, dropout=0.0))
    scales = layer_decay_scales(model, 0.8)
    optimiser = build_optimiser(model, TrainingConfig(lr=3e-3, weight_decay=0.0), scales)
    clips, present, labels = waves(9), torch.ones(9, 1, dtype=torch.bool), torch.arange(9) % 3
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(clips, present), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert torch.equal(model.eval()(clips, present).argmax(1), labels)
