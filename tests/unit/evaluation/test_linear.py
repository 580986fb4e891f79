"""Features and the linear evaluation on a small store."""

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import DataError
from skelact.evaluation.features import embed, extract_features
from skelact.evaluation.linear import evaluate_linear
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.store.protocols import Split
from skelact.training.config import TrainingConfig

CONFIG = TrainingConfig(
    epochs=2, batch_size=4, optimiser="sgd", lr=0.1, min_lr=0.0, warmup_share=0.0, accelerator="cpu"
)


@pytest.fixture
def source(small_store):
    return ClipSource(small_store, ClipSettings(num_frames=16, min_crop_frames=8))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return SkeletonEncoder(
        EncoderConfig(num_frames=16, patch_frames=4, width=16, depth=1, num_heads=2)
    ).eval()


def test_features_do_not_depend_on_the_batch_size(source, encoder):
    indices = np.arange(9)
    whole, labels = extract_features(encoder, source, indices)
    parts, _ = extract_features(encoder, source, indices, batch_size=2)
    torch.testing.assert_close(whole, parts, atol=1e-5, rtol=1e-5)
    assert labels.tolist() == source.store.labels[indices].tolist()


def test_an_embedding_is_the_mean_over_present_bodies_time_and_joints(source, encoder):
    clips = source.test([0, 1, 2, 3])
    features = encoder(clips.positions, clips.present)
    for row, present in enumerate(clips.present):
        expected = features[row][present].mean((0, 1, 2))
        torch.testing.assert_close(embed(encoder, clips)[row], expected, atol=1e-6, rtol=1e-5)


def test_the_encoder_is_not_changed_and_the_result_repeats(source, encoder):
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    split = Split(np.arange(5), np.arange(5, 9))
    first = evaluate_linear(encoder, source, split, CONFIG, title="")
    second = evaluate_linear(encoder, source, split, CONFIG, title="")
    assert first.num_sequences == 4
    assert np.array_equal(first.confusion, second.confusion)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_sequence_without_a_label_is_an_error(source, encoder):
    with pytest.raises(DataError, match="1 test sequences have no label"):
        evaluate_linear(encoder, source, Split(np.arange(5), np.array([8, 9])), CONFIG, title="")
