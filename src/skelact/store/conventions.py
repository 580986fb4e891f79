"""How positions are measured: which axis is up and the unit, as the user or the bodies of a store tell."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from skelact.errors import ConfigurationError
from skelact.formats.data_set import DataSet
from skelact.formats.settings import SLOWEST_RATE
from skelact.skeleton.view import METRES, Axis, NamedUnit, Unit, find_up
from skelact.store.store import Store

_MOST = 1_000


def sampled_bodies(
    store: Store, most: int = _MOST, each: int = 2
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return bodies of a store: ``each`` of up to ``most`` sequences, evenly from the first one on.

    Returns:
        (R, V, C) positions in the store's unit, and (R, V) which joints were seen.
    """
    starts = np.array(store.array("joint_start"))
    chosen = np.unique(np.arange(most) * len(store) // most)
    first, last = starts[chosen], starts[chosen + 1] - 1
    rows = np.unique(first[:, None] + (last - first)[:, None] * np.arange(each) // each)
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


def with_conventions(
    data_set: DataSet, up: Axis | None, unit: str | None, resample: float | None
) -> tuple[DataSet, dict[str, object]]:
    """Return a data set with what the user says of its positions, and that as a store's options record it.

    Raises:
        ConfigurationError: a value that cannot be, or that the data set tells itself.
    """
    unit = "px" if unit == "pixel" else unit
    given: dict[str, object] = {"up": up, "unit": unit, "resample": resample}
    named = (("up", up, get_args(Axis), data_set.up), ("unit", unit, get_args(NamedUnit), data_set.unit))
    for name, value, known, told in named:
        if value is None:
            continue
        if value not in known:
            raise ConfigurationError(f"--{name} {value!r}: not known; expected {', '.join(known)}")
        if name == "unit" and value in METRES and "scale" in data_set.settings:
            raise ConfigurationError(
                f"--unit means nothing to {data_set.name}, whose unit --scale tells: "
                f"--scale {METRES[value]:g}"
            )
        if told is not None:
            raise ConfigurationError(
                f"--{name} means nothing to {data_set.name}, whose {name} is known: {told}; leave it out"
            )
    if resample is not None:
        if not SLOWEST_RATE <= resample < 1e6:
            raise ConfigurationError(
                f"--resample is {resample:g}; expected frames a second, {SLOWEST_RATE:g} or more"
            )
        if data_set.attachments is not None:
            raise ConfigurationError(
                f"--resample does not go with intervals of {data_set.name}, told by numbers of frames; "
                "leave it out"
            )
        data_set = replace(data_set, fps=resample)
    return (
        replace(data_set, up=up or data_set.up, unit=data_set.unit if unit is None else stored_unit(unit)),
        {name: value for name, value in given.items() if value is not None},
    )


def stored_unit(unit: str) -> Unit | None:
    """Return the unit in a store of raw positions in ``unit``."""
    return "m" if unit in METRES else ("px" if unit == "px" else None)
