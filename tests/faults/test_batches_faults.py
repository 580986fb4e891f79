import re
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_frames", 0),
        ("min_crop_frames", 0),
        ("max_bodies", 0),
        ("min_crop_share", 0.0),
        ("min_crop_share", float("nan")),
        ("test_crop_share", 1.5),
        ("rotation", -0.1),
        ("rotation", 45.0),
        ("stream", "joints"),
        ("gaps", "held"),
    ],
)
def test_a_setting_out_of_range_is_named(field: str, value: float | str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"{field}={value!r}")):
        ClipSettings(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("indices", [[], torch.empty(0, dtype=torch.int64), [[0, 1]], 3])
def test_a_batch_needs_a_list_of_indices(small_store: Store, indices: object) -> None:
    with pytest.raises(DataError, match="at least one sequence number"):
        ClipSource(small_store, ClipSettings()).test(indices)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [-1, 10])
def test_an_index_outside_the_store_is_named(small_store: Store, index: int) -> None:
    message = f"{small_store.path}: there is no sequence {index}; sequences are numbered 0 to 9"
    with pytest.raises(DataError, match=re.escape(message)):
        ClipSource(small_store, ClipSettings()).test([0, index])


@pytest.mark.parametrize("indices", [[0.0, 1.0], np.array([True, False])])
def test_indices_are_integers(small_store: Store, indices: object) -> None:
    with pytest.raises(DataError, match="integers"):
        ClipSource(small_store, ClipSettings()).test(indices)  # type: ignore[arg-type]


def test_training_clips_need_numbers_for_exactly_their_clips(small_store: Store) -> None:
    source = ClipSource(small_store, ClipSettings())
    with pytest.raises(ConfigurationError, match="draws for 3 clips, but 2 indices"):
        source.train([0, 1], draw_crops(3, torch.Generator()))


def test_flat_skeletons_are_not_rotated(tmp_path: Path) -> None:
    with StoreWriter(
        tmp_path / "flat",
        data_set="flat",
        topology=KINECT_20,
        class_names=["a"],
        fps=None,
        options={},
        num_coordinates=2,
    ) as writer:
        positions = np.ones((1, 4, 20, 2), np.float32)
        writer.add(SkeletonSequence("s", positions, np.ones((1, 4), bool), KINECT_20, label=0))
        store = writer.finish()
    with pytest.raises(ConfigurationError, match=r"clips.rotation is 0.3, set it to 0"):
        ClipSource(store, ClipSettings())
    clips = ClipSource(store, ClipSettings(rotation=0, num_frames=5)).train(
        [0], draw_crops(1, torch.Generator())
    )
    assert clips.positions.shape == (1, 2, 5, 20, 2)
