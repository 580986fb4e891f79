"""Logistic regression against scikit-learn, and how its strength is chosen."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation import logistic
from skelact.evaluation.fast_linear import ENOUGH_WORSE, evaluate_fast_linear, fit_chosen, hold_out
from skelact.evaluation.logistic import fit_path
from skelact.evaluation.settings import FastLinearConfig
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.store.protocols import Split


@pytest.fixture
def clusters():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (300,), generator=generator)
    centres = torch.randn(5, 8, generator=generator)
    return 0.7 * centres[labels] + torch.randn(300, 8, generator=generator), labels


@pytest.mark.parametrize("float64_up_to", [0, 10**9])
@pytest.mark.parametrize("num_classes", [2, 5])
def test_the_solution_is_that_of_scikit_learn(clusters, monkeypatch, float64_up_to, num_classes):
    monkeypatch.setattr(logistic, "FLOAT64_UP_TO", float64_up_to)
    features, labels = clusters
    labels = labels % num_classes
    standardised = ((features - features.mean(0)) / features.std(0, correction=0)).double().numpy()
    strengths = (1e-1, 1e-2)
    ours = fit_path(features, labels, num_classes, strengths, max_iterations=500, tolerance=1e-5)
    for l2, classifier in zip(strengths, ours, strict=True):
        # two classes: scikit-learn fits one weight vector, as if both had half the strength
        inverse = 1 / (l2 * len(features)) * (2 if num_classes == 2 else 1)
        theirs = LogisticRegression(C=inverse, tol=1e-8, max_iter=5000).fit(standardised, labels.numpy())
        probabilities = classifier(features).softmax(1).double().numpy()
        np.testing.assert_allclose(probabilities, theirs.predict_proba(standardised), atol=2e-3)
        assert classifier.converged or not float64_up_to  # rounding in float32 may stand in the way


def test_a_class_never_seen_is_ruled_out(clusters):
    features, labels = clusters
    classifier, _ = fit_chosen(features[None], labels, 7, FastLinearConfig())
    scores = classifier(features)
    assert (scores[:, 5:] == -torch.inf).all()
    assert scores[:, :5].isfinite().all()


def test_the_strength_is_chosen_where_it_helps(clusters):
    _, labels = clusters
    noise = torch.randn(300, 200, generator=torch.Generator().manual_seed(1))
    noise[:, 0] += 3 * labels
    classifier, accuracy = fit_chosen(noise[None], labels, 5, FastLinearConfig())
    assert accuracy[classifier.l2] == max(accuracy.values())
    assert classifier.l2 > 1e-4  # many features of noise want a strong hand
    alone, nothing = fit_chosen(noise[None], labels, 5, FastLinearConfig(l2=(0.01,)))
    assert alone.l2 == 0.01
    assert nothing == {}


def test_of_few_sequences_one_lucky_hit_does_not_end_the_search():
    """Of 20 held out, one is 5 %."""
    torch.manual_seed(5)
    labels = torch.arange(100) % 4
    features = torch.nn.functional.one_hot(labels, 4) + 0.8 * torch.randn(100, 4)
    _, accuracy = fit_chosen(features[None], labels, 4, FastLinearConfig())
    tried = list(accuracy.values())
    assert min(tried) < max(tried) - ENOUGH_WORSE
    assert len(tried) == len(FastLinearConfig.l2)


def test_held_out_sequences_leave_every_class_one():
    labels = torch.tensor([0] * 10 + [1] * 2 + [2])
    held = hold_out(labels, 0.5, seed=0)
    assert held.sum() == 6
    assert set(labels[~held].tolist()) == {0, 1, 2}
    assert torch.equal(held, hold_out(labels, 0.5, seed=0))
    assert not torch.equal(held, hold_out(labels, 0.5, seed=1))
    with pytest.raises(DataError, match="no class has two"):
        hold_out(torch.arange(3), 0.5, seed=0)


def test_crops_are_more_to_learn_from(small_store):
    torch.manual_seed(0)
    encoder = SkeletonEncoder(EncoderConfig(num_frames=16, width=16, depth=1, num_heads=2))
    source = ClipSource(small_store, ClipSettings(num_frames=16, min_crop_frames=8))
    split = Split(np.arange(9), np.arange(9))
    plain = evaluate_fast_linear(encoder, source, split, FastLinearConfig())
    crops = evaluate_fast_linear(encoder, source, split, FastLinearConfig(crops=2))
    again = evaluate_fast_linear(encoder, source, split, FastLinearConfig(crops=2))
    assert not np.allclose(plain.scores, crops.scores)
    assert np.array_equal(crops.scores, again.scores)
    assert crops.to_dict()["l2"] == crops.l2
    assert encoder.training


def test_bad_input_is_named(clusters):
    features, labels = clusters
    with pytest.raises(DataError, match="of one class"):
        fit_chosen(features[None], labels * 0, 5, FastLinearConfig())
    features[3, 3] = torch.nan
    with pytest.raises(DataError, match="not finite"):
        fit_chosen(features[None], labels, 5, FastLinearConfig())
    for wrong in ({"crops": -1}, {"l2": ()}, {"l2": (0.0,)}, {"held_out": 1.0}, {"tolerance": 0.0}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            FastLinearConfig(**wrong)
