import pytest
import torch

from skelact.reproduction import measurement


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves itself."""
    now = [0.0]
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("seconds", "mean"),
    [
        ([4.0, 0.3, 0.1, 0.2], 0.2),  # the first step warms up; the rest lasts half a second and more
        ([12.0], 12.0),  # a second one would take too long
        ([1.0, 9.5], 9.5),
    ],
)
def test_the_first_step_counts_only_where_another_would_take_too_long(seconds, mean, clock):
    left = list(seconds)

    def step():
        clock[0] += left.pop(0)
        return torch.zeros(1)

    assert measurement.mean_seconds(step) == pytest.approx(mean)
    assert not left


def test_quick_steps_are_measured_with_as_many_clips_as_a_batch_has(monkeypatch):
    sizes = []

    def mean_seconds(step):
        return float(step().sum())

    def step(indices):
        sizes.append(len(indices))
        return torch.tensor([0.01 + 0.001 * len(indices)])

    monkeypatch.setattr(measurement, "mean_seconds", mean_seconds)
    batch = torch.arange(50).numpy()
    assert measurement.seconds_a_clip(step, batch) == torch.tensor(0.06).item() / 50
    assert sizes == [4, 16, 50]
    monkeypatch.setattr(measurement, "SLOW", 0.02)
    sizes.clear()
    measurement.seconds_a_clip(step, batch)
    assert sizes == [4, 16]
