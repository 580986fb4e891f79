"""What the user should know of a store that was prepared, a line each."""

from __future__ import annotations

import numpy as np

from skelact.formats.known import find_data_set
from skelact.formats.settings import GIVEN_ORDER, USUAL_RATES
from skelact.skeleton.handedness import share_facing_forward
from skelact.skeleton.main_bodies import CLIP_BODIES
from skelact.skeleton.view import METRES, frame_sizes
from skelact.store.conventions import sampled_bodies
from skelact.store.recordings import counted
from skelact.store.store import Store

FAR = 30.0
"""So many metres from where it began no sensor follows a body."""
_ENOUGH = 20
_BACKWARDS = 0.2
_SOME = 0.02  # of all poses; below it the others may be errors of tracking
STANDS = " is up, as people stand; --up says another"
"""How the remark ends that tells what was found to be up."""
UP_UNTOLD = "nothing tells which axis is up, nor does a person who stands upright; --up says it"


def crowded(store: Store) -> list[str]:
    """Return a line on the sequences with more people than a clip holds, if there are any."""
    num_bodies = store.array("num_bodies")
    num_crowded = int((num_bodies > CLIP_BODIES).sum())
    if not num_crowded:
        return []
    if store.meta["options"].get("body_order") == GIVEN_ORDER:
        rule = "in the order of the files"
    else:
        rule = "those seen most of the time, and of them those who move most"
    held = f"clips hold the first {CLIP_BODIES} (pre-training has --clips.max_bodies)"
    return [
        f"{num_crowded:,} of {counted(len(store), 'sequence')} show more than {CLIP_BODIES} people, up to "
        f"{num_bodies.max()}; {held}: {rule}"
    ]


def measured(store: Store) -> list[str]:
    """Return lines on how positions are measured, as far as the data set does not say it."""
    lines = flat(store)
    if find_data_set(store.data_set).up is not None:
        return lines + far(store)
    if "up" not in store.meta["options"]:
        if store.up is not None:
            lines.append(f"{store.up}{STANDS}")
        elif store.num_coordinates == 3:  # nothing turns a picture about a vertical
            lines.append(UP_UNTOLD)
    return lines + remarks_on(store)


def flat(store: Store) -> list[str]:
    """Return a line on 2-D positions that are given a unit of length; none for others."""
    unit = str(store.meta["options"].get("unit"))
    if store.num_coordinates != 2 or unit not in METRES:
        return []
    done = "were left as they are" if unit == "m" else f"were multiplied by {METRES[unit]:g}"
    return [f"positions are 2-D and {done}, as --unit {unit} says; those in a picture have --unit px"]


def far(store: Store) -> list[str]:
    """Return a line on 3-D positions that lie where nobody goes; none for others."""
    positions, seen = sampled_bodies(store)
    largest = float(np.abs(np.where(seen[..., None], positions, 0)).max(initial=0))
    if store.num_coordinates == 2 or largest <= FAR:
        return []
    size = float(np.nanmedian(np.append(frame_sizes(positions, seen), 0)))
    told = f"{store.data_set} data are read as metres: convert them, if they are in another unit"
    if find_data_set(store.data_set).unit is None:
        told = (
            "if they are not in metres, give --unit; if the third number is no coordinate, it is a confidence"
        )
    return [
        f"positions lie up to {largest:,.0f} m from where recordings begin, and bodies have a size of "
        f"{size:,.1f} m (adults: 0.5): {told}"
    ]


def remarks_on(store: Store) -> list[str]:
    """Return what looks wrong in how a store is measured, a line each: unit, left and right, frame rates."""
    remarks = far(store)
    positions, seen = sampled_bodies(
        store, each=max(2, -(-2 * _ENOUGH // len(store)))
    )  # of few, more of each
    sizes = frame_sizes(positions, seen)
    sizes = sizes[sizes > 0]
    others = 0
    if len(sizes) and store.num_coordinates == 3:
        others = int((np.abs(np.log10(sizes / np.median(sizes))) > 1).sum())
    if others > _SOME * len(sizes):
        remarks.append(
            f"in {others:,} of {len(sizes):,} poses bodies have less than a tenth of the size of most, or "
            "more than ten times as much; recordings in another unit need a store of their own, by --unit"
        )
    facing = share_facing_forward(positions, seen, store.topology)
    if facing is not None and facing[1] >= _ENOUGH and facing[0] < _BACKWARDS:
        remarks.append(
            f"left and right look exchanged: in {1 - facing[0]:.0%} of {facing[1]:,} poses feet or face "
            "point to the back; if the recordings are mirrored, exchange left and right in the names of the "
            "joints, or, where a topology numbers them, in it"
        )
    slowest, fastest = USUAL_RATES
    if "fps" in store.meta["arrays"]:
        rates = store.array("fps")
        known, counts = np.unique(rates[rates > 0], return_counts=True)
        if len(known) > 1 or (len(known) and np.isnan(rates).any()):
            shown = ", ".join(f"{rate:g}" for rate in known[:5]) + (", ..." if len(known) > 5 else "")
            unknown = int(np.isnan(rates).sum())
            some = (
                f", and {unknown:,} {'sequence does' if unknown == 1 else 'sequences do'} not say"
                if unknown
                else ""
            )
            fit = (known >= slowest) & (known <= fastest)
            usual = f"; --resample {known[(counts * fit).argmax()]:g} brings all to one" if fit.any() else ""
            remarks.append(f"frame rates differ ({shown} a second{some}){usual}")
    rates = np.array([store.fps or np.nan]) if "fps" not in store.meta["arrays"] else store.array("fps")
    odd = rates[(rates < slowest) | (rates > fastest)]
    if len(odd):
        or_option = ", or give --fps" if "fps" in find_data_set(store.data_set).settings else ""
        remarks.append(f"{odd[0]:.3g} frames a second: if times are not in seconds, write them so{or_option}")
    return remarks
