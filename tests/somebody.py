"""Somebody who waves, for the tests of pages, and how those wait."""

import time

import numpy as np

from skelact.skeleton.tables import NTU_25

HOSTILE = "</script><img src=x onerror=alert(1)>{{data}}&amp;"
HEIGHTS = {"Head": 0.8, "Neck": 0.6, "Shoulder": 0.5, "Elbow": 0.3, "Knee": -0.4, "Ankle": -0.8, "Foot": -0.9}


def a_person(num_frames=30, seed=0):
    """Return (T, 25, 3) of somebody 1.7 m tall who faces a depth sensor and waves."""
    pose = np.zeros((25, 3))
    for joint, name in enumerate(NTU_25.joints):
        pose[joint, 1] = next((height for part, height in HEIGHTS.items() if name.startswith(part)), 0)
        pose[joint, 0] = {"Left": -0.2, "ight": 0.2}.get(name[-4:], 0)
    path = np.repeat(pose[None], num_frames, 0) + np.random.default_rng(seed).normal(
        0, 0.002, (num_frames, 25, 3)
    )
    path[:, NTU_25.index("HandRight"), 1] = np.sin(np.arange(num_frames) / 3)
    return path.astype(np.float32)


def until(page, condition, seconds=20):
    """Wait until an expression is true; Playwright's own way needs what the page's policy forbids."""
    end = time.monotonic() + seconds
    while not _holds(page, condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def _holds(page, condition):
    """Return whether an expression is true; in a frame that is just being filled it is not yet."""
    try:
        return page.evaluate(condition)
    except Exception as error:  # Playwright need not be there to say its name
        if "context was destroyed" not in str(error):
            raise
        return False
