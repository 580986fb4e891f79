import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skelact.clips.sampling import Windows
from skelact.clips.settings import ClipSettings
from skelact.clips.source import Clips, ClipSource
from skelact.detection.settings import WindowConfig
from skelact.detection.windows import (
    centre_clips,
    frame_features,
    sliding_windows,
    step_features,
    steps_of_frames,
)
from skelact.errors import ConfigurationError, DataError
from skelact.models.encoder import SkeletonEncoder
from skelact.models.heads import pool
from skelact.models.sizes import EncoderConfig
from skelact.models.token_encoder import TokenEncoder
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.skeleton.tables import NTU_25
from skelact.store.store import Store


@pytest.fixture(scope="module")
def encoder() -> SkeletonEncoder:
    torch.manual_seed(0)
    return SkeletonEncoder(EncoderConfig(num_frames=8, width=16, depth=1, num_heads=2)).eval()


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20))
def test_windows_cover_every_frame_and_end_with_the_last(num_frames: int, length: int, stride: int) -> None:
    windows = sliding_windows(num_frames, WindowConfig(max(length, stride), stride))
    assert (windows.length == min(max(length, stride), num_frames)).all()
    covered = {frame for start in windows.start for frame in range(start, start + windows.length[0])}
    assert covered == set(range(num_frames))
    assert (np.diff(windows.start) > 0).all()
    assert (np.diff(windows.start)[:-1] == stride).all()


@given(st.integers(1, 50), st.integers(1, 12))
def test_steps_follow_each_other_in_equal_parts(length: int, num_steps: int) -> None:
    frames, steps = steps_of_frames(Windows(np.array([3]), np.array([length])), num_steps)
    assert frames[0].tolist() == list(range(3, 3 + length))
    expected = [int((frame + 0.5) / length * num_steps + 1e-9) for frame in range(length)]
    assert steps[0].tolist() == expected


@pytest.mark.parametrize("config", [WindowConfig(20, 7), WindowConfig(20, 20), WindowConfig(500, 100)])
@pytest.mark.parametrize("batch_size", [2, 100])
def test_a_frame_has_the_mean_over_its_windows(
    small_store: Store, encoder: SkeletonEncoder, config: WindowConfig, batch_size: int
) -> None:
    source = ClipSource(small_store, ClipSettings(num_frames=8))
    found = frame_features(encoder, source, 7, config, batch_size)
    num_frames = len(source.frame_numbers(7))
    seen: list[list[torch.Tensor]] = [[] for _ in range(num_frames)]
    windows = sliding_windows(num_frames, config)
    for start, length in zip(*windows, strict=True):
        clip = source.cut([7], Windows(np.array([start]), np.array([length])))
        clip = centre_clips(clip, small_store.topology.centre)
        with torch.no_grad():
            features = encoder(clip.positions, clip.present)
        for frame in range(length):
            step = int((frame + 0.5) / length * 2)
            seen[start + frame].append(pool(features[:, :, step : step + 1], clip.present)[0])
    expected = torch.stack([torch.stack(each).mean(0) for each in seen])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_other_bodies_do_not_change_a_recording(small_store: Store, encoder: SkeletonEncoder) -> None:
    one, three = (ClipSource(small_store, ClipSettings(num_frames=8, max_bodies=bodies)) for bodies in (1, 3))
    alone, padded = (frame_features(encoder, source, 7, WindowConfig()) for source in (one, three))
    torch.testing.assert_close(alone, padded)  # its only body; absent ones do not count


@pytest.mark.parametrize("max_bodies", [1, 2, 3])
def test_frame_numbers_are_the_frames_that_clips_can_show(small_store: Store, max_bodies: int) -> None:
    source = ClipSource(small_store, ClipSettings(max_bodies=max_bodies))
    for index in range(len(small_store)):
        present = small_store.sequence(index).present[:max_bodies].any(0)
        assert source.frame_numbers(index).tolist() == np.flatnonzero(present).tolist()


def test_a_stretch_shows_its_frames(small_store: Store) -> None:
    source = ClipSource(small_store, ClipSettings(num_frames=9, gaps="zero"))
    sequence, frames = small_store.sequence(8), source.frame_numbers(8)
    clips = source.cut([8], Windows(np.array([80]), np.array([9])))
    np.testing.assert_array_equal(clips.positions[0].numpy(), sequence.positions[:, frames[80:89]])
    assert clips.present[0].tolist() == sequence.present[:, frames[80:89]].any(1).tolist()


@pytest.mark.parametrize(("start", "length"), [(-1, 5), (0, 0), (100, 40)])
def test_a_stretch_outside_the_sequence_is_refused(small_store: Store, start: int, length: int) -> None:
    source = ClipSource(small_store, ClipSettings())
    with pytest.raises(DataError, match=f"sequence8 has .* frames with a body, not {start} to"):
        source.cut([8], Windows(np.array([start]), np.array([length])))


def test_centring_moves_the_first_body_that_is_there_and_nothing_that_is_not() -> None:
    positions = torch.randn(2, 2, 4, 3, 3)
    positions[0, 0], positions[1, 0, :2] = 0, 0  # no first body; a first body that comes late
    present = torch.tensor([[False, True], [True, True]])
    clips = Clips(positions, present, torch.zeros(2), torch.zeros(2))
    moved = centre_clips(clips, centre=1).positions
    torch.testing.assert_close(moved[0, 1], positions[0, 1] - positions[0, 1, 0, 1])
    torch.testing.assert_close(moved[1, 1], positions[1, 1] - positions[1, 0, 2, 1])
    assert (moved[0, 0] == 0).all()
    assert (moved[1, 0, :2] == 0).all()
    again = centre_clips(clips._replace(positions=torch.where(positions != 0, positions + 5.0, 0.0)), 1)
    torch.testing.assert_close(again.positions, moved, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("length", "stride", "message"),
    [(0, 1, "length is 0"), (8, 0, "stride is 0"), (8, 9, "frames between two windows")],
)
def test_windows_out_of_range_are_named(length: int, stride: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        WindowConfig(length, stride)


def test_of_joint_tokens_only_those_that_are_there_count() -> None:
    torch.manual_seed(0)
    sizes = TokenEncoderConfig(num_joints=25, patch_frames=4, width=16, depth=1, num_heads=2)
    encoder = TokenEncoder(sizes, NTU_25).eval()
    positions, seen = torch.rand(1, 2, 8, 25, 3) + 1, torch.ones(1, 2, 8, 25, dtype=torch.bool)
    seen[0, 0, :, 10:] = False  # of the first body 10 joints, and the second is there at the end alone
    seen[0, 1, :4] = False
    clips = Clips(positions * seen[..., None], torch.ones(1, 2, dtype=torch.bool), *[torch.zeros(1)] * 2)
    clips = clips._replace(seen=seen)
    with torch.no_grad():
        features = encoder(clips.positions, clips.present, seen)[0]
        found = step_features(encoder, clips)[0]
    first = features[0, :, :10].mean(1)
    torch.testing.assert_close(found[0], first[0])
    torch.testing.assert_close(found[1], (first[1] + features[1, 1].mean(0)) / 2)
