import pytest

from skelact.errors import ConfigurationError
from skelact.training.config import TrainingConfig


def test_rate_rises_from_zero_to_the_peak_and_falls_to_the_end():
    schedule = TrainingConfig(lr=1.0, min_lr=0.2, warmup_share=4 / 24, epochs=24)
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
        ({"lr": 1e-4}, "min_lr is 0.0005, above training.lr 0.0001: the rate would rise"),
        ({"batch_size": 9, "devices": 2}, "does not divide among 2 devices"),
    ],
)
def test_settings_outside_their_range_are_refused(change, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainingConfig(**change)


def test_a_drop_is_constant_before_and_after():
    schedule = TrainingConfig(lr=1.0, min_lr=0.1, warmup_share=2 / 300, drop_share=5 / 6, epochs=300)
    assert [schedule.rate(epoch) for epoch in (0, 1, 2, 249.99, 250, 300)] == [0, 0.5, 1, 1, 0.1, 0.1]


def test_a_drop_outside_the_training_is_refused():
    for warmup, drop in ((0.5, 0.4), (0.0, 1.2), (0.05, -0.1)):
        with pytest.raises(ConfigurationError, match=rf"drop_share is {drop}, expected"):
            TrainingConfig(warmup_share=warmup, drop_share=drop)
    assert TrainingConfig(epochs=10, lr=1.0, warmup_share=0.0, drop_share=0.5).rate(5) == 5e-4


def test_a_warm_up_may_take_the_whole_training():
    config = TrainingConfig(epochs=4, lr=1.0, warmup_share=1.0)
    assert [config.rate(epoch) for epoch in (0, 2, 4)] == [0, 0.5, 1.0]
