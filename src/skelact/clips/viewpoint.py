"""How each sequence of a store is turned into the axes of a view: one rotation a sequence, found once."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError, SkelactWarning
from skelact.skeleton.view import Axis, View, up_vector, view_rotations
from skelact.store.conventions import estimated_up
from skelact.store.store import Store

_AT_A_TIME = 1 << 16  # sequences, so that memory does not grow with the store


def sequence_turns(store: Store, view: View) -> npt.NDArray[np.float32]:
    """Return the rotation that brings each sequence into the axes of a view.

    It is that of the first body, in the first frame in which its hips (and for ``body`` its shoulders) were
    seen; where they never were, of the next body. All bodies of a sequence are turned together. Sequences in
    which no body ever tells are not turned, but in the plane and for ``upright`` y becomes their vertical; a
    warning counts them.

    Args:
        store: the prepared data set.
        view: upright or body.

    Returns:
        (N, C, C), to be applied to column vectors.

    Raises:
        ConfigurationError: a skeleton or positions that the view does not suit.
    """
    starts = np.array(store.array("joint_start"))

    def rotations(rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        try:
            return view_rotations(store.joints(rows), store.seen_joints(rows), store.topology, view, up)
        except ConfigurationError as error:
            raise ConfigurationError(f"{store.where}: {error}") from error

    up = up_of(store) if view == "upright" or store.num_coordinates == 2 else "y"
    parts = np.split(starts[:-1], range(_AT_A_TIME, len(store), _AT_A_TIME))
    turns, usable = (np.concatenate(found) for found in zip(*map(rotations, parts), strict=True))
    as_it_is = upright(up, store.num_coordinates)
    num_untold = 0
    for index in np.flatnonzero(~usable):
        found, tells = rotations(np.arange(starts[index], starts[index + 1]))
        turns[index] = found[tells.argmax()] if tells.any() else as_it_is
        num_untold += not tells.any()
    if num_untold:
        warnings.warn(
            f"{store.where}: view {view}: {num_untold} of {len(turns)} sequences do not tell in any "
            "frame how their bodies are turned; they stay as they are, but for what is up",
            SkelactWarning,
            stacklevel=2,
        )
    return turns.astype(np.float32)


def up_of(store: Store) -> Axis:
    """Return the axis of a store that is up: as it says, or else as its bodies stand, with a warning.

    In the plane it is y where a store does not say it.
    """
    if store.up is not None or store.num_coordinates == 2:
        return store.up or "y"
    found = estimated_up(store)
    how = "taken to be y" if found is None else f"{found}, as most bodies stand"
    warnings.warn(
        f"{store.where}: does not say which axis is up; {how}; 'skelact data prepare ... --up' says it",
        SkelactWarning,
        stacklevel=2,
    )
    return found or "y"


def upright(up: Axis, num_coordinates: int = 3) -> npt.NDArray[np.float64]:
    """Return the (C, C) rotation that brings the axis ``up`` to y; in space by the shortest way."""
    y = up_vector(up, num_coordinates)
    if num_coordinates == 2:
        return np.array([[y[1], -y[0]], y])
    x = np.array([1.0, 0, 0]) if up[-1] != "x" else np.array([0.0, 0, 1])
    return np.stack([x, y, np.cross(x, y)])
