"""Mirrored recordings are told by where toes and noses point."""

from pathlib import Path

import numpy as np
import pytest

from skelact.skeleton.conversion import plan_conversion
from skelact.skeleton.handedness import share_facing_forward
from skelact.skeleton.tables import COCO_17, KINECT_20
from skelact.store.conventions import sampled_bodies
from skelact.store.prepare import prepare
from skelact.store.remarks import remarks_on
from skelact.store.store import Store
from skelact.store.writer import StoreWriter
from skelact.synthetic import write_data_set


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("synthetic")
    write_data_set(folder / "raw", sequences=30, seed=3)
    return prepare("ntu60", folder / "raw", folder / "store", num_workers=1).store


def mirrored(store: Store, path: Path) -> Store:
    """Write the same store seen in a mirror."""
    with StoreWriter(
        path, data_set="mine", topology=store.topology, class_names=store.class_names, fps=None, options={}
    ) as writer:
        for index in range(len(store)):
            sequence = store.sequence(index)
            sequence.positions[..., 0] *= -1
            writer.add(sequence)
        return writer.finish()


def test_of_synthetic_people_and_in_a_mirror(synthetic: Store, tmp_path: Path) -> None:
    positions, seen = sampled_bodies(synthetic)
    share, num = share_facing_forward(positions, seen, synthetic.topology)  # type: ignore[misc]
    assert share > 0.9
    assert num >= 30
    assert share_facing_forward(positions * [-1, 1, 1], seen, synthetic.topology) == (
        pytest.approx(1 - share),
        num,
    )
    swapped = positions.copy()
    for left, right in synthetic.topology.pairs:
        swapped[:, [left, right]] = positions[:, [right, left]]
    assert share_facing_forward(swapped, seen, synthetic.topology) == (pytest.approx(1 - share), num)
    assert not [remark for remark in remarks_on(synthetic) if "left and right" in remark]
    (remark,) = (
        each for each in remarks_on(mirrored(synthetic, tmp_path / "mirror")) if "left and right" in each
    )
    assert "left and right look exchanged: in " in remark


@pytest.mark.slow
def test_of_msr_action3d(shared_data_dir: Path, tmp_path: Path) -> None:
    store = prepare("msr-action3d", shared_data_dir / "msr_action3d.tar.xz", tmp_path / "store").store
    positions, seen = sampled_bodies(store)
    found = share_facing_forward(positions, seen, KINECT_20)
    assert found is not None
    assert found[0] > 0.95
    assert found[1] > 1000
    assert not remarks_on(store)
    assert remarks_on(mirrored(store, tmp_path / "mirror"))


def test_where_it_cannot_be_told(synthetic: Store) -> None:
    positions, seen = sampled_bodies(synthetic)
    assert share_facing_forward(positions[..., :2], seen, synthetic.topology) is None
    shares = plan_conversion(synthetic.topology, COCO_17).shares
    assert share_facing_forward(shares @ positions, np.ones((len(seen), 17), np.bool_), COCO_17) is None
    assert share_facing_forward(positions, np.zeros_like(seen), synthetic.topology) is None
