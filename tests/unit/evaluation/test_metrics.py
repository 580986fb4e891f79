import json
import math

import numpy as np
import pytest
import torch

from skelact.errors import DataError
from skelact.evaluation.metrics import evaluate_scores


def test_six_sequences_by_hand() -> None:
    # classes 0 to 2; class 3 never occurs but is predicted once
    predicted, labels = [0, 0, 1, 3, 2, 1], torch.tensor([0, 0, 1, 1, 2, 2])
    metrics = evaluate_scores(torch.eye(4)[predicted], labels, 4)
    assert metrics.top1 == pytest.approx(4 / 6)
    assert metrics.top5 == 1.0
    assert metrics.confusion.tolist() == [[2, 0, 0, 0], [0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(metrics.per_class, [1, 0.5, 0.5, np.nan])
    assert metrics.mean_class_accuracy == pytest.approx(2 / 3)
    assert metrics.num_sequences == 6


def test_top_five_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(200, 12, generator=generator)
    labels = torch.randint(0, 12, (200,), generator=generator)
    metrics = evaluate_scores(scores, labels, 12)
    best = scores.topk(5).indices
    assert metrics.top5 == pytest.approx((best == labels[:, None]).any(1).double().mean().item())
    assert metrics.top1 == pytest.approx((best[:, 0] == labels).double().mean().item())
    assert metrics.confusion.sum() == 200
    assert metrics.top1 == metrics.confusion.trace() / 200


def test_ties_go_to_the_first_class_and_ruled_out_classes_never_count() -> None:
    metrics = evaluate_scores(torch.zeros(2, 8), torch.tensor([0, 5]), 8)
    assert (metrics.top1, metrics.top5) == (0.5, 0.5)
    scores = torch.tensor([[0.0, -math.inf, -math.inf]])
    assert evaluate_scores(scores, torch.tensor([1]), 3).top5 == 0.0
    assert evaluate_scores(scores, torch.tensor([0]), 3).top5 == 1.0


def test_metrics_survive_json() -> None:
    metrics = evaluate_scores(torch.eye(3)[[0, 1]], torch.tensor([0, 0]), 3)
    table = json.loads(json.dumps(metrics.to_dict(), allow_nan=False))
    assert table["per_class"] == [0.5, None, None]
    assert table["confusion"] == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert table["top1"] == table["mean_class_accuracy"] == 0.5
    assert table["num_sequences"] == 2


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 0]), "expected .sequences, 4 classes"),
        (torch.zeros(2, 4), torch.tensor([0]), "labels of shape"),
        (torch.zeros(0, 4), torch.tensor([], dtype=torch.int64), "no sequence to evaluate"),
        (torch.tensor([[0.0, 0, 0, math.nan]]), torch.tensor([0]), "sequence 0 has a score"),
        (torch.zeros(2, 4), torch.tensor([0, -1]), "sequence 1 has label -1"),
        (torch.zeros(2, 4), torch.tensor([4, 0]), "sequence 0 has label 4"),
    ],
)
def test_bad_input_is_named(scores: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate_scores(scores, labels, 4)
