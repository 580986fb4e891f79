"""Classes of unequal size: how often they are shown, what their losses weigh."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import cross_entropy

from skelact.evaluation.balance import order_of, weighted_loss, weights_of
from skelact.evaluation.fast_linear import fit_chosen
from skelact.evaluation.settings import FastLinearConfig

LABELS = torch.tensor([0] * 40 + [2] * 7 + [3])


def test_sampling_shows_each_class_equally_often_in_an_epoch_of_the_same_length():
    order = order_of("sampling", LABELS)
    assert order is not None
    places = order(torch.Generator().manual_seed(3))
    assert len(places) == len(LABELS)
    assert np.bincount(LABELS[places]).tolist() == [16, 0, 16, 16]
    counts = np.bincount(places, minlength=len(LABELS))
    assert counts[:40].max() == 1  # of a large class none twice
    assert set(counts[40:47]) == {2, 3}  # of a small one all, as often as each other to within one
    again = order(torch.Generator().manual_seed(3))
    assert np.array_equal(places, again)
    assert not np.array_equal(places, order(torch.Generator().manual_seed(4)))
    assert order_of("none", LABELS) is order_of("loss", LABELS) is None


def test_weights_are_those_that_make_every_class_count_the_same():
    weights = weights_of("loss", LABELS, 5)
    assert weights is not None
    assert weights.tolist() == pytest.approx([16 / 40, 0, 16 / 7, 16, 0])
    assert float(weights[LABELS].mean()) == pytest.approx(1)
    assert weights_of("none", LABELS, 5) is weights_of("sampling", LABELS, 5) is None


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_a_batch_is_the_mean_of_its_parts(smoothing):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(len(LABELS), 5, generator=generator)
    weights = weights_of("loss", LABELS, 5)
    whole = weighted_loss(scores, LABELS, weights, smoothing)
    parts = [
        weighted_loss(scores[part], LABELS[part], weights, smoothing) for part in torch.arange(48).chunk(2)
    ]
    torch.testing.assert_close(whole, torch.stack(parts).mean())
    by_class = [
        cross_entropy(scores[label == LABELS], LABELS[label == LABELS], label_smoothing=smoothing)
        for label in (0, 2, 3)
    ]
    torch.testing.assert_close(whole, torch.stack(by_class).mean())
    plain = weighted_loss(scores, LABELS, None, smoothing)
    torch.testing.assert_close(plain, cross_entropy(scores, LABELS, label_smoothing=smoothing))


def test_the_fast_layer_weighs_as_scikit_learn_does():
    generator = torch.Generator().manual_seed(1)
    labels = torch.tensor([0] * 60 + [1] * 12 + [2] * 6)
    features = torch.randn(len(labels), 4, generator=generator) + labels[:, None] * torch.tensor(
        [0.7, 0, -0.4, 0]
    )
    config = FastLinearConfig(l2=(0.05,), balance="loss", tolerance=1e-9, max_iterations=2000)
    ours, _ = fit_chosen(features[None], labels, 3, config)
    x = ((features - ours.mean) / ours.scale).double().numpy()
    rival = LogisticRegression(C=1 / (0.05 * len(labels)), class_weight="balanced", tol=1e-10, max_iter=5000)
    rival.fit(x, labels.numpy())
    np.testing.assert_allclose(ours.weight.numpy(), rival.coef_, rtol=1e-3, atol=1e-4)
    plain, _ = fit_chosen(features[None], labels, 3, FastLinearConfig(l2=(0.05,)))
    small = labels == 2
    assert (ours(features)[small].argmax(1) == 2).sum() > (plain(features)[small].argmax(1) == 2).sum()
