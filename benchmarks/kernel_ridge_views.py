"""What the axes of positions are worth without a network: kernel ridge and 1-NN on plain poses, in each view.

A recording is 32 resampled frames of joints relative to each frame's centre joint, and their changes; the
kernel is Gaussian, as wide as the median distance of training recordings. Takes a store and a protocol:

    python benchmarks/kernel_ridge_views.py stores/nw-ucla xview
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.skeleton.view import VIEWS, View
from skelact.store.protocols import split
from skelact.store.store import Store

RIDGE = 0.1
Floats = npt.NDArray[np.float64]


def poses(store: Store, view: View) -> Floats:
    """Return (N, numbers) all recordings of a store, the first body of each."""
    source = ClipSource(store, ClipSettings(num_frames=32, test_crop_share=1.0, max_bodies=1, view=view))
    joints = source.test(range(len(store))).positions[:, 0].double().numpy()
    joints = joints - joints[:, :, [store.topology.centre]]
    return np.concatenate([joints, np.diff(joints, axis=1)], 1).reshape(len(joints), -1)


def squared_distances(first: Floats, second: Floats) -> Floats:
    """Return (N, K) squared distances between rows."""
    squares = np.square(first).sum(1)[:, None] + np.square(second).sum(1)
    return np.maximum(squares - 2 * first @ second.T, 0)


def main() -> None:
    store, protocol = Store.open(sys.argv[1]), sys.argv[2]
    sides = split(store, protocol)
    labels = np.asarray(store.labels)
    targets = np.eye(len(store.class_names))[labels[sides.train]]
    for view in VIEWS:
        rows = poses(store, view)
        train, test = rows[sides.train], rows[sides.test]
        within, across = squared_distances(train, train), squared_distances(test, train)
        width = np.median(within[within > 0])
        weights = np.linalg.solve(np.exp(-within / width) + RIDGE * np.eye(len(train)), targets)
        ridge = (np.exp(-across / width) @ weights).argmax(1) == labels[sides.test]
        nearest = labels[sides.train][across.argmin(1)] == labels[sides.test]
        print(f"{view:<8} kernel ridge {100 * ridge.mean():5.1f} %   1-NN {100 * nearest.mean():5.1f} %")


if __name__ == "__main__":
    main()
