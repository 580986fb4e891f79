"""Arrays that lie in several folders: a store whose positions stay in the parts that it was joined from.

Such a store holds its index as any other does, and ``parts`` in ``meta.json`` names the folders beside it in
which the rest lies. The files of the parts are mapped when they are read, so many at a time at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError

IN_PARTS = ("joints", "frame_rows", "frame_numbers", "joint_present")
"""The arrays that stay in the parts: those that grow with the frames. What they say is counted from their
sequence, so it holds wherever that lies."""
MOST_MAPPED = 64
"""So many files of a store's parts are mapped at a time."""

Array = npt.NDArray[Any]


class JoinedArray:
    """Several arrays as one, along the first axis; it has a shape, and is read by slices and by numbers.

    What a slice gives is a view where it lies in one of the arrays, and a copy where it lies in several.

    Args:
        lengths: of each array along the first axis.
        shape: of one entry.
        dtype: of the numbers.
        load: returns an array by its number.
    """

    def __init__(
        self, lengths: Sequence[int], shape: tuple[int, ...], dtype: Any, load: Callable[[int], Any]
    ) -> None:
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths
        self.shape = (int(self._ends[-1]), *shape)
        self.dtype = np.dtype(dtype)
        self._load = load

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | int | npt.NDArray[np.integer[Any]]) -> Array:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step > 0:
                return self._stretch(start, max(start, stop))[::step]
            rows = np.arange(start, stop, step)
        numbers = np.asarray(rows, np.int64)
        numbers = np.where(numbers < 0, numbers + len(self), numbers)
        is_outside = (numbers < 0) | (numbers >= len(self))
        if is_outside.any():
            raise IndexError(f"row {int(np.asarray(rows)[is_outside].flat[0])} of {len(self)}")
        found: Array = np.empty((*numbers.shape, *self.shape[1:]), self.dtype)
        for is_own, piece, start in self.pieces(numbers):
            found[is_own] = piece[numbers[is_own] - start]
        return found

    def pieces(self, rows: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.bool_], Array, int]]:
        """Yield each array that holds some of ``rows``: which of them, the array, its first row's number."""
        owners = np.searchsorted(self._ends, rows, side="right")
        for owner in np.unique(owners).tolist():
            yield owners == owner, self._load(owner), int(self._starts[owner])

    def _stretch(self, start: int, stop: int) -> Array:
        first, last = np.searchsorted(self._ends, [start, max(start, stop - 1)], side="right").tolist()
        if start == stop:
            return np.empty((0, *self.shape[1:]), self.dtype)
        pieces = [
            self._load(owner)[max(start - begin, 0) : stop - begin]
            for owner, begin in enumerate(self._starts[first : last + 1].tolist(), first)
            if self._ends[owner] > begin
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


class LinkedParts:
    """The parts of a store, as its ``meta.json`` names them.

    Args:
        folder: where the parts lie.
        meta: the store's.
    """

    def __init__(self, folder: Path, meta: Mapping[str, Any]) -> None:
        self.folders = [folder / entry["folder"] for entry in meta["parts"]]
        """Their folders, in the order of the sequences."""
        self._entries, self._arrays = meta["parts"], meta["arrays"]
        self._mapped = lru_cache(MOST_MAPPED)(mapped)

    def array(self, name: str) -> JoinedArray:
        """Return one of the arrays :data:`IN_PARTS`."""
        entry = self._arrays[name]
        return JoinedArray(
            [self._length(number, name) for number in range(len(self._entries))],
            tuple(entry["shape"][1:]),
            entry["dtype"],
            lambda number: self._piece(number, name),
        )

    def _length(self, number: int, name: str) -> int:
        return int(self._entries[number]["rows"]["joints" if name == "joint_present" else name])

    def _piece(self, number: int, name: str) -> Array:
        entry = self._arrays[name]
        shape = (self._length(number, name), *entry["shape"][1:])
        if name == "joint_present" and not self._entries[number]["joints_missing"]:
            all_there: Array = np.broadcast_to(np.True_, shape)
            return all_there
        return self._mapped(self.folders[number] / f"{name}.bin", entry["dtype"], shape)


def mapped(file: Path, dtype: str, shape: tuple[int, ...]) -> Array:
    """Return a file of numbers, memory-mapped and read-only.

    Raises:
        DataError: it cannot be mapped any more.
    """
    try:
        return np.asarray(np.memmap(file, dtype=dtype, mode="r", shape=shape))  # without its slow wrapper
    except (OSError, ValueError) as error:  # changed since the store was opened, or no memory is left
        raise DataError(f"{file}: cannot be mapped ({error}); open the store again") from error
