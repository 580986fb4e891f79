"""The space in which classes lie apart, and distances in it."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigh

from skelact.recognition.neighbours import SHRINKAGE, Examples, Neighbours


def blobs(num, width, num_classes, seed=0):
    """Return classes around centres in a space that is stretched along most of its axes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num) % num_classes
    stretch = np.geomspace(0.1, 10, width)
    points = generator.normal(size=(num_classes, width))[labels] + stretch * generator.normal(
        size=(num, width)
    )
    return Examples(torch.tensor(points).float(), torch.tensor(labels), num_classes)


def test_it_is_the_space_of_linear_discriminants():
    """Fisher's criterion as a generalised eigenproblem, of standardised features whose spread is shrunk."""
    examples = blobs(200, 6, 4)
    labels = examples.labels.numpy()
    features = examples.features.double().numpy()
    standard = (features - features.mean(0)) / features.std(0)
    means = np.stack([standard[labels == label].mean(0) for label in range(4)])[labels]
    within, between = np.cov((standard - means).T, bias=True), np.cov(means.T, bias=True)
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / 6 * np.eye(6)
    _, axes = eigh(between, within)
    expected = standard @ axes[:, :-4:-1]
    ours = Neighbours.of(examples).points.numpy()
    assert ours.shape == expected.shape == (200, 3)
    ratios = [own @ other / (other @ other) for own, other in zip(ours.T, expected.T, strict=True)]
    np.testing.assert_allclose(ours, expected * ratios, atol=1e-4)
    np.testing.assert_allclose(np.abs(ratios), abs(ratios[0]), rtol=1e-4)


@pytest.mark.parametrize(("num", "width"), [(60, 8), (20, 100)])
def test_distances_are_those_of_a_loop(num, width):
    examples = blobs(num, width, 3)
    found = Neighbours.of(examples)
    asked = torch.randn(7, width)
    places = (asked - found.mean) @ found.axes
    for row, place in zip(found.distances(asked), places, strict=True):
        for label in range(3):
            own = found.points[examples.labels == label]
            expected = min(float(((place - one) ** 2).mean() ** 0.5) for one in own)
            assert float(row[label]) == pytest.approx(expected, rel=1e-4)
    assert float(found.distances(examples.features).min(1).values.max()) == pytest.approx(0, abs=1e-3)


def test_it_tells_classes_apart_where_the_largest_spread_tells_nothing():
    train, test = blobs(120, 12, 3), blobs(120, 12, 3)
    plain = torch.cdist(test.features[60:], train.features[:60]).argmin(1)
    before = float((train.labels[:60][plain] == test.labels[60:]).float().mean())
    near = Neighbours.of(train.part(torch.arange(60))).distances(test.features[60:])
    assert float((near.argmin(1) == test.labels[60:]).float().mean()) > before + 0.2


@pytest.mark.parametrize(
    "features",
    [torch.ones(4, 3), torch.eye(4), torch.cat([torch.zeros(2, 5), torch.ones(2, 5)]), torch.randn(4, 1)],
    ids=["all alike", "as many as directions", "classes of one point", "one feature"],
)
@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [0, 1, 2, 3], [0, 0, 0, 2]])
def test_odd_examples_give_finite_distances(features, labels):
    examples = Examples(features, torch.tensor(labels), 4)
    found = Neighbours.of(examples).distances(torch.randn(3, features.shape[1]))
    known = sorted(set(labels))
    assert found[:, known].isfinite().all()
    assert (found[:, [label for label in range(4) if label not in known]] == torch.inf).all()
