"""The unit of raw positions, given or found by the size of bodies: a store holds metres, 2-D as they came."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skelact.skeleton.view import METRES, body_axes, frame_sizes
from skelact.store.packing import PackedSequence
from skelact.store.parallel_reading import FileResult

_SMALLEST = {"mm": 150.0, "cm": 5.0, "m": 0.05}
"""Bodies from this size on are measured in the unit; see :func:`skelact.skeleton.view.body_size`."""
_PIXELS = 5.0
_ENOUGH = 8
_ROWS = 64


def found_unit(sequences: Sequence[PackedSequence]) -> tuple[str, float]:
    """Return the unit of the positions of people, by the median size of their bodies, and that size.

    Args:
        sequences: a few.

    Returns:
        ``mm``, ``cm``, ``m`` or, of positions in the plane, ``px``; empty where the size tells nothing, as of
        skeletons without hips and shoulders.
    """
    sizes = [_size(each) for each in sequences if _is_person(each)]
    known = [size for size in sizes if size > 0]
    size = float(np.median(known)) if known else 0.0
    if known and sequences[0].num_coordinates == 2:
        return ("px" if size >= _PIXELS else ""), size
    return next((unit for unit, smallest in _SMALLEST.items() if size >= smallest), ""), size


def unit_remarks(unit: str, size: float) -> list[str]:
    """Return a line where positions in a unit that :func:`found_unit` returns are brought to metres."""
    if METRES.get(unit, 1) == 1:
        return []
    return [
        f"positions are in {unit}, as bodies of a size of {size:,.0f} tell (adults: 0.5 m), and were "
        "brought to metres; --unit m keeps the numbers"
    ]


def in_metres(
    results: Generator[FileResult, None, None],
    on_found: Callable[[str, float], None],
    first: Sequence[PackedSequence] | None = None,
) -> Generator[FileResult, None, None]:
    """Yield what files gave with positions in metres, the unit found by a few sequences.

    Args:
        results: of the files, in order.
        on_found: called with what :func:`found_unit` returns, before the first result.
        first: those sequences; None: the first ones of the results.
    """
    try:
        held: list[FileResult] = []
        if first is None:
            held, first = _first(results)
        unit, size = found_unit(first)
        on_found(unit, size)
        factor = METRES.get(unit, 1.0)
        for result in _chain(held, results):
            items = result.items if factor == 1 else (_times(item, factor) for item in result.items)
            yield FileResult(result.file, items)
    finally:
        results.close()


def _first(results: Iterator[FileResult]) -> tuple[list[FileResult], list[PackedSequence]]:
    """Take results until there are a few sequences; return them, as if nothing had been taken, and those."""
    held, sequences = [], []
    for result in results:
        kept, rest = [], iter(result.items)
        for item in rest:
            kept.append(item)
            if isinstance(item, PackedSequence):
                sequences.append(item)
            if len(sequences) >= _ENOUGH:
                break
        held.append(FileResult(result.file, _chain(kept, rest)))
        if len(sequences) >= _ENOUGH:
            break
    return held, sequences


def _times(item: Any, factor: float) -> Any:
    """Return a packed sequence with its positions multiplied; anything else as it is."""
    if not isinstance(item, PackedSequence):
        return item
    # of whole numbers only the scale changes
    name = "joint_scale" if "joint_scale" in item.arrays else "joints"
    numbers = np.frombuffer(item.arrays[name], "<f4") * np.float32(factor)
    return replace(item, arrays={**item.arrays, name: numbers.tobytes()})


def _chain(first: Sequence[Any], rest: Iterator[Any]) -> Iterator[Any]:
    yield from first
    yield from rest


def _is_person(packed: PackedSequence) -> bool:
    axes = body_axes(packed.topology)
    return bool(axes.low and axes.high)


def _size(packed: PackedSequence) -> float:
    """Return the median size of a sequence's bodies over some of their frames."""
    kind = "<i2" if "joint_scale" in packed.arrays else "<f4"
    shape = (-1, packed.topology.num_joints)
    joints = np.frombuffer(packed.arrays["joints"], kind).reshape(*shape, packed.num_coordinates)
    rows = np.unique(np.arange(_ROWS) * len(joints) // _ROWS)
    positions, seen = joints[rows].astype(np.float64), np.ones((len(rows), shape[1]), np.bool_)
    if kind == "<i2":
        positions *= np.frombuffer(packed.arrays["joint_scale"], "<f4")[0]
    if "joint_present" in packed.arrays:
        seen = np.frombuffer(packed.arrays["joint_present"], np.bool_).reshape(shape)[rows]
    sizes = frame_sizes(positions, seen)
    return float(np.nanmedian(sizes)) if (sizes > 0).any() else 0.0
