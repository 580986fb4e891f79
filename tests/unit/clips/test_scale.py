"""The size of bodies in clips: whatever unit and camera recorded them, they are as large as an adult."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips.scale import body_sizes, sequence_factors, usual_body_size
from skelact.clips.settings import STREAMS, ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.errors import ConfigurationError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17
from skelact.skeleton.view import body_size
from skelact.store.convert import convert_store
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

pytestmark = pytest.mark.usefixtures("either_reader")
CLIPS = ClipSettings(num_frames=20, min_crop_frames=8, rotation=0.0, scale="body")
NUM = 8


def write(path: Path, units: list[float], hidden: bool = False, heights: list[int] | None = None) -> Store:
    """Write the same motion in the plane, each sequence in a unit of its own; some of two people."""
    random = np.random.default_rng(7)
    with StoreWriter(
        path, data_set="flat", topology=COCO_17, class_names=["a"], fps=None, options={}
    ) as writer:
        for number, unit in enumerate(units):
            shape = (2 if number % 3 == 0 else 1, int(random.integers(20, 70)))
            start = random.normal(scale=0.35, size=(shape[0], 1, 17, 2))
            positions = start + random.normal(scale=0.02, size=(*shape, 17, 2)).cumsum(1)
            present = random.random(shape) < 0.8
            present[:, 0] = True
            seen = (
                (random.random((*shape, 17)) < 0.9) | (np.arange(17) < 3)
                if hidden
                else np.ones((*shape, 17), np.bool_)
            )
            seen &= present[..., None]
            writer.add(
                SkeletonSequence(
                    f"s{number}",
                    np.where(seen[..., None], unit * positions, 0).astype(np.float32),
                    present,
                    COCO_17,
                    joint_present=seen,
                    label=0,
                    attributes={"image_height": heights[number]} if heights else {},
                )
            )
        return writer.finish()


UNITS = {
    "metres": [1.0] * NUM,
    "pixels": [400.0] * NUM,
    "by camera": np.geomspace(200, 1600, NUM).tolist(),
}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("hidden", [False, True])
def test_the_unit_of_positions_changes_no_clip(tmp_path: Path, hidden: bool, stream: str) -> None:
    settings, draws = replace(CLIPS, stream=stream), draw_crops(NUM, torch.Generator().manual_seed(0))
    made = []
    for name, units in UNITS.items():
        store = write(tmp_path / name, units, hidden)
        source = ClipSource(store, settings)
        made.append((source.test(range(NUM)).positions, source.train(range(NUM), draws).positions))
        as_stored = ClipSource(store, replace(settings, scale="stored")).test(range(NUM)).positions
        assert name == "metres" or as_stored.abs().max() > 100 * made[0][0].abs().max()
    for clips in made[1:]:
        for ours, expected in zip(clips, made[0], strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=2e-6)


def test_bodies_have_the_size_of_an_adult_and_keep_their_distance(tmp_path: Path) -> None:
    store = write(tmp_path / "store", UNITS["by camera"])
    clips = ClipSource(store, replace(CLIPS, test_crop_share=1.0)).test(range(NUM)).positions.double().numpy()
    for number in range(NUM):
        seen = np.ones(clips.shape[2:4], np.bool_)
        assert body_size(clips[number, 0], seen) == pytest.approx(0.5, rel=0.05)  # of resampled frames
    sizes = body_sizes(store, np.arange(NUM))
    (factor, *_) = sequence_factors(store, "body")
    assert factor == pytest.approx(0.5 / sizes[0])
    stored = ClipSource(store, replace(CLIPS, test_crop_share=1.0, scale="stored")).test([0]).positions[0]
    np.testing.assert_allclose(clips[0], stored * factor, rtol=1e-4, atol=1e-6)  # both bodies by one factor


def test_fixed_point_numbers_are_enlarged_alike(tmp_path: Path) -> None:
    store = write(tmp_path / "store", UNITS["pixels"])
    fixed = convert_store(store, tmp_path / "fixed", COCO_17, positions="int16").store
    clips = [ClipSource(each, CLIPS).test(range(NUM)).positions for each in (store, fixed)]
    torch.testing.assert_close(*clips, atol=1e-4, rtol=0)
    np.testing.assert_allclose(usual_body_size(fixed), usual_body_size(store), rtol=1e-4)


def test_in_heights_of_the_image_where_all_are_known(tmp_path: Path) -> None:
    heights = [480, 1080] * (NUM // 2)
    store = write(tmp_path / "store", [float(height) for height in heights], heights=heights)
    expected = ClipSource(write(tmp_path / "one", [1.0] * NUM), replace(CLIPS, scale="stored")).test(
        range(NUM)
    )
    found = ClipSource(store, replace(CLIPS, scale="image")).test(range(NUM))
    torch.testing.assert_close(found.positions, expected.positions, rtol=1e-5, atol=1e-6)
    unknown = write(tmp_path / "unknown", [1.0] * 3, heights=[480, -1, 480])
    with pytest.raises(ConfigurationError, match=r"unknown: 1 of 3 .* how high .*--clips.scale body"):
        ClipSource(unknown, replace(CLIPS, scale="image"))
    with pytest.raises(ConfigurationError, match=r"one: 8 of 8 .* how high"):
        ClipSource(Store.open(tmp_path / "one"), replace(CLIPS, scale="image"))


def test_a_body_half_hidden_now_and_then_keeps_its_size() -> None:
    random = np.random.default_rng(1)
    positions = random.normal(size=(1, 17, 2)) + random.normal(scale=0.01, size=(40, 17, 2))
    seen = np.ones((40, 17), np.bool_)
    whole = body_size(positions, seen)
    seen[:30, 6:] = False
    assert body_size(positions, seen) == pytest.approx(whole, rel=0.02)
    seen[:, 1:] = False
    assert np.isnan(body_size(positions, seen))


def test_a_sequence_without_a_size_is_enlarged_as_the_others(tmp_path: Path) -> None:
    with StoreWriter(
        tmp_path / "store", data_set="flat", topology=COCO_17, class_names=["a"], fps=None, options={}
    ) as writer:
        positions = np.random.default_rng(0).normal(size=(1, 5, 17, 2)).astype(np.float32)
        for number, each in enumerate((positions, 0 * positions + 3, 4 * positions)):
            writer.add(SkeletonSequence(f"s{number}", each, np.ones((1, 5), np.bool_), COCO_17))
        store = writer.finish()
    first, without, third = sequence_factors(store, "body")
    assert (first / third, without) == pytest.approx((4, 0.5 / np.median(0.5 / np.array([first, third]))))


def test_the_scale_of_no_such_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"scale='bdy': not known.*body"):
        ClipSettings(scale="bdy")
