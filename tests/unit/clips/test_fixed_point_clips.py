"""Clips of a store with 16-bit positions against those of the store with exact ones."""

from pathlib import Path

import pytest
import torch

from skelact.clips.mixture import MixedSource
from skelact.clips.settings import STREAMS, ClipSettings
from skelact.clips.source import ClipSource, CropDraws, draw_crops
from skelact.skeleton.tables import COCO_17
from skelact.store.convert import convert_store
from skelact.store.store import Store

ROUNDING = 4e-6  # of positions of several metres


@pytest.mark.usefixtures("either_reader")
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("gaps", ["hold", "zero"])
def test_clips_differ_by_no_more_than_positions(
    stream: str, gaps: str, small_store: Store, fixed_store: Store
) -> None:
    settings = ClipSettings(num_frames=20, min_crop_frames=5, stream=stream, gaps=gaps)
    exact, fixed = ClipSource(small_store, settings), ClipSource(fixed_store, settings)
    indices = [*range(len(small_store))] * 3
    bound = fixed_store.largest_error * 2 ** stream.count("bone") * 2 ** stream.count("motion")
    draws = draw_crops(len(indices), torch.Generator().manual_seed(1))
    differences = []
    for ours, expected in (
        (fixed.test(indices), exact.test(indices)),
        (fixed.train(indices, draws=draws), exact.train(indices, draws=draws)),
    ):
        assert torch.equal(ours.present, expected.present)
        assert torch.equal(ours.labels, expected.labels)
        differences.append(float((ours.positions - expected.positions).abs().max()))
    assert 0 < differences[0] <= bound + ROUNDING
    assert 0 < differences[1] <= bound * 3**0.5 + ROUNDING  # a turn adds up to three coordinates' errors


@pytest.mark.usefixtures("either_reader")
def test_a_whole_sequence_is_read_as_the_store_reads_it(fixed_store: Store) -> None:
    settings = ClipSettings(num_frames=120, test_crop_share=1.0, rotation=0)
    clips = ClipSource(fixed_store, settings).test([7])  # one body, and as many frames as the clip, less gaps
    sequence = fixed_store.sequence(7)
    first = sequence.positions[0, sequence.present.any(0)][0]
    torch.testing.assert_close(clips.positions[0, 0, 0], torch.from_numpy(first), atol=1e-6, rtol=0)


def test_missing_joints_have_their_substitutes_places(small_store: Store, tmp_path: Path) -> None:
    made = []
    for positions in ("float32", "int16"):
        store = convert_store(small_store, tmp_path / positions, COCO_17, positions=positions).store
        made.append(ClipSource(store, ClipSettings(num_frames=16)).test(range(len(store))))
    bound = store.largest_error + ROUNDING
    torch.testing.assert_close(made[0].positions, made[1].positions, atol=bound, rtol=0)
    assert made[0].joint_present is not None
    assert made[1].joint_present is not None
    assert torch.equal(made[0].joint_present, made[1].joint_present)


def test_both_kinds_in_one_mixture(small_store: Store, fixed_store: Store) -> None:
    settings = ClipSettings(num_frames=16, rotation=0)
    mixed = MixedSource([ClipSource(small_store, settings), ClipSource(fixed_store, settings)])
    draws = draw_crops(1, torch.Generator()).uniform.expand(2, -1)
    clips = mixed.train([3, 13], CropDraws(draws))
    bound = fixed_store.largest_error + ROUNDING
    torch.testing.assert_close(clips.positions[0], clips.positions[1], atol=bound, rtol=0)
