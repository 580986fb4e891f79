"""Ridge regression against scikit-learn, and who is held out where its strength is chosen."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.folds import make_folds
from skelact.evaluation.ridge import evaluate_ridge, fit_ridge, fit_with_unlabelled, held_out_accuracy
from skelact.evaluation.settings import RidgeConfig
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.store.protocols import Split


@pytest.mark.parametrize("num", [30, 200])
def test_the_solution_is_that_of_scikit_learn(num):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(num, 60, generator=generator) * torch.arange(1, 61) + 5
    features[:, 7] = 3.0  # says nothing
    labels = torch.randint(0, 4, (num,), generator=generator)
    asked = torch.randn(20, 60, generator=generator) + 5
    mean, scale = features.mean(0), features.std(0, correction=0)
    scale[7] = 1
    strengths = (1.0, 0.01)
    layers = list(fit_ridge(features, labels, 5, strengths))
    assert [layer.l2 for layer in layers] == list(strengths)
    for layer in layers:
        rival = Ridge(alpha=layer.l2 * 60).fit((features - mean) / scale, np.eye(5)[labels])
        expected = rival.predict((asked - mean) / scale)
        np.testing.assert_allclose(layer(asked)[:, :4], expected[:, :4], atol=1e-4)
        assert (layer(asked)[:, 4] == -torch.inf).all()  # a class without an example is ruled out


def test_the_strength_is_chosen_on_people_who_were_held_out():
    generator = torch.Generator().manual_seed(0)
    people = torch.arange(120) // 12
    labels = torch.arange(120) % 3
    habits = torch.randn(10, 3, 40, generator=generator)  # of each person, of no use for others
    features = habits[people, labels] + 0.1 * torch.randn(120, 40, generator=generator)
    features[:, :3] += 2 * torch.eye(3)[labels]
    by_people = make_folds(labels.numpy(), {"subject": people.numpy()})
    by_recording = make_folds(labels.numpy(), {})
    strengths = (3.0, 1e-4)
    of_people = held_out_accuracy(features, labels, 3, strengths, by_people)
    of_recordings = held_out_accuracy(features, labels, 3, strengths, by_recording)
    assert of_people[3.0] > of_people[1e-4]
    assert of_recordings[1e-4] > of_people[1e-4] + 0.1  # who is known is recognised by habits


def test_sequences_without_a_label_teach_along():
    """Two clouds in ten directions: two examples of each do not say where they lie, the others do."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    features = torch.randn(200, 10, generator=generator)
    features[:, :2] += 4 * torch.nn.functional.one_hot(labels, 2)
    few, others, asked = slice(0, 4), slice(4, 100), slice(100, None)

    def accuracy(layer):
        return (layer(features[asked]).argmax(1) == labels[asked]).float().mean()

    (alone,) = fit_ridge(features[few], labels[few], 3, [0.1])
    helped = fit_with_unlabelled(features[few], labels[few], features[others], 3, 0.1)
    assert accuracy(helped) > accuracy(alone) + 0.1
    assert (helped(features)[:, 2] == -torch.inf).all()  # a class without an example is given to nobody
    nobody = fit_with_unlabelled(features[few], labels[few], features[:0], 3, 0.1)
    torch.testing.assert_close(nobody(features), alone(features))


def test_what_cannot_be_fitted_is_told(small_store):
    config = EncoderConfig(num_frames=4, patch_frames=2, width=8, depth=1, num_heads=2)
    encoder = SkeletonEncoder(config)
    source = ClipSource(small_store, ClipSettings(num_frames=4))
    everything = np.arange(9)
    labels = np.asarray(small_store.labels)[:9]
    one_class = everything[labels == labels[0]]
    with pytest.raises(DataError, match="all training sequences are of one class"):
        evaluate_ridge(encoder, source, Split(one_class, everything), RidgeConfig(), {})
    few = everything[np.unique(labels, return_index=True)[1]]
    with pytest.raises(DataError, match=r"give one strength, --l2 0\.1$"):
        evaluate_ridge(encoder, source, Split(few, everything), RidgeConfig(), {})
    found = evaluate_ridge(encoder, source, Split(few, everything), RidgeConfig(l2=[0.1]), {})
    assert found.to_dict()["held_out_accuracy"] == {}
    for l2 in ([], [0.1, 0.0], [float("inf")], [float("nan")]):
        with pytest.raises(ConfigurationError, match="l2 is"):
            RidgeConfig(l2=l2)
