"""Retrieval against a slow version written out by hand."""

import pytest
import torch

from skelact.errors import DataError
from skelact.evaluation import retrieval
from skelact.evaluation.retrieval import retrieve


@pytest.fixture
def clusters():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 8, generator=generator)
    labels, asked = torch.arange(40) % 3, torch.arange(13) % 4  # class 3 has no training sequence
    train = centres[labels] + torch.randn(40, 8, generator=generator)
    return train, labels, centres[asked] + torch.randn(13, 8, generator=generator), asked


def slow_average_precision(train, labels, query, asked):
    cosine = [float(torch.cosine_similarity(row, query, dim=0)) for row in train]
    ranked = sorted(range(len(train)), key=lambda place: -cosine[place])
    right, shares = 0, []
    for rank, place in enumerate(ranked, 1):
        if labels[place] == asked:
            right += 1
            shares.append(right / rank)
    return sum(shares) / len(shares) if shares else None


def test_numbers_equal_the_slow_version(clusters, monkeypatch):
    train, labels, test, asked = clusters
    expected = [slow_average_precision(train, labels, *pair) for pair in zip(test, asked, strict=True)]
    known = [value for value in expected if value is not None]
    nearest = torch.cosine_similarity(test[:, None], train, dim=2).argmax(1)
    for at_a_time in (40 * 13, 40 * 4, 1):
        monkeypatch.setattr(retrieval, "SIMILARITIES_AT_A_TIME", at_a_time)
        metrics = retrieve(train, labels, test, asked, 4)
        assert metrics.mean_average_precision == pytest.approx(sum(known) / len(known), rel=1e-6)
        assert metrics.num_without_answer == 3
        assert metrics.top1 == pytest.approx((labels[nearest] == asked).float().mean().item())


def test_a_perfect_representation_has_precision_one():
    train = torch.eye(3).repeat(4, 1)
    labels = torch.arange(3).repeat(4)
    metrics = retrieve(train, labels, 5 * torch.eye(3), torch.arange(3), 3)
    assert metrics.mean_average_precision == 1.0
    assert metrics.top1 == 1.0
    assert metrics.to_dict()["mean_average_precision"] == 1.0


def test_features_that_do_not_fit_are_named(clusters):
    train, labels, test, asked = clusters
    with pytest.raises(DataError, match="expected"):
        retrieve(train, labels, test[:, :7], asked, 4)
    with pytest.raises(DataError, match="no sequence to evaluate"):
        retrieve(train, labels, test[:0], asked[:0], 4)
