"""Folds, candidates, and which of them is chosen."""

import numpy as np
import pytest
import torch

from skelact.evaluation.knn import knn_scores
from skelact.recognition.choice import best_of, make_folds, measure, share_interval, table
from skelact.recognition.examples import Examples

LABELS = np.repeat(np.arange(3), 10)


def test_nobody_is_on_both_sides_where_people_are_known():
    people = np.tile(np.arange(10), 3)
    folds = make_folds(LABELS, {"subject": people})
    assert folds.rule == "5 folds by subject, 10 of them"
    for fold in range(folds.num):
        train, test = folds.learns(fold, torch.tensor(LABELS))
        assert not set(people[train.numpy()]) & set(people[test.numpy()])
        assert len(set(people[test.numpy()])) == 2


@pytest.mark.parametrize(
    ("people", "rule"),
    [
        ({}, "by recording, for who was recorded is not known"),
        ({"subject": np.where(LABELS == 0, -1, LABELS)}, "by recording, for who was recorded is not known"),
        ({"subject": LABELS}, "by recording, for some class has one subject only"),
        ({"subject": LABELS * 0, "pair": np.tile([1, 2], 15)}, "2 folds by pair, 2 of them"),
    ],
)
def test_the_rule_says_what_is_known(people, rule):
    assert rule in make_folds(LABELS, people).rule


def test_recordings_are_dealt_out_by_class():
    folds = make_folds(LABELS, {})
    counts = np.array([np.bincount(folds.number[label == LABELS], minlength=5) for label in range(3)])
    assert (counts == 2).all()
    few = make_folds(np.array([0, 0, 1, 1, 1, 2]), {})
    assert few.num == 3
    assert len(set(few.number[:2])) == 2


def test_a_class_of_one_recording_is_learned_and_not_tested():
    labels = np.array([0, 0, 0, 1, 1, 1, 2])
    examples = Examples(torch.randn(7, 4), torch.tensor(labels), 3)
    found = measure("neighbours", "mean", examples, make_folds(labels, {}))
    assert found.tested.tolist() == [True] * 6 + [False]
    assert found.num_tested == 6


def crossed(num):
    """Return two classes that lie across each other, which no line parts: neighbours find them."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], num)
    points = generator.normal(0, 0.3, (2 * num, 2))
    points[np.arange(2 * num), labels] += generator.choice([-3, 3], 2 * num)
    return Examples(torch.tensor(points).float(), torch.tensor(labels), 2)


def wide_line(num):
    """Return two classes that a line parts in one of 40 directions, which neighbours do not find."""
    generator = np.random.default_rng(0)
    points, labels = generator.normal(0, 1, (2 * num, 40)), np.repeat([0, 1], num)
    points[:, 0] += np.where(labels == 0, -2.5, 2.5)
    return Examples(torch.tensor(points).float(), torch.tensor(labels), 2)


@pytest.mark.parametrize(("make", "better"), [(crossed, "neighbours"), (wide_line, "linear")])
def test_the_better_one_is_chosen(make, better):
    examples = make(40)
    folds = make_folds(examples.labels.numpy(), {})
    candidates = [measure(kind, "mean", examples, folds) for kind in ("neighbours", "linear")]
    chosen = best_of(candidates)
    assert chosen.kind == better
    assert chosen.accuracy > 0.85
    lines = table(candidates, chosen)
    assert [line.endswith("<- chosen") for line in lines] == [each is chosen for each in candidates]


def test_of_equals_the_simplest_is_chosen():
    examples = Examples(torch.cat([torch.randn(9, 3) - 50, torch.randn(9, 3) + 50]), torch.arange(18) // 9, 2)
    folds = make_folds(examples.labels.numpy(), {})
    candidates = [measure(kind, "mean", examples, folds) for kind in ("neighbours", "linear")]
    assert {each.accuracy for each in candidates} == {1.0}
    assert best_of(candidates).kind == "neighbours"


def test_votes_and_distances_are_those_of_a_loop():
    examples = Examples(torch.randn(12, 5) * 7 + 3, torch.arange(12) % 3, 3)
    asked = torch.randn(6, 5)
    scale, mean = examples.features.std(0, correction=0), examples.features.mean(0)
    for row, distance in zip(asked, examples.distances(asked), strict=True):
        each = [float((((row - one) / scale) ** 2).mean() ** 0.5) for one in examples.features]
        assert float(distance) == pytest.approx(min(each), rel=1e-5)
    own, found = (examples.features - mean) / scale, (asked - mean) / scale
    torch.testing.assert_close(
        examples.votes(asked), knn_scores(own, examples.labels, found, 3, (12,), 0.05)[12]
    )
    assert (examples.distances(examples.features) == 0).all()


@pytest.mark.parametrize(
    ("right", "num", "low", "high"), [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (81, 263, 0.255, 0.366)]
)
def test_intervals_of_shares(right, num, low, high):
    """The last one is Newcombe's example, Statistics in Medicine 17, 1998, table I."""
    assert share_interval(right, num) == pytest.approx((low, high), abs=1e-3)
