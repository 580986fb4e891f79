"""Temperature, calibration error and threshold against plain versions and known answers."""

import math

import numpy as np
import pytest
import torch

from skelact.recognition.calibration import (
    calibration_error,
    fit_temperature,
    probabilities,
    temperature_of_others,
    threshold_of,
)
from skelact.recognition.lesson import calibrated


def overconfident(num, factor):
    """Return scores whose calibrated temperature is ``factor``, and labels drawn by what they should say."""
    generator = np.random.default_rng(0)
    honest = generator.normal(0, 1.5, (num, 4))
    chances = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    labels = np.array([generator.choice(4, p=row) for row in chances])
    return torch.tensor(honest * factor), torch.tensor(labels)


@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
def test_the_temperature_of_made_up_scores_is_found_and_the_error_falls(factor):
    scores, labels = overconfident(3000, factor)
    temperature = fit_temperature(scores, labels)
    assert temperature == pytest.approx(factor, rel=0.1)
    before = calibration_error(probabilities(scores, 1.0), labels)
    folds = torch.arange(len(labels)) % 5
    after = calibration_error(temperature_of_others(scores, labels, folds), labels)
    assert after < 0.03
    if factor != 1.0:
        assert after < before / 3


def test_a_temperature_that_does_not_help_other_folds_is_left_out():
    scores, labels = overconfident(300, 4.0)
    folds = torch.arange(len(labels)) % 5
    temperature, errors = calibrated(scores, labels, folds)
    assert temperature == fit_temperature(scores, labels) != 1
    assert errors.after < errors.before
    scores, labels = torch.eye(2).repeat(20, 1), torch.arange(40) % 2
    labels[20:] = 1 - labels[20:]  # the second fold asks for the opposite of the first, which is all right
    folds = torch.arange(40) // 20
    of_others = calibration_error(temperature_of_others(scores, labels, folds), labels)
    temperature, errors = calibrated(scores, labels, folds)
    assert of_others > errors.before == errors.after
    assert temperature == 1


def test_the_calibration_error_is_that_of_a_loop():
    scores, labels = overconfident(200, 2.0)
    chances = probabilities(scores, 1.0)
    expected = 0.0
    for low in np.arange(10) / 10:
        rows = [row for row in range(200) if low <= float(chances[row].max()) < low + 0.1]
        if rows:
            confidence = np.mean([float(chances[row].max()) for row in rows])
            hits = np.mean([int(chances[row].argmax()) == int(labels[row]) for row in rows])
            expected += len(rows) / 200 * abs(confidence - hits)
    assert calibration_error(chances, labels) == pytest.approx(expected)


def test_probabilities_sum_to_one_and_what_is_ruled_out_is_impossible():
    scores = torch.tensor([[1.0, 2.0, -torch.inf], [500.0, -500.0, 0.0]])
    for temperature in (0.02, 1.0, 50.0):
        chances = probabilities(scores, temperature)
        torch.testing.assert_close(chances.sum(1), torch.ones(2, dtype=torch.float64))
        assert chances[0, 2] == 0


def test_true_classes_that_are_impossible_do_not_count():
    scores = torch.tensor([[0.0, -torch.inf], [0.0, -torch.inf]])
    assert fit_temperature(scores, torch.tensor([1, 1])) == 1.0
    assert math.isfinite(fit_temperature(scores, torch.tensor([0, 1])))


@pytest.mark.parametrize(("num", "share", "beyond"), [(999, 0.05, 49), (999, 0.2, 199), (10, 0.05, 0)])
def test_so_many_of_the_known_lie_beyond_the_threshold(num, share, beyond):
    distances = torch.rand(num, generator=torch.Generator().manual_seed(0))
    assert int((distances > threshold_of(distances, share)).sum()) == beyond


def test_who_was_right_about_a_hundred_recordings_is_not_sure_of_all_others():
    labels = torch.arange(100) % 4
    scores = torch.eye(4)[labels]
    for count, most in ((20, 0.97), (100, 0.995)):
        temperature = fit_temperature(scores[:count], labels[:count])
        sureness = probabilities(scores[:1], temperature).max()
        assert 1 - 2 / count < sureness < most
