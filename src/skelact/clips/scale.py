"""How large each sequence of a store is made, so that neither units nor cameras' distances matter.

The size of a body is that of :func:`skelact.skeleton.view.body_size`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError
from skelact.skeleton.view import ADULT, body_size
from skelact.store.store import Store

IMAGE_HEIGHT = "image_height"
"""The attribute that tells the height of a recording's images in pixels."""
SIZE_FRAMES = 32
"""Frames of a sequence, evenly spread, that are enough for the median of its size."""
_AT_A_TIME = 512


def sequence_factors(store: Store, scale: str) -> npt.NDArray[np.float32] | None:
    """Return by what the positions of each sequence are multiplied; None where the store's unit stays.

    Args:
        store: the prepared data set.
        scale: as in ``ClipSettings``. ``body``: a sequence whose first body never shows two joints apart is
            enlarged as the others are, in the median.

    Returns:
        (N,).

    Raises:
        ConfigurationError: ``image``, and the store does not know the images of all sequences.
    """
    if scale == "stored":
        return None
    if scale == "image":
        heights = np.full(len(store), -1)
        if IMAGE_HEIGHT in store.attribute_names:
            heights = np.array(store.attribute(IMAGE_HEIGHT))
        if (heights <= 0).any():
            raise ConfigurationError(
                f"{store.where}: {(heights <= 0).sum()} of {len(store)} sequences do not say how high their "
                "images are; use --clips.scale body"
            )
        return (1 / heights).astype(np.float32)
    sizes = body_sizes(store, np.arange(len(store)))
    is_known = sizes > 0  # not where it is NaN
    usual = np.median(sizes[is_known]) if is_known.any() else ADULT
    return (ADULT / np.where(is_known, sizes, usual)).astype(np.float32)


def body_sizes(store: Store, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the size of the first body of sequences, of up to 32 of its frames.

    Args:
        store: the prepared data set.
        indices: (N,) sequences.

    Returns:
        (N,) in the unit of the positions; NaN where no such frame shows two joints.
    """
    starts, row_starts = np.array(store.array("joint_start")), np.array(store.array("row_start"))
    num_frames = np.diff(store.array("frame_start"))
    sizes = np.empty(len(indices))
    for begin in range(0, len(indices), _AT_A_TIME):
        part = indices[begin : begin + _AT_A_TIME]
        frames = (store.array("frame_rows")[row_starts[i] : row_starts[i] + num_frames[i]] for i in part)
        num_rows = np.array([(rows >= 0).sum() for rows in frames])
        rows = starts[part, None] + (np.arange(SIZE_FRAMES) * num_rows[:, None]) // SIZE_FRAMES
        seen = np.ones((*rows.shape, store.topology.num_joints), np.bool_)
        if "joint_present" in store.meta["arrays"]:
            seen = store.array("joint_present")[rows]
        sizes[begin : begin + len(part)] = body_size(store.joints(rows), seen)
    if "joint_scale" in store.meta["arrays"]:
        sizes *= store.array("joint_scale")[indices]
    return sizes


def measures(stores: Sequence[Store]) -> dict[str, Any]:
    """Return what stores say of their positions, for the card of a model that learns from them.

    Args:
        stores: one or more.

    Returns:
        ``up`` and ``unit``, None where stores differ or do not say; ``body_size``, that of the first.
    """
    said = {name: {getattr(store, name) for store in stores} for name in ("up", "unit")}
    common = {name: next(iter(values)) if len(values) == 1 else None for name, values in said.items()}
    return {**common, "body_size": usual_body_size(stores[0])}


def usual_body_size(store: Store, most: int = 500) -> float | None:
    """Return the median size of the first bodies of up to ``most`` sequences; None where none has a size."""
    sizes = body_sizes(store, np.unique(np.arange(most) * len(store) // most))
    return float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else None
