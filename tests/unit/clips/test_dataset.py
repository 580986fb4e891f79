"""Batches against a slow version written out by hand, sequence by sequence."""

import warnings

import numpy as np
import pytest
import torch

from skelact.clips.body_frames import share_memory
from skelact.clips.rotation import rotation_matrices
from skelact.clips.settings import ClipSettings
from skelact.clips.source import Clips, ClipSource, draw_crops
from skelact.clips.streams import to_stream
from skelact.store.store import Store


def slow_clip(
    store: Store, index: int, settings: ClipSettings, uniform: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """One clip (M, T, V, C) and which bodies are in it; ``uniform``: its five draws, None for a test clip."""
    sequence = store.sequence(index)
    bodies = slice(0, settings.max_bodies)
    kept = sequence.present[bodies].any(0)
    positions, present = sequence.positions[bodies][:, kept].copy(), sequence.present[bodies][:, kept]
    n = positions.shape[1]
    if uniform is None:
        start = int((1 - settings.test_crop_share) * n / 2 + 1e-9)
        length = n - 2 * start
    else:
        share = settings.min_crop_share + (1 - settings.min_crop_share) * float(uniform[0])
        length = int(np.clip(int(n * share), min(settings.min_crop_frames, n), n))
        start = int(float(uniform[1]) * (n - length + 1))
    clip = torch.zeros(settings.max_bodies, settings.num_frames, *positions.shape[2:])
    in_crop = torch.zeros(settings.max_bodies, dtype=torch.bool)
    for body in range(len(positions)):
        if not present[body, start : start + length].any():
            continue
        in_crop[body] = True
        if settings.gaps == "hold":
            seen = np.flatnonzero(sequence.present[body])
            for place, frame in enumerate(np.flatnonzero(kept)):
                # frames without any body are not counted: distances are those between kept frames
                steps = np.abs(np.searchsorted(np.flatnonzero(sequence.present.any(0)), [*seen, frame]))
                nearest = seen[np.argmin(np.abs(steps[:-1] - steps[-1]))]
                positions[body, place] = sequence.positions[body, nearest]
        cut = torch.from_numpy(positions[body, start : start + length]).double().flatten(1).T[None]
        resized = torch.nn.functional.interpolate(cut, size=settings.num_frames, mode="linear")
        clip[body] = resized[0].T.reshape(clip.shape[1:]).float()
        if uniform is not None:
            angles = (2 * uniform[2:] - 1) * settings.rotation
            clip[body] = clip[body] @ torch.from_numpy(rotation_matrices(angles[None].numpy())[0]).float().T
    return to_stream(clip, settings.stream, store.topology), in_crop


def assert_equals_slow(
    clips: Clips, store: Store, settings: ClipSettings, uniform: torch.Tensor | None
) -> None:
    for row, index in enumerate(clips.indices.tolist()):
        expected, present = slow_clip(store, index, settings, None if uniform is None else uniform[row])
        torch.testing.assert_close(clips.positions[row], expected, atol=1e-5, rtol=0)
        assert torch.equal(clips.present[row], present)
        assert not clips.positions[row][~present].any()


@pytest.mark.usefixtures("either_reader")
@pytest.mark.parametrize(
    "settings",
    [
        ClipSettings(),
        ClipSettings(gaps="zero", max_bodies=3),
        ClipSettings(num_frames=16, stream="bone-motion", rotation=0, min_crop_frames=1, min_crop_share=0.1),
        ClipSettings(num_frames=1, max_bodies=1, test_crop_share=0.5),
        ClipSettings(num_frames=20, stream="bone"),
        ClipSettings(num_frames=30, max_bodies=4, stream="motion", min_crop_frames=10, test_crop_share=1.0),
    ],
    ids=["default", "zero", "short", "one-body", "bone", "more-slots"],
)
def test_clips_equal_the_slow_version(small_store: Store, settings: ClipSettings) -> None:
    source = ClipSource(small_store, settings)
    indices = [9, *range(len(small_store)), 3]
    assert_equals_slow(source.test(indices), small_store, settings, None)
    draws = draw_crops(len(indices), torch.Generator().manual_seed(4))
    assert_equals_slow(source.train(indices, draws=draws), small_store, settings, draws.uniform)


def test_clips_carry_labels_indices_and_shapes(small_store: Store) -> None:
    source = ClipSource(small_store, ClipSettings(num_frames=8))
    clips = source.test(np.array([9, 2, 2]))
    assert clips.positions.shape == (3, 2, 8, 25, 3)
    assert clips.positions.dtype == torch.float32
    assert clips.labels.tolist() == [-1, 2, 2]
    assert clips.indices.tolist() == [9, 2, 2]
    assert clips.present.any(1).all()
    assert len(source) == len(small_store)


def test_every_clip_shows_somebody_even_when_bodies_are_left_out(small_store: Store) -> None:
    source = ClipSource(small_store, ClipSettings(max_bodies=1, min_crop_frames=1, min_crop_share=0.01))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        clips = source.train(range(len(small_store)), draw_crops(len(small_store), generator))
        assert clips.present.all()


def test_processes_that_share_a_batch_make_the_clips_of_one(small_store: Store) -> None:
    source = ClipSource(small_store, ClipSettings(num_frames=12))
    indices = [8, 1, 9, 3, 4, 5]
    draws = draw_crops(len(indices), torch.Generator().manual_seed(7))
    whole = source.train(indices, draws)
    parts = [source.train(indices[a : a + 2], draws=draws[a : a + 2]) for a in (0, 2, 4)]
    assert whole.joint_present is None  # the store has all joints
    for field, expected in zip(Clips._fields, whole, strict=True):
        if expected is not None:
            assert torch.equal(torch.cat([getattr(part, field) for part in parts]), expected)


def test_draws_are_five_numbers_a_clip() -> None:
    generator, other = (torch.Generator().manual_seed(1) for _ in range(2))
    draws = draw_crops(3, generator)
    assert torch.equal(draws.uniform.flatten(), torch.rand(15, dtype=torch.float64, generator=other))
    assert torch.equal(generator.get_state(), other.get_state())
    assert torch.equal(draws[1:].uniform, draws.uniform[1:])


def test_training_clips_vary_and_test_clips_do_not(small_store: Store) -> None:
    source = ClipSource(small_store, ClipSettings())
    generator = torch.Generator().manual_seed(0)
    first, second = (source.train([9], draw_crops(1, generator)).positions for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(source.test([9]).positions, source.test([9]).positions)


def test_a_sequence_is_taken_whole_up_to_the_smallest_crop(small_store: Store) -> None:
    everyone = np.arange(len(small_store.labels))
    bodies = ClipSettings.max_bodies
    frames = [int(small_store.sequence(i).present[:bodies].any(0).sum()) for i in range(len(everyone))]
    for least in sorted({*frames, *(number - 1 for number in frames if number > 1)}):
        source = ClipSource(small_store, ClipSettings(min_crop_frames=least))
        assert source.num_taken_whole(everyone) == sum(number <= least for number in frames)


def test_positions_are_neither_copied_nor_warned_about(small_store: Store) -> None:
    joints = small_store.array("joints")
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert share_memory(joints).data_ptr() == joints.ctypes.data
            ClipSource(small_store, ClipSettings()).test([0, 1])
    finally:
        torch.set_warn_always(False)


@pytest.mark.parametrize("stream", ["joint", "bone-motion"])
def test_everything_after_reading_is_on_the_device(small_store: Store, stream: str) -> None:
    # the meta device computes nothing and refuses to mix with the CPU
    source = ClipSource(small_store, ClipSettings(num_frames=8, stream=stream), device="meta")
    clips = source.train([0, 5, 9], draw_crops(3, torch.Generator()))
    assert {tensor.device.type for tensor in clips if tensor is not None} == {"meta"}
    assert clips.positions.shape == (3, 2, 8, 25, 3)
