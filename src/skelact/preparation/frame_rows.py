"""Where a body-frame's joints stand in a store, and which stand in for those of an absent one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def frame_rows(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return the row of every body-frame, or ``~row`` of the body's nearest present frame where it is absent.

    Args:
        present: (M, F), every body present at least once.

    Returns:
        (M, F) int32; rows count present body-frames by body, then frame.

    Raises:
        ValueError: a body that is never present.
    """
    if not present.any(1).all():
        raise ValueError("a body that is present in no frame has no rows")
    if present.all():
        return np.arange(present.size, dtype=np.int32).reshape(present.shape)
    num_bodies, num_frames = present.shape
    frame = np.arange(num_frames)
    before = np.maximum.accumulate(np.where(present, frame, -1), 1)
    after = np.minimum.accumulate(np.where(present, frame, 2 * num_frames)[:, ::-1], 1)[:, ::-1]
    use_before = (before >= 0) & (frame - before <= after - frame)
    nearest = np.where(use_before, before, after)
    row_of_present = np.cumsum(present).reshape(num_bodies, num_frames) - 1
    rows = np.take_along_axis(row_of_present, nearest, 1)
    return np.where(present, rows, ~rows).astype(np.int32)
