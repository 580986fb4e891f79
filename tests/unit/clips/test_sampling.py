import numpy as np
import pytest
import torch

from skelact.clips.sampling import Windows, centre_windows, interpolate, train_windows


def test_train_windows_follow_the_published_rule() -> None:
    num_frames = np.array([1, 7, 64, 65, 200, 300])
    share = np.array([0.9, 0.1, 0.2, 0.0, 0.3, 0.999999])
    windows = train_windows(num_frames, share, np.zeros(6), 0.5, 64)
    assert windows.length.tolist() == [1, 7, 64, 64, 130, 299]
    assert windows.start.tolist() == [0] * 6


def test_train_windows_reach_every_start_equally_and_stay_inside() -> None:
    num = 20_000
    share, start = np.random.default_rng(0).random((2, num))
    windows = train_windows(np.full(num, 10), share, start, 0.5, 1)
    assert int(windows.start.min()) == 0
    assert int((windows.start + windows.length).max()) == 10
    of_length_eight = windows.start[windows.length == 8]
    counts = np.bincount(of_length_eight, minlength=3) / len(of_length_eight)
    assert counts == pytest.approx([1 / 3] * 3, abs=0.03)
    assert set(windows.length.tolist()) == {5, 6, 7, 8, 9}


@pytest.mark.parametrize("share", [0.95, 0.9, 0.8, 0.5, 1.0])
def test_centre_windows_drop_the_same_at_either_end(share: float) -> None:
    num_frames = np.arange(1, 2000)
    windows = centre_windows(num_frames, share)
    percent = round(100 * (1 - share))
    assert np.array_equal(windows.start, num_frames * percent // 200)
    assert np.array_equal(windows.length, num_frames - 2 * windows.start)


def test_centre_windows_never_become_empty() -> None:
    assert centre_windows(np.arange(1, 50), 1e-12).length.min() >= 1


@pytest.mark.parametrize("num_frames", [1, 2, 7, 64, 120])
def test_interpolation_is_that_of_torch(num_frames: int) -> None:
    frames = torch.randn(90, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    windows = Windows(np.array([0, 3, 20, 89]), np.array([90, 80, 2, 1]))
    plan = interpolate(windows, num_frames)
    lower, upper, weight = (torch.from_numpy(part) for part in plan)
    ours = torch.lerp(frames[lower], frames[upper], weight.double())
    for row, start, length in zip(ours, *windows, strict=True):
        cut = frames[start : start + length].view(1, 1, -1)
        expected = torch.nn.functional.interpolate(cut, size=num_frames, mode="linear", align_corners=False)
        torch.testing.assert_close(row, expected.view(-1), atol=1e-6, rtol=0)
