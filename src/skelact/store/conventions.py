"""How a store's positions are measured, told by its bodies: which axis is up, the unit, left and right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skelact.skeleton.handedness import share_facing_forward
from skelact.skeleton.view import Axis, find_up, frame_sizes
from skelact.store.store import Store

FAR = 30.0
"""So many metres from where it began no sensor follows a body."""
_MOST = 1_000
_ENOUGH = 20
_BACKWARDS = 0.2


def sampled_bodies(store: Store, most: int = _MOST) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return bodies of a store: the first and the middle one of up to ``most`` sequences.

    Returns:
        (R, V, C) positions in the store's unit, and (R, V) which joints were seen.
    """
    starts = np.array(store.array("joint_start"))
    chosen = np.unique(np.arange(most) * len(store) // most)
    first, last = starts[chosen], starts[chosen + 1] - 1
    rows = np.unique(np.concatenate([first, (first + last) // 2]))
    positions = np.asarray(store.joints(rows), np.float64)
    if "joint_scale" in store.meta["arrays"]:
        sequence = np.searchsorted(starts, rows, side="right") - 1
        positions *= store.array("joint_scale")[sequence][:, None, None]
    seen = np.ones(positions.shape[:2], np.bool_)
    if "joint_present" in store.meta["arrays"]:
        seen = np.asarray(store.array("joint_present")[rows])
    return positions, seen


def estimated_up(store: Store) -> Axis | None:
    """Return the axis along which the bodies of a store stand, or None where that is not clear."""
    return find_up(*sampled_bodies(store), store.topology)


def remarks_on(store: Store) -> list[str]:
    """Return what looks wrong in how a store is measured, a line each: unit, left and right, frame rates."""
    positions, seen = sampled_bodies(store)
    remarks = []
    is_flat = store.num_coordinates == 2
    largest = float(np.abs(np.where(seen[..., None], positions, 0)).max(initial=0))
    if not is_flat and largest > FAR:
        size = float(np.nanmedian(np.append(frame_sizes(positions, seen), 0)))
        remarks.append(
            f"positions lie up to {largest:,.0f} m from where recordings begin, and bodies have a size of "
            f"{size:,.1f} m (adults: 0.5): if they are not in metres, give --unit; if the third number is no "
            "coordinate, it is a confidence"
        )
    facing = share_facing_forward(positions, seen, store.topology)
    if facing is not None and facing[1] >= _ENOUGH and facing[0] < _BACKWARDS:
        remarks.append(
            f"left and right look exchanged: in {1 - facing[0]:.0%} of {facing[1]:,} bodies feet and face "
            "point to the back; if the recordings are mirrored, give a topology with left and right exchanged"
        )
    if "fps" in store.meta["arrays"]:
        rates = store.array("fps")
        known = np.unique(rates[rates > 0])
        if len(known) > 1 or (len(known) and np.isnan(rates).any()):
            shown = ", ".join(f"{rate:g}" for rate in known[:5]) + (", ..." if len(known) > 5 else "")
            unknown = int(np.isnan(rates).sum())
            some = f", and {unknown:,} sequences do not say" if unknown else ""
            remarks.append(
                f"frame rates differ ({shown} a second{some}); --resample {known.min():g} brings all to one"
            )
    return remarks
