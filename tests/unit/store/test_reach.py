"""Joints farther than any: their recording is left out with the place, their store is refused when read."""

import json
import shutil

import numpy as np
import pytest
import torch

import skelact
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource, draw_crops
from skelact.errors import DataError
from skelact.skeleton.sequence import FARTHEST
from skelact.store.conventions import sampled_bodies
from skelact.store.store import Store
from somebody import a_person


def pose(place=None, value=0.0):
    """Return pose-JSON of somebody, with one number changed."""
    positions = a_person()
    if place is not None:
        positions[place] = value
    return json.dumps({"topology": "ntu-25", "fps": 30, "bodies": [{"positions": positions.tolist()}]})


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    for number in range(3):
        (tmp_path / "raw" / f"good{number}.json").write_text(pose())
    return tmp_path / "raw"


@pytest.mark.parametrize("value", [1e30, -2 * FARTHEST])
def test_a_recording_with_a_far_joint_is_left_out_with_its_place(raw, tmp_path, value):
    (raw / "far.json").write_text(pose((7, 4, 1), value))
    skelact.prepare("auto", raw, tmp_path / "store", workers=1)
    store = Store.open(tmp_path / "store")
    assert store.names == ["good0", "good1", "good2"]
    told = (store.path / "excluded.csv").read_text()
    assert "far.json" in told
    assert "body 0, frame 7" in told
    for command in (skelact.check, skelact.view):
        with pytest.raises(DataError, match=r"far.json: body 0, frame 7"):
            command(raw / "far.json")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [1e30, np.inf, np.nan])
def test_a_store_with_a_far_joint_is_refused_where_it_is_read(raw, tmp_path, value):
    skelact.prepare("auto", raw, tmp_path / "made", workers=1)
    shutil.copytree(tmp_path / "made", tmp_path / "store")
    joints = np.memmap(tmp_path / "store" / "joints.bin", "<f4", "r+").reshape(-1, 25, 3)
    joints[44] = value  # in the middle of good1
    joints.flush()
    store = Store.open(tmp_path / "store")
    with pytest.raises(DataError, match=r"store: good1: .*prepare the data set again"):
        store.sequence(1)
    with pytest.raises(DataError, match="good1"):
        sampled_bodies(store)
    source = ClipSource(store, ClipSettings(num_frames=8))
    assert torch.isfinite(source.test([0, 2]).positions).all()
    for make in (source.test, lambda all: source.train(all, draw_crops(3, torch.Generator()))):
        with pytest.raises(DataError, match=r"store: good1: .*prepare the data set again"):
            make([0, 1, 2])
