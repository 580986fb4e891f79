"""Batches over several stores against batches of each store alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.clips.mixture import MixedSource
from skelact.clips.settings import AugmentationSettings, ClipSettings
from skelact.clips.source import ClipSource, CropDraws, draw_crops
from skelact.errors import ConfigurationError, DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20, NTU_25
from skelact.skeleton.view import Axis
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

SETTINGS = ClipSettings(num_frames=16)


def make_store(path: Path, *, missing: bool = False, flat: bool = False, up: Axis | None = None) -> Store:
    random = np.random.default_rng(5)
    num_coordinates = 2 if flat else 3
    with StoreWriter(
        path, data_set="other", topology=NTU_25, class_names=["c", "a"], fps=None, options={}, up=up
    ) as writer:
        for number in range(3):
            positions = random.normal(size=(1, 20, 25, num_coordinates)).astype(np.float32)
            seen = np.ones((1, 20, 25), np.bool_)
            seen[0, :, 7] = not missing
            writer.add(
                SkeletonSequence(
                    name=f"s{number}",
                    positions=positions,
                    present=np.ones((1, 20), np.bool_),
                    joint_present=seen,
                    topology=NTU_25,
                    label=number % 2,
                )
            )
        return writer.finish()


@pytest.fixture
def mixed(small_store: Store, tmp_path: Path) -> MixedSource:
    other = make_store(tmp_path / "other", missing=True)
    return MixedSource([ClipSource(small_store, SETTINGS), ClipSource(other, SETTINGS)])


def test_clips_are_those_of_the_stores(mixed: MixedSource) -> None:
    first, second = mixed.sources
    indices = [12, 0, 10, 5, 0]
    draws = draw_crops(5, torch.Generator().manual_seed(1))
    clips = mixed.train(indices, draws=draws)
    assert clips.indices.tolist() == indices
    assert clips.joint_present is not None
    for place, index in enumerate(indices):
        source, row = (first, index) if index < 10 else (second, index - 10)
        alone = source.train([row], draws=CropDraws(draws.uniform[place : place + 1]))
        torch.testing.assert_close(clips.positions[place], alone.positions[0], atol=1e-6, rtol=0)
        assert torch.equal(clips.present[place], alone.present[0])
        names = source.store.class_names
        assert mixed.class_names[clips.labels[place]] == names[alone.labels[0]]
        seen = alone.present[0, :, None].expand(-1, 25) if index < 10 else alone.joint_present[0]  # type: ignore[index]
        assert torch.equal(clips.joint_present[place], seen)


def test_the_whole_is_described(mixed: MixedSource) -> None:
    assert (len(mixed), mixed.data_set, mixed.class_names) == (13, "random+other", list("abcd"))
    clips = mixed.train([9, 10, 11], draw_crops(3, torch.Generator()))
    assert clips.labels.tolist() == [-1, 2, 0]
    assert len(mixed.content_hash) == 64
    assert MixedSource(mixed.sources[:1]).content_hash == mixed.stores[0].content_hash
    assert mixed.content_hash not in [store.content_hash for store in mixed.stores]
    assert mixed.joined([np.array([3, 1]), np.array([2, 0])]).tolist() == [3, 1, 12, 10]
    with pytest.raises(DataError, match="1 lists of sequences for 2 stores"):
        mixed.joined([np.array([3, 1])])


def test_one_store_alone_is_itself(small_store: Store) -> None:
    source = ClipSource(small_store, SETTINGS)
    draws = draw_crops(2, torch.Generator().manual_seed(2))
    alone = MixedSource([source]).train([3, 4], draws)
    expected = source.train([3, 4], draws)
    torch.testing.assert_close(alone.positions, expected.positions, atol=1e-6, rtol=0)
    assert alone.joint_present is None


def test_an_epoch_by_size_holds_everything_once(mixed: MixedSource) -> None:
    order = mixed.epoch_order(np.arange(13), torch.Generator().manual_seed(0))
    assert sorted(order.tolist()) == list(range(13))
    again = mixed.epoch_order(np.arange(13), torch.Generator().manual_seed(0))
    assert np.array_equal(order, again)


def test_an_epoch_in_equal_shares(mixed: MixedSource) -> None:
    equal = MixedSource(mixed.sources, weights="equal")
    indices = np.array([12, 0, 1, 2, 3, 4, 5, 6, 7, 10])  # two of the second store, at places 0 and 9
    order = equal.epoch_order(indices, torch.Generator().manual_seed(0))
    counts = np.bincount(order, minlength=10)
    assert sorted(counts[[0, 9]].tolist()) == [2, 3]
    assert counts[1:9].sum() == 5
    assert counts[1:9].max() == 1
    other = equal.epoch_order(indices, torch.Generator().manual_seed(1))
    assert not np.array_equal(order, other)
    with pytest.raises(DataError, match="none of its sequences train"):
        equal.epoch_order(np.arange(5), torch.Generator())


def test_what_does_not_mix_is_refused(small_store: Store, tmp_path: Path) -> None:
    source = ClipSource(small_store, SETTINGS)
    with pytest.raises(ConfigurationError, match="at least one store"):
        MixedSource([])
    with pytest.raises(ConfigurationError, match=r"weights='equl': not known \(did you mean 'equal'"):
        MixedSource([source], weights="equl")
    with pytest.raises(ConfigurationError, match="other settings"):
        MixedSource([source, ClipSource(small_store, ClipSettings())])
    with StoreWriter(
        tmp_path / "k", data_set="k", topology=KINECT_20, class_names=["a"], fps=None, options={}
    ) as writer:
        writer.add(
            SkeletonSequence("s", np.ones((1, 4, 20, 3), np.float32), np.ones((1, 4), bool), KINECT_20)
        )
        kinect = ClipSource(writer.finish(), SETTINGS)
    with pytest.raises(DataError, match=r"is kinect-20, that of .*store ntu-25; .*data convert"):
        MixedSource([source, kinect])
    still = ClipSettings(num_frames=16, rotation=0)
    flat = ClipSource(make_store(tmp_path / "flat", flat=True), still)
    with pytest.raises(DataError, match="positions are 2-D"):
        MixedSource([ClipSource(small_store, still), flat])


@pytest.mark.parametrize(
    ("up", "view", "flat", "refused"),
    [
        ("x", "camera", False, {0: 2}),
        ("-y", "camera", False, {1: 0}),
        (None, "camera", False, {}),
        ("x", "upright", False, {1: 0}),
        ("x", "camera", True, {0: 1}),
        (None, "camera", True, {1: 0}),
    ],
)
def test_nobody_is_flipped_upside_down(
    tmp_path: Path, up: Axis | None, view: str, flat: bool, refused: dict[int, int]
) -> None:
    store = make_store(tmp_path / "store", flat=flat, up=up)
    source = MixedSource([ClipSource(store, ClipSettings(num_frames=16, rotation=0, view=view))])
    source.check_flips(AugmentationSettings(flip=False, flip_axis=next(iter(refused), 0)), "--o")
    for axis in range(store.num_coordinates):
        settings = AugmentationSettings(flip_axis=axis)
        if axis in refused:
            with pytest.raises(ConfigurationError, match=rf"upside down.* --o.flip_axis {refused[axis]}$"):
                source.check_flips(settings, "--o")
        else:
            source.check_flips(settings, "--o")


@pytest.mark.parametrize("indices", [[], [0.5], [[1]], [True]])
def test_indices_are_a_list_of_integers(mixed: MixedSource, indices: list[object]) -> None:
    with pytest.raises(
        DataError, match=r"2 stores: (a batch needs a list of at least one|sequence numbers are integers)"
    ):
        mixed.train(indices, draw_crops(1, torch.Generator()))  # type: ignore[arg-type]


def test_numbers_and_indices_are_checked(mixed: MixedSource) -> None:
    with pytest.raises(DataError, match="2 stores: there is no sequence 13; sequences are numbered 0 to 12"):
        mixed.train([13], draw_crops(1, torch.Generator()))
    with pytest.raises(ConfigurationError, match="draws for 2 clips, but 1 indices"):
        mixed.train([0], draws=draw_crops(2, torch.Generator()))
