"""A recording is encoded once, however many ways its features are pooled and asked about."""

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.evaluation.features import extract_features, extract_poolings
from skelact.evaluation.finetune import classify
from skelact.models.backbone import build_backbone
from skelact.models.heads import Classifier, FinetuneHead
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import EncoderConfig, STGCNConfig
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.recognition import lesson as lesson_module
from skelact.recognition.description import Recognition
from skelact.recognition.lesson import examples_of, learn
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.recognition.recogniser import Recogniser
from skelact.skeleton.tables import NTU_25

CLIPS = ClipSettings(num_frames=16, min_crop_frames=8)
POOLINGS = ["mean", "joints", "moments", "bodies", "joints-and-bodies", "moments-and-bodies"]
ENCODERS = {
    "transformer": EncoderConfig(num_frames=16, width=16, depth=1, num_heads=2),
    "st-gcn": STGCNConfig(channels=(8, 16), strides=(1, 2)),
    "class token": TokenEncoderConfig(patch_frames=4, width=16, depth=1, num_heads=2, pooling="class"),
    "both": TokenEncoderConfig(patch_frames=4, width=16, depth=1, num_heads=2, pooling="both"),
}
INDICES = np.arange(9)


@pytest.fixture(params=ENCODERS)
def pretrained(request):
    torch.manual_seed(0)
    encoder = build_backbone(ENCODERS[request.param], NTU_25).eval()
    return Pretrained(encoder, NTU_25, CLIPS, {})


@pytest.fixture
def source(small_store):
    return ClipSource(small_store, CLIPS)


@pytest.fixture
def runs(pretrained):
    """Return a list that grows by one with every batch that the encoder is given."""
    found = []
    pretrained.encoder.blocks[0].register_forward_hook(lambda *_: found.append(1))
    return found


def test_features_pooled_together_are_those_pooled_one_by_one(pretrained, source, runs):
    together = extract_poolings(pretrained.encoder, source, INDICES, POOLINGS)
    assert len(runs) == 1
    for pooling, found in zip(POOLINGS, together, strict=True):
        alone, _ = extract_features(pretrained.encoder, source, INDICES, pooling=pooling)
        torch.testing.assert_close(found, alone)


def test_a_lesson_encodes_once_for_all_its_candidates(pretrained, source, runs):
    lesson = learn(pretrained, source, INDICES, {}, false_alarms=0.1, about={})
    assert {each.pooling for each in lesson.candidates} == {"moments", "moments-and-bodies"}
    assert len(runs) == 2, "the recordings, and their pieces"


def test_pieces_of_many_recordings_are_not_encoded(pretrained, source, runs, monkeypatch):
    labels, numbers = torch.arange(9), 3 * 2 * 9 * pretrained.encoder.config.width * 25
    for most, pieces, num_runs in ((3 * numbers, 2, 2), (3 * numbers - 1, 0, 1)):
        monkeypatch.setattr(lesson_module, "MOST_NUMBERS", most)
        runs.clear()
        for examples in examples_of(pretrained, source, INDICES, labels, "").values():
            assert len(examples.lessons()[1]) == (1 + pieces) * 9
        assert len(runs) == num_runs


@pytest.mark.parametrize("has_examples", [True, False])
def test_a_fine_tuned_model_encodes_once_for_scores_and_distances(pretrained, source, runs, has_examples):
    encoder = pretrained.encoder
    head = Classifier(encoder, FinetuneHead(25, 16, 2, 8, 0.3, encoder.absent))
    features, labels = extract_features(encoder, source, INDICES)
    neighbours = Neighbours.of(Examples(features[:5], labels[:5] % 2, 2)) if has_examples else None
    scores = classify(head, source, INDICES)
    runs.clear()
    about = Recognition("finetune", ["a", "b"])
    found = Recogniser(pretrained, about, neighbours, head=head).recognise(source, INDICES)
    assert len(runs) == 1
    torch.testing.assert_close(found.chances, scores.double().softmax(1))
    if neighbours is None:
        assert found.distances is None
    else:
        torch.testing.assert_close(found.distances, neighbours.distances(features).min(1).values)


def test_more_features_than_memory_should_hold_are_averaged(pretrained, source, monkeypatch):
    monkeypatch.setattr(lesson_module, "MOST_NUMBERS", 100)
    lesson = learn(pretrained, source, INDICES, {}, false_alarms=0.1, about={})
    assert [each.pooling for each in lesson.candidates] == ["mean"] * 2
