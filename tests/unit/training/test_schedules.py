import pytest

from skelact.errors import ConfigurationError
from skelact.training.config import TrainingConfig
from skelact.training.schedules import WarmupCosine


def test_rate_rises_from_zero_to_the_peak_and_falls_to_the_end():
    schedule = WarmupCosine(lr=1.0, min_lr=0.2, warmup_epochs=4, epochs=24)
    assert schedule.rate(0) == 0
    assert schedule.rate(2) == pytest.approx(0.5)
    assert schedule.rate(4) == pytest.approx(1.0)
    assert schedule.rate(14) == pytest.approx(0.6)
    assert schedule.rate(24) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "training.epochs is 0"),
        ({"batch_size": -1}, "training.batch_size is -1"),
        ({"lr": -0.1}, "expected none below zero"),
        ({"warmup_share": 1.5}, "training.warmup_share is 1.5"),
        ({"beta2": 1.0}, "must be below 1"),
        ({"clip_grad": 0.0}, "training.clip_grad is 0.0"),
        ({"seed": -1}, "training.seed is -1"),
        ({"batch_size": 9, "devices": 2}, "does not divide among 2 devices"),
    ],
)
def test_settings_outside_their_range_are_refused(change, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainingConfig(**change)
