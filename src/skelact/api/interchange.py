"""Recordings that other packages hold in memory: from their data sets to sequences, and on to a store."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skelact.configuration import PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.formats.named_joints import sequence_of_points, skeleton_of
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology_file import find_topology
from skelact.skeleton.view import Axis, Unit
from skelact.store.store import Store


@checked_arguments
def from_xarray(
    dataset: Any,
    *,
    name: str = "recording",
    topology: PathLike | None = None,
    min_confidence: float = 0.0,
) -> SkeletonSequence:
    """Return the recording in an xarray data set of poses, as the package movement loads them.

    That is how what DeepLabCut, SLEAP, LightningPose, Anipose and NWB hold comes here. movement itself is not
    needed.

    Args:
        dataset: variable ``position`` with the dimensions time, space, keypoints and individuals, in any
            order, NaN where a point was not seen; ``confidence`` without space, where there is one;
            attribute ``fps``, where it is known
        name: what the recording is called
        topology: name of the skeleton, or a .yaml file with one, whose joints are among the keypoints;
            default: the known skeleton with these keypoints
        min_confidence: a joint with a confidence below it, or of 0, is missing

    Returns:
        A sequence; ``Model.embed`` takes it, and :func:`write_store` puts several into a store.

    Raises:
        DataError: no such data set, an unknown skeleton, or not one joint was seen.
        ConfigurationError: no such topology.

    Example:
        >>> dataset = movement.io.load_poses.from_sleap_file("mice.slp")
        >>> sequence = skelact.from_xarray(dataset, topology="mouse.yaml")
    """
    position = _variable(dataset, "position", ("time", "keypoint", "individual", "space"))
    if position is None:
        raise DataError(f"{name}: no variable position; expected a data set of poses as movement loads them")
    points, dims, coordinates = position
    if points.shape[3] not in (2, 3):
        raise DataError(f"{name}: {points.shape[3]} coordinates along space; expected 2 or 3")
    keypoints = [str(each) for each in np.atleast_1d(coordinates.get(dims[1], np.arange(points.shape[1])))]
    trust = _variable(dataset, "confidence", ("time", "keypoint", "individual"))
    confidence = None if trust is None else trust[0]
    if confidence is not None and np.isnan(confidence).all():
        confidence = None
    skeleton = skeleton_of(name, keypoints, None if topology is None else find_topology(str(topology)))
    if skeleton.remark:
        warnings.warn(f"{name}: {skeleton.remark}", SkelactWarning, stacklevel=2)
    return sequence_of_points(
        name,
        name,
        points.transpose(2, 0, 1, 3),
        skeleton,
        fps=_rate(dataset),
        confidence=None if confidence is None else confidence.transpose(2, 0, 1),
        min_confidence=min_confidence,
    )


def _variable(
    dataset: Any, name: str, axes: tuple[str, ...]
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], list[str], dict[str, Any]] | None:
    """Return a variable with its axes in this order, their names, and the coordinates by name."""
    try:
        variable = dataset[name]
        dims = [str(dim) for dim in variable.dims]
        order = [next(dim for dim in dims if dim.removesuffix("s") == axis) for axis in axes]
        if len(dims) != len(axes):
            return None
        values = np.asarray(variable.transpose(*order).values, np.float64)
        return values, order, {dim: variable.coords[dim].values for dim in order if dim in variable.coords}
    except (KeyError, AttributeError, StopIteration, TypeError, ValueError, IndexError):
        return None


def _rate(dataset: Any) -> float | None:
    fps = getattr(dataset, "attrs", {}).get("fps")
    return float(fps) if isinstance(fps, int | float | np.number) and 0 < float(fps) < 1e6 else None


@checked_arguments
def write_store(
    sequences: Sequence[SkeletonSequence],
    store: PathLike,
    *,
    labels: Sequence[str | None] | None = None,
    splits: Sequence[str | None] | None = None,
    up: Axis | None = None,
    unit: Unit | Literal["pixel"] | None = None,
    centre: bool = True,
    overwrite: bool = False,
) -> Store:
    """Write sequences that are in memory into a store.

    Args:
        sequences: recordings of one skeleton, with names that differ
        store: folder to write; it appears when it is complete
        labels: the class of each by name, whatever number it has; None for none
        splits: the side of each in the protocol ``given``: train, test, val, or None for none
        up: the axis of positions that points up, as y or -y; models refuse data prepared otherwise
        unit: what positions are measured in: m, mm, or px (pixel)
        centre: move every sequence's origin to its first body's centre joint
        overwrite: replace STORE if it is a store already

    Returns:
        The store.

    Raises:
        DataError: no sequences, names that repeat, several skeletons, a class's number without labels, or
            STORE exists or cannot be written.
        ConfigurationError: another number of labels or sides, an unknown side or unit.
    """
    from skelact.formats.protocol import (
        GIVEN,
        attribute_of,
        side_names,
        side_number,
        side_of,
        split_protocols,
    )
    from skelact.skeleton.view import centre as centred_at_joint
    from skelact.store.writer import StoreWriter

    for what, values in (("labels", labels), ("splits", splits)):
        if values is not None and len(values) != len(sequences):
            raise ConfigurationError(
                f"{what}: {len(values)}; expected {len(sequences)}, one for each sequence"
            )
    if not sequences:
        raise DataError(f"{store}: no sequences to write; give at least one")
    sides = [None if not word else side_of(word) for word in splits or ()]
    odd = next((word for word, side in zip(splits or (), sides, strict=True) if word and side is None), None)
    if odd is not None:
        raise ConfigurationError(f"splits: {odd!r}; expected train, test or val")
    values = side_names(side for side in sides if side) if any(sides) else ()
    with StoreWriter(
        Path(store),
        data_set="own",
        topology=None,
        class_names=None,
        fps=None,
        options={"centred": centre},
        up=up,
        unit="px" if unit == "pixel" else unit,
        attribute_values={attribute_of(GIVEN): values} if values else None,
        protocols=[protocol.to_dict() for protocol in split_protocols(GIVEN, values)] if values else [],
        overwrite=overwrite,
    ) as writer:
        for number, sequence in enumerate(sequences):
            one = centred_at_joint(sequence) if centre else sequence
            side = sides[number] if splits is not None else None
            if side:
                place = {attribute_of(GIVEN): side_number(values, side)}
                one = replace(one, attributes={**one.attributes, **place})
            label = None
            if labels is not None:
                one, label = replace(one, label=None), labels[number]
                if label is not None and not (label := str(label).strip()):
                    raise DataError(f"{one.name}: its label is empty; None is no class")
            elif one.label is not None:
                raise DataError(
                    f"{one.name}: class {one.label} is a number, without a name; give names by labels, one "
                    "for each sequence (None: none)"
                )
            writer.add(one, {} if label is None else {"label": label})
        return writer.finish()
