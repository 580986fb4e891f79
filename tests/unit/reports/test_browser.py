"""What the page of a store knows of every recording."""

from dataclasses import replace

import numpy as np

from skelact.reports.browser import index_data
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.writer import StoreWriter


def test_missing_is_the_share_of_joints_and_of_frames_that_show_nobody(tmp_path):
    positions = np.random.default_rng(0).normal(size=(2, 8, 25, 3)).astype(np.float32)
    present = np.zeros((2, 8), bool)
    present[0, :6] = present[1, 2:4] = True  # in 2 of 8 frames nobody is seen
    seen = np.broadcast_to(present[..., None], (2, 8, 25)).copy()
    seen[0, :2, :5] = False  # 10 of 8 * 25 joints
    whole = SkeletonSequence("a", positions * present[..., None, None], present, NTU_25)
    gaps = replace(whole, name="b", positions=whole.positions * seen[..., None], joint_present=seen)
    about = {"data_set": "own", "topology": NTU_25, "class_names": [], "fps": 30.0, "options": {}}
    with StoreWriter(tmp_path / "store", **about) as writer:
        for sequence in (whole, gaps):
            writer.add(sequence)
        store = writer.finish()
    assert index_data(store)["missing"] == [0.25, round(1 - 0.75 * 190 / 200, 4)]
