"""A model refuses positions in another unit, with another axis up, or in another number of coordinates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skelact.clips.mixture import MixedSource
from skelact.clips.scale import measures
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError
from skelact.models.card import MEASURES
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import Pretrained
from skelact.models.sizes import EncoderConfig
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import KINECT_20
from skelact.store.store import Store
from skelact.store.writer import StoreWriter


def write(path: Path, times: float = 1.0, num_coordinates: int = 3, **said: object) -> Store:
    positions = np.random.default_rng(0).normal(scale=0.3, size=(1, 9, 20, num_coordinates))
    with StoreWriter(
        path, data_set="mine", topology=KINECT_20, class_names=["a"], fps=None, options={}, **said
    ) as writer:
        for number in range(3):
            moved = (times * positions).astype(np.float32)
            writer.add(SkeletonSequence(f"s{number}", moved, np.ones((1, 9), np.bool_), KINECT_20, label=0))
        return writer.finish()


def model(learned_from: Store, **clips: str) -> Pretrained:
    sizes = EncoderConfig(20, learned_from.num_coordinates, 8, 4, width=16, depth=1, num_heads=2)
    card = {"method": "mae", MEASURES: measures([learned_from])}
    settings = replace(ClipSettings(num_frames=8), **clips)
    return Pretrained(SkeletonEncoder(sizes), KINECT_20, settings, card)


def test_another_unit_is_told_by_the_size_of_bodies(tmp_path: Path) -> None:
    metres, millimetres = write(tmp_path / "m"), write(tmp_path / "mm", 1000.0)
    taught = model(metres)
    taught.check(metres)
    taught.check(write(tmp_path / "giants", 2.5))
    with pytest.raises(
        ConfigurationError, match=r"mm: bodies have a size of 5\d\d, .*of 0.5.*--clips.scale body"
    ):
        taught.check(millimetres)
    of_bvh = replace(millimetres, meta={**millimetres.meta, "options": {"scale": 0.01}})
    with pytest.raises(ConfigurationError, match=r"prepare the recordings again with --scale, or train"):
        taught.check(of_bvh)
    model(metres, scale="body").check(millimetres)
    replace(taught, card={"method": "mae"}).check(millimetres)  # a card of an earlier version


def test_another_unit_is_told_by_its_name(tmp_path: Path) -> None:
    metres, others = write(tmp_path / "m", unit="m"), write(tmp_path / "mm", unit="mm")
    with pytest.raises(
        ConfigurationError, match=r"mm: positions are in mm, the model learned from m;.*--unit"
    ):
        model(metres).check(others)
    model(metres).check(write(tmp_path / "unsaid"))
    model(metres, scale="body").check(others)


def test_another_axis_up_matters_to_the_cameras_view_alone(tmp_path: Path) -> None:
    y_up, z_up = write(tmp_path / "y", up="y"), write(tmp_path / "z", up="z")
    with pytest.raises(ConfigurationError, match=r"z: z is up, but y in what .*--clips.view upright"):
        model(y_up).check(z_up)
    model(y_up).check(write(tmp_path / "unsaid"))
    model(y_up, view="upright").check(z_up)


def test_another_number_of_coordinates_is_told_before_another_skeleton(tmp_path: Path) -> None:
    flat = write(tmp_path / "flat", num_coordinates=2)
    taught = model(write(tmp_path / "solid"))
    other = replace(KINECT_20, joints=tuple(f"{joint}'" for joint in KINECT_20.joints))
    with pytest.raises(
        ConfigurationError, match=r"flat: holds 2-D positions, .* 3-D ones.*--data .*flat --out RUN"
    ):
        replace(taught, topology=other).check(flat)


@pytest.mark.parametrize(
    ("name", "values", "remedy"),
    [("up", ("y", "z"), "--clips.view upright"), ("unit", ("m", "mm"), "--clips.scale body")],
)
def test_stores_mix_only_where_they_are_alike(
    tmp_path: Path, name: str, values: tuple[str, str], remedy: str
) -> None:
    stores = [write(tmp_path / value, **{"up": "y", name: value}) for value in values]  # type: ignore[arg-type]
    with pytest.raises(DataError, match=rf"its {name} is {values[1]}, that of .* {values[0]}; {remedy}"):
        MixedSource([ClipSource(store, ClipSettings()) for store in stores])
    alike = ClipSettings(view="upright", scale="body")
    assert len(MixedSource([ClipSource(store, alike) for store in stores])) == 6
    assert measures(stores)[name] is None
    assert measures(stores[:1])[name] == values[0]
