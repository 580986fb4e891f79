"""The prepared data set on disk: ragged, memory-mapped, and finished or not there at all.

A store is a folder of raw arrays beside ``meta.json``, which names each array's type, shape and SHA-256:

======================  ==================  ==================================================================
array                   shape               what
======================  ==================  ==================================================================
``joints``              (R, V, C) float32   positions of every present body-frame; by sequence, body, frame.
                        or int16            Of a store made with ``--positions int16``: whole numbers, to be
                                            multiplied by their sequence's scale
``joint_scale``         (N,) float32        that scale; only in such a store
``frame_rows``          (S,) int32          for each sequence, body and kept frame: the row of ``joints``,
                                            counted from the body's sequence; ``~row`` of the nearest present
                                            frame of that body (the earlier on a tie) where it is absent
``joint_present``       (R, V) bool         whether each joint was there; only where a joint is missing
                                            somewhere, for otherwise all were
``frame_numbers``       (F,) int32          the kept frames' numbers in their sequence
``joint_start``         (N + 1,) int64      where each sequence begins in ``joints``
``row_start``           (N + 1,) int64      where each sequence begins in ``frame_rows``
``frame_start``         (N + 1,) int64      where each sequence begins in ``frame_numbers``
``num_bodies``          (N,) int32          bodies of each sequence
``num_frames``          (N,) int32          frames of each sequence, those without any body included
``label``               (N,) int32          class index, -1 where there is none
``attribute_<name>``    (N,) int32          subject, camera, ... ; -1 where unknown
``fps``                 (N,) float64        frames a second of each sequence, NaN where unknown; only where
                                            they differ
``names``               (N,) bytes          the sequences' names, UTF-8
======================  ==================  ==================================================================

Kept frames are those in which at least one body is present: a clip never meets an empty frame.

Of a store that was joined with ``--link-parts``, the arrays that grow with the frames stay in its parts, see
:mod:`.linked`.
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from skelact.configuration import checked_arguments
from skelact.errors import DataError, printable
from skelact.files import beside, sha256
from skelact.notebooks import table_html
from skelact.skeleton.sequence import FARTHEST, SkeletonSequence, within_reach
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis, Unit
from skelact.store.fixed_point import FLOAT32, from_fixed_point
from skelact.store.indices import index_problems
from skelact.store.linked import IN_PARTS, LinkedParts, mapped
from skelact.store.metadata import DAMAGED, META, PARTS, read_meta
from skelact.store.remote import fetched, is_remote

Y_UP_IN_METRES = frozenset({"ntu60", "ntu120", "pku1", "pku2", "msr-action3d", "bandai-namco-2"})
"""Data sets of which earlier versions wrote stores that say neither which axis is up nor the unit."""
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Store:
    """A finished store, memory-mapped: opening reads ``meta.json`` and the small arrays, no position."""

    path: Path
    meta: Mapping[str, Any]
    parts_in: Path | None = field(default=None, kw_only=True, repr=False, compare=False)
    """The folder that its parts lie in, if it has some; None: the one that the store lies in."""
    called: str = field(default="", kw_only=True, repr=False, compare=False)
    """What it was prepared from, where its folder is one that nobody named; empty for others."""

    @classmethod
    @checked_arguments
    def open(cls, path: Path | str, *, may_be_empty: bool = False, check: bool = True) -> Store:
        """Open the store in folder ``path``.

        Args:
            path: its folder; or its address elsewhere, as text, see :mod:`.remote`.
            may_be_empty: open even a part of a store of which no recording could be used.
            check: compare the small arrays with each other. Without it a damaged store can end the process
                of whoever reads its sequences; it is for those who call :mod:`.indices` themselves.

        Raises:
            DataError: the folder is missing, unfinished, of another format or without any sequence; a file is
                missing, is a link or has the wrong size; arrays do not fit each other; or what lies elsewhere
                cannot be fetched.
            ConfigurationError: an address that cannot be used.
        """
        path = fetched(str(path)) if is_remote(path) else Path(path)
        if not path.is_dir():
            partial = beside(path, ".partial")
            state = "its preparation was not finished" if partial.is_dir() else "there is no such folder"
            state = "it is a file" if path.exists() else state
            if (partial / "replaced" / META).is_file():
                raise DataError(
                    f"{path}: was being replaced; prepare it again, or move {partial / 'replaced'} back"
                )
            raise DataError(f"{path}: not a store, {state}; make one with 'skelact data prepare'")
        store = cls(path, read_meta(path))
        if not may_be_empty and not len(store):
            raise DataError(f"{path}: a part without a sequence; join all parts with 'skelact data prepare'")
        for problem in index_problems(store) if check else ():
            raise DataError(f"{path}: {printable(problem)}; {DAMAGED}")
        return store

    def __repr__(self) -> str:
        return f"Store({self.data_set}, {len(self):,} sequences, {str(self.path)!r})"

    def _repr_html_(self) -> str:
        skeleton, classes = self.topology, self.class_names
        rows = [
            ("data set", self.data_set),
            ("sequences", f"{len(self):,}"),
            ("classes", f"{len(classes):,}: {', '.join(classes[:8])}{', ...' if len(classes) > 8 else ''}"),
            ("skeleton", f"{skeleton.name}, {skeleton.num_joints} joints, {self.num_coordinates}-D"),
            ("known of each", ", ".join(self.attribute_names) or "nothing"),
            ("rate", "not told, or different ones" if self.fps is None else f"{self.fps:g} a second"),
            ("unit, up", f"{self.unit or 'not told'}, {self.up or 'not told'}"),
        ]
        return table_html(str(self.path), rows, f"skelact.view('{self.path}:0') plays the first one")

    def __len__(self) -> int:
        return int(self.meta["arrays"]["num_bodies"]["shape"][0])

    @property
    def where(self) -> str:
        """How messages call it."""
        return self.called or str(self.path)

    @property
    def data_set(self) -> str:
        """Name of the data set, e.g. ``ntu60``."""
        return str(self.meta["data_set"])

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, see :func:`~skelact.errors.printable`; a label is an index here."""
        return [printable(name) for name in self.meta["class_names"]]

    @property
    def fps(self) -> float | None:
        """Frames a second, or None where they are unknown or differ: see :meth:`fps_of`."""
        return None if self.meta["fps"] is None else float(self.meta["fps"])

    def fps_of(self, index: int) -> float | None:
        """Return the frames a second of sequence ``index``, or None where unknown."""
        if "fps" not in self.meta["arrays"]:
            return self.fps
        rate = float(self.array("fps")[index])
        return rate if 0 < rate < math.inf else None

    @property
    def up(self) -> Axis | None:
        """The axis of positions that points up, or None where unknown."""
        up: Axis | None = self.meta.get("up", "y" if self.data_set in Y_UP_IN_METRES else None)
        return up

    @property
    def unit(self) -> Unit | None:
        """The unit of positions, or None where unknown."""
        unit: Unit | None = self.meta.get("unit", "m" if self.data_set in Y_UP_IN_METRES else None)
        return unit

    @property
    def num_coordinates(self) -> int:
        """2 or 3: positions in the plane or in space."""
        return int(self.meta["arrays"]["joints"]["shape"][2])

    @property
    def position_type(self) -> str:
        """How positions are kept: ``float32``, exactly, or ``int16``, see :mod:`.fixed_point`."""
        return str(np.dtype(self.meta["arrays"]["joints"]["dtype"]))

    @property
    def largest_error(self) -> float:
        """How far, at most, a coordinate is from the one that was added, in its unit; 0 for float32."""
        return float(self.meta.get("largest_error", 0))

    @property
    def content_hash(self) -> str:
        """SHA-256 over the arrays and all that describes them."""
        return str(self.meta["content_hash"])

    @cached_property
    def topology(self) -> Topology:
        """The skeleton's topology."""
        return Topology.from_dict(self.meta["topology"])

    @cached_property
    def names(self) -> list[str]:
        """Names of the sequences."""
        return [printable(name.decode()) for name in self.array("names").tolist()]

    @cached_property
    def labels(self) -> npt.NDArray[np.int32]:
        """(N,) class indices, -1 where there is none."""
        return self.array("label")

    @property
    def max_bodies(self) -> int:
        """The largest number of bodies in a sequence."""
        return int(self.array("num_bodies").max())

    @property
    def attribute_names(self) -> list[str]:
        """Names of the attributes that :meth:`attribute` knows."""
        prefix = "attribute_"
        return [name.removeprefix(prefix) for name in self.meta["arrays"] if name.startswith(prefix)]

    def attribute(self, name: str) -> npt.NDArray[np.int32]:
        """Return the (N,) column ``name`` (subject, camera, ...), -1 where unknown.

        Raises:
            DataError: the store has no such column.
        """
        if name not in self.attribute_names:
            raise DataError(
                f"{self.path}: sequences have no {name!r}, only {', '.join(self.attribute_names)}"
            )
        return self.array(f"attribute_{name}")

    def attribute_values(self, name: str) -> list[str] | None:
        """Return the names of the attribute's numbers, or None where its numbers speak for themselves."""
        values = self.meta["attribute_values"].get(name)
        return None if values is None else [printable(name) for name in values]

    @cached_property
    def parts(self) -> LinkedParts | None:
        """The parts in which the positions lie, of a store that was joined with ``--link-parts``."""
        return LinkedParts(self.parts_in or self.path.parent, self.meta) if PARTS in self.meta else None

    def array(self, name: str) -> Array:
        """Return the array ``name`` of the module's table, memory-mapped and read-only.

        Of a store with :attr:`parts`, those that lie there are :class:`~.linked.JoinedArray`: they have a
        shape, and are read by slices and by numbers.

        Raises:
            DataError: its file cannot be mapped any more.
        """
        entry = self.meta["arrays"][name]
        shape = tuple(entry["shape"])
        if 0 in shape:
            return np.empty(shape, entry["dtype"])
        if name in IN_PARTS and self.parts is not None:
            return cast(Array, self.parts.array(name))
        return mapped(self.path / f"{name}.bin", entry["dtype"], shape)

    def _place(self, index: int) -> int:
        try:
            place = operator.index(index)
        except TypeError:
            raise DataError(
                f"{self.path}: a sequence is given by its number, not by {type(index).__name__}"
            ) from None
        if not 0 <= place < len(self):
            raise DataError(
                f"{self.path}: there is no sequence {place}; sequences are numbered 0 to {len(self) - 1}"
            )
        return place

    def joints(self, rows: npt.NDArray[np.int64] | slice) -> Array:
        """Return (..., V, C) rows of ``joints`` as they are kept.

        Opening looks at no position, so those kept exactly are looked at here; the scales of others were.

        Args:
            rows: their numbers (...), or a slice.

        Raises:
            DataError: a position that is not finite, or too far to be one.
        """
        found = self.array("joints")[rows]
        if self.position_type == FLOAT32 and not within_reach(found):
            bad = np.argwhere(~(np.abs(found) <= FARTHEST))[0]
            numbers = np.arange(*rows.indices(len(self.array("joints")))) if isinstance(rows, slice) else rows
            row = int(numbers[tuple(bad[:-2])])
            name = self.names[int(np.searchsorted(self.array("joint_start"), row, side="right")) - 1]
            place = ", ".join(f"{number:.3g}" for number in found[tuple(bad[:-1])])
            raise DataError(
                f"{self.path}: {name}: a joint at {place}, not finite or farther than {FARTHEST:,.0f}; "
                "prepare the data set again"
            )
        return found

    def positions(self, index: int) -> npt.NDArray[np.float32]:
        """Return the positions (R, V, C) of sequence ``index``: its rows of ``joints``, in their unit.

        Raises:
            DataError: there is no such sequence, or it holds what is no position.
        """
        index = self._place(index)
        joints = self.joints(slice(*self.array("joint_start")[index : index + 2].tolist()))
        if self.position_type == FLOAT32:
            return joints
        return from_fixed_point(joints, self.array("joint_scale")[index])

    def seen_joints(self, rows: npt.NDArray[np.int64] | slice | int) -> npt.NDArray[np.bool_]:
        """Return (..., V) whether each joint was there in rows of ``joints``; all were where none is missing.

        Args:
            rows: their numbers (...), or a slice.
        """
        if "joint_present" not in self.meta["arrays"]:
            seen: npt.NDArray[np.bool_] = np.broadcast_to(np.True_, self.array("joints").shape[:2])[rows]
            return seen
        # of damaged bytes, any but 0 is taken for True; as they are NumPy would count them wrongly
        seen = self.array("joint_present")[rows].view(np.uint8) != 0
        return seen

    def sequence(self, index: int) -> SkeletonSequence:
        """Return sequence ``index`` as it was added, less bodies that were never present.

        Positions kept as int16 are off by at most :attr:`largest_error`.

        Raises:
            DataError: there is no such sequence, it holds what is no position, or it does not go into memory
                with all its frames.
        """
        index = self._place(index)
        frame_start, row_start, joint_start = (
            self.array(name)[index : index + 2] for name in ("frame_start", "row_start", "joint_start")
        )
        num_bodies, num_frames = int(self.array("num_bodies")[index]), int(self.array("num_frames")[index])
        frames = self.array("frame_numbers")[slice(*frame_start)]
        rows = self.array("frame_rows")[slice(*row_start)].reshape(num_bodies, len(frames))
        joints = self.positions(index)
        try:
            positions = np.zeros((num_bodies, num_frames, *joints.shape[1:]), np.float32)
        except MemoryError as error:
            raise DataError(
                f"{self.path}: sequence {index}, {num_bodies} bodies in {num_frames:,} frames, does not go "
                "into memory"
            ) from error
        present = np.zeros((num_bodies, num_frames), np.bool_)
        present[:, frames] = rows >= 0
        positions[present] = joints
        joint_present = None
        if "joint_present" in self.meta["arrays"]:
            joint_present = np.zeros(positions.shape[:3], np.bool_)
            joint_present[present] = self.seen_joints(slice(*joint_start))
        label = int(self.labels[index])
        attributes = {name: int(self.attribute(name)[index]) for name in self.attribute_names}
        return SkeletonSequence(
            name=self.array("names")[index].decode(),
            positions=positions,
            present=present,
            joint_present=joint_present,
            topology=self.topology,
            fps=self.fps_of(index),
            label=None if label < 0 else label,
            attributes={name: value for name, value in attributes.items() if value >= 0},
        )

    def damage(self) -> list[str]:
        """Return one line for every file that is not as it was written; empty when all are intact."""
        hashes = {
            f"{name}.bin": entry["sha256"]
            for name, entry in self.meta["arrays"].items()
            if self.parts is None or name not in IN_PARTS
        }
        hashes |= self.meta.get("attached", {})
        changed = [f"{self.path / META}: content changed since it was written"]
        if content_hash_of(self.meta) == self.meta.get("content_hash"):
            changed = []
        for name, expected in hashes.items():
            file = self.path / name
            if not file.is_file():
                changed.append(f"{file}: missing")
            elif sha256(file) != expected:
                changed.append(f"{file}: content changed since it was written")
        for folder in () if self.parts is None else self.parts.folders:
            changed += Store.open(folder, may_be_empty=True, check=False).damage()
        return changed


NOT_HASHED = ("content_hash", "up", "unit", PARTS)
"""What of ``meta.json`` the content hash leaves out. ``up`` and ``unit`` follow from the data set and its
options, and earlier versions did not write them: so the same data has the same hash in all versions, and in
one folder or in parts."""


def content_hash_of(meta: Mapping[str, object]) -> str:
    """Return the SHA-256 of all that ``meta.json`` says but :data:`NOT_HASHED`."""
    text = json.dumps({key: value for key, value in meta.items() if key not in NOT_HASHED}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


Data = Store | str | Path
"""A store, its folder, or its address elsewhere."""


def as_store(data: Data) -> Store:
    """Return the store in a folder, or the store itself."""
    return data if isinstance(data, Store) else Store.open(data)
