import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skelact.detection.layer import UNUSED, draw_frames, fit_layer
from skelact.detection.settings import LayerConfig
from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.logistic import fit_path

BACKGROUND = 3


@given(st.integers(0, 200), st.integers(0, 200), st.integers(2, 100), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_draw_keeps_to_its_size_and_to_the_share_of_background(
    num_actions: int, num_background: int, wanted: int, share: float
) -> None:
    labels = np.array([number % 3 for number in range(num_actions)] + [BACKGROUND] * num_background, np.int64)
    config = LayerConfig(frames_per_recording=wanted, background_share=share)
    frames = draw_frames(labels, BACKGROUND, config, torch.Generator().manual_seed(0))
    assert len(frames) == len(set(frames.tolist())) <= wanted
    drawn = int((labels[frames] == BACKGROUND).sum())
    assert drawn <= share * len(frames) + 1e-6
    # no frame is left out without need
    assert len(frames) - drawn == min(num_actions, wanted - min(num_background, int(share * wanted)))


def rows(num_recordings: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (R, 20, 6) and labels of three classes and the background; a few places unused."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(4, (num_recordings, 20), generator=generator)
    features = centres[labels] + 0.7 * torch.randn(num_recordings, 20, 6, generator=generator)
    labels[:, 18:] = UNUSED
    features[:, 18:] = 1e6  # must not be looked at
    return features, labels


def test_the_chosen_strength_is_the_likeliest_and_then_all_recordings_teach() -> None:
    features, labels = rows(10, 1)
    layer, likelihood = fit_layer(features, labels, 4, LayerConfig(l2=(1e-4, 1e-2, 10.0)), seed=0)
    assert set(likelihood) == {1e-4, 1e-2, 10.0}
    assert layer.l2 == max(likelihood, key=lambda l2: likelihood[l2])
    used = labels != UNUSED
    (alone,) = fit_path(features[used], labels[used], 4, [layer.l2], max_iterations=300, tolerance=1e-5)
    torch.testing.assert_close(layer(features[used]), alone(features[used]), atol=1e-2, rtol=1e-2)
    assert (layer(features[used]).argmax(1) == labels[used]).double().mean() > 0.8


def test_what_is_held_out_are_recordings() -> None:
    features, labels = rows(4, 1)
    features[:, :, 0] = torch.arange(4)[:, None].float()  # tells the recordings apart
    labels[:, :18] = torch.arange(4)[:, None] % 2
    config = LayerConfig(l2=(1.0, 1e-4), held_out=0.25, max_iterations=50)
    _, likelihood = fit_layer(features, labels, 4, config, seed=0)
    assert len(likelihood) == 2
    assert max(likelihood.values()) < -1e-2  # frames of the same recording would be learned by heart


def test_a_class_held_out_alone_does_not_spoil_the_choice() -> None:
    features, labels = rows(5, 2)
    labels[labels == 2] = 0
    for place in range(5):
        only = labels.clone()
        only[place, :5] = 2
        _, likelihood = fit_layer(features, only, 4, LayerConfig(l2=(1e-1, 1e-2)), seed=3)
        assert np.isfinite(list(likelihood.values())).all()


def test_one_strength_needs_no_choice_and_unknown_classes_are_ruled_out() -> None:
    features, labels = rows(1, 1)
    labels[labels == 1] = 0
    layer, likelihood = fit_layer(features, labels, 4, LayerConfig(l2=(1e-3,)), seed=0)
    assert likelihood == {}
    assert (layer(features[0]).softmax(1)[:, 1] == 0).all()


def test_what_cannot_be_learned_from_is_named() -> None:
    features, labels = rows(1, 1)
    with pytest.raises(DataError, match="one training recording alone"):
        fit_layer(features, labels, 4, LayerConfig(), seed=0)
    with pytest.raises(DataError, match="of one class alone"):
        fit_layer(features, labels.clamp(max=0), 4, LayerConfig(), seed=0)
    with pytest.raises(DataError, match="of one class alone"):
        fit_layer(features, torch.full_like(labels, UNUSED), 4, LayerConfig(), seed=0)
    features[0, 0, 0] = torch.nan
    with pytest.raises(DataError, match="not finite"):
        fit_layer(features, labels, 4, LayerConfig(), seed=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frames_per_recording", 1),
        ("background_share", 1.0),
        ("background_share", 0.0),
        ("l2", ()),
        ("l2", (0.1, float("nan"))),
        ("held_out", 1.0),
        ("max_iterations", 0),
        ("tolerance", 0.0),
    ],
)
def test_settings_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"layer\.{field} is "):
        LayerConfig(**{field: value})
