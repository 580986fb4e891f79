"""kNN against a slow version written out by hand."""

import math

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation import knn
from skelact.evaluation.knn import evaluate_knn, knn_scores
from skelact.evaluation.metrics import evaluate_scores
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.store.protocols import Split
from skelact.store.store import Store


@pytest.fixture
def clusters() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features (60, 8) of 4 classes, their labels, and 25 more features."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 8, generator=generator)
    labels = torch.arange(60) % 4
    train = centres[labels] + 0.8 * torch.randn(60, 8, generator=generator)
    return train, labels, centres[torch.arange(25) % 4] + 0.8 * torch.randn(25, 8, generator=generator)


def slow_votes(
    train: torch.Tensor, labels: torch.Tensor, query: torch.Tensor, num_classes: int, k: int, tau: float
) -> list[float]:
    cosines = []
    for row, label in zip(train.tolist(), labels.tolist(), strict=True):
        dot = sum(a * b for a, b in zip(row, query.tolist(), strict=True))
        cosines.append((dot / math.hypot(*row) / math.hypot(*query.tolist()), label))
    votes = [0.0] * num_classes
    for cosine, label in sorted(cosines, reverse=True)[:k]:
        votes[label] += math.exp(cosine / tau)
    return votes


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_scores_equal_the_slow_version(
    clusters: tuple[torch.Tensor, torch.Tensor, torch.Tensor], tau: float
) -> None:
    train, labels, test = (tensor.double() for tensor in clusters)
    scores = knn_scores(train, labels.long(), test, 5, ks=(1, 10, 20), tau=tau)
    for k, table in scores.items():
        expected = [slow_votes(train, labels.long(), query, 5, k, tau) for query in test]
        torch.testing.assert_close(table.exp(), torch.tensor(expected, dtype=torch.float64))
        assert (table[:, 4] == -torch.inf).all()


def test_parts_do_not_change_the_scores(
    clusters: tuple[torch.Tensor, torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = knn_scores(*clusters, 4)
    monkeypatch.setattr(knn, "SIMILARITIES_AT_A_TIME", 60 * 7)
    for k, scores in knn_scores(*clusters, 4).items():
        torch.testing.assert_close(scores, whole[k])


def test_a_small_temperature_neither_overflows_nor_changes_the_nearest(
    clusters: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    train, labels, test = clusters
    cold = knn_scores(train, labels, test, 4, ks=(1, 20), tau=1e-4)
    assert cold[20].max().isfinite()
    assert knn_scores(train, labels, test, 4, ks=(1,), tau=knn.SMALLEST_TAU)[1].max(1).values.isfinite().all()
    assert torch.equal(cold[20].argmax(1), cold[1].argmax(1))


def test_a_weak_vote_is_less_than_a_strong_one_and_more_than_none():
    angles = torch.tensor([0.0, 0.6, 3.0])
    train = torch.stack([angles.cos(), angles.sin()], 1)
    [scores] = knn_scores(train, torch.tensor([0, 1, 2]), train[:1], 3, ks=(2,), tau=1e-3).values()
    torch.testing.assert_close(scores[0, :2], angles[:2].cos() * 1000)
    assert scores[0, 2] == -torch.inf


def test_training_sequences_find_themselves_and_length_does_not_matter(
    clusters: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    train, labels, _ = clusters
    scores = knn_scores(train, labels, 7 * train, 4, ks=(1,))
    assert evaluate_scores(scores[1], labels, 4).top1 == 1.0
    assert evaluate_scores(scores[1], (labels + 1) % 4, 4).top5 == 0.0  # no vote is no place among the best


@pytest.mark.parametrize(
    ("ks", "tau", "message"),
    [
        ((), 0.1, "at least one"),
        ((0, 5), 0.1, "at least 1"),
        ((1, 61), 0.1, "k=61: there are only 60"),
        ((1,), 0.0, "above 0"),
        ((1,), 1e-320, "tau=1e-320: .* 1e-06 or more"),
    ],
)
def test_options_out_of_range_are_named(
    clusters: tuple[torch.Tensor, torch.Tensor, torch.Tensor], ks: tuple[int, ...], tau: float, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        knn_scores(*clusters, 4, ks=ks, tau=tau)


def test_features_that_do_not_fit_are_named(
    clusters: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    train, labels, test = clusters
    with pytest.raises(DataError, match="expected"):
        knn_scores(train, labels, test[:, :7], 4)
    with pytest.raises(DataError, match="expected"):
        knn_scores(train, labels[:-1], test, 4)
    with pytest.raises(DataError, match="label 3"):
        knn_scores(train, labels, test, 3)
    test[3, 1] = math.nan
    with pytest.raises(DataError, match="test sequence 3"):
        knn_scores(train, labels, test, 4)


def test_an_untrained_encoder_recognises_the_sequences_it_compares_with(small_store: Store) -> None:
    config = EncoderConfig(num_frames=8, width=16, depth=1, num_heads=2)
    encoder = SkeletonEncoder(config).train()
    source = ClipSource(small_store, ClipSettings(num_frames=8))
    labelled = np.arange(9)
    metrics = evaluate_knn(encoder, source, Split(labelled, labelled), ks=(1, 9))
    assert metrics[1].top1 == 1.0
    assert metrics[9].num_sequences == 9
    assert encoder.training  # left as it was
    with pytest.raises(DataError, match="sequence9"):
        evaluate_knn(encoder, source, Split(labelled, np.array([9])), ks=(1,))
    with pytest.raises(ConfigurationError, match="only 9"):
        evaluate_knn(encoder, source, Split(labelled, labelled))
