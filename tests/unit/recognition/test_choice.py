"""Folds, candidates, and which of them is chosen."""

import numpy as np
import pytest
import torch

from skelact.evaluation.folds import make_folds
from skelact.recognition.choice import best_of, measure, share_interval, table
from skelact.recognition.neighbours import Examples

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
    found, _ = measure("mean", examples, make_folds(labels, {}))
    assert found.tested.tolist() == [True] * 6 + [False]
    assert found.num_tested == 6


def crossed(num):
    """Return two classes that lie across each other, which no line parts: neighbours find them."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], num)
    points = generator.normal(0, 0.3, (2 * num, 2))
    points[np.arange(2 * num), labels] += generator.choice([-3, 3], 2 * num)
    return Examples(torch.tensor(points).float(), torch.tensor(labels), 2)


def overlapping(num):
    """Return two classes that overlap: where they do, the nearest example is as often of the other one."""
    generator = np.random.default_rng(0)
    points, labels = generator.normal(0, 1, (2 * num, 3)), np.repeat([0, 1], num)
    points[:, 0] += np.where(labels == 0, -0.9, 0.9)
    return Examples(torch.tensor(points).float(), torch.tensor(labels), 2)


@pytest.mark.parametrize(("make", "better"), [(crossed, "neighbours"), (overlapping, "linear")])
def test_the_better_one_is_chosen(make, better):
    examples = make(100)
    folds = make_folds(examples.labels.numpy(), {})
    candidates = measure("mean", examples, folds)
    chosen = best_of(candidates)
    assert chosen.kind == better
    assert chosen.accuracy > 0.75
    lines = table(candidates, chosen)
    assert [line.endswith("<- chosen") for line in lines] == [each is chosen for each in candidates]


def test_of_equals_the_simplest_is_chosen():
    examples = Examples(torch.cat([torch.randn(9, 3) - 50, torch.randn(9, 3) + 50]), torch.arange(18) // 9, 2)
    folds = make_folds(examples.labels.numpy(), {})
    candidates = measure("mean", examples, folds)
    assert {each.accuracy for each in candidates} == {1.0}
    assert best_of(candidates).kind == "neighbours"


@pytest.mark.parametrize(
    ("right", "num", "low", "high"), [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (81, 263, 0.255, 0.366)]
)
def test_intervals_of_shares(right, num, low, high):
    """The last one is Newcombe's example, Statistics in Medicine 17, 1998, table I."""
    assert share_interval(right, num) == pytest.approx((low, high), abs=1e-3)
