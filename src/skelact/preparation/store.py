"""The prepared data set on disk: ragged, memory-mapped, and finished or not there at all.

A store is a folder of raw arrays beside ``meta.json``, which names each array's type, shape and SHA-256:

======================  ==================  ==================================================================
array                   shape               what
======================  ==================  ==================================================================
``joints``              (R, V, C) float32   positions of every present body-frame; by sequence, body, frame
``frame_rows``          (S,) int32          for each sequence, body and kept frame: the row of ``joints``,
                                            counted from the body's sequence; ``~row`` of the nearest present
                                            frame of that body (the earlier on a tie) where it is absent
``frame_numbers``       (F,) int32          the kept frames' numbers in their sequence
``joint_start``         (N + 1,) int64      where each sequence begins in ``joints``
``row_start``           (N + 1,) int64      where each sequence begins in ``frame_rows``
``frame_start``         (N + 1,) int64      where each sequence begins in ``frame_numbers``
``num_bodies``          (N,) int32          bodies of each sequence
``num_frames``          (N,) int32          frames of each sequence, those without any body included
``label``               (N,) int32          class index, -1 where there is none
``attribute_<name>``    (N,) int32          subject, camera, ... ; -1 where unknown
``names``               (N,) bytes          the sequences' names, UTF-8
======================  ==================  ==================================================================

Kept frames are those in which at least one body is present: a clip never meets an empty frame.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology

FORMAT = "skelact-store-1"
META = "meta.json"
Array = npt.NDArray[Any]


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
    num_bodies, num_frames = present.shape
    frame = np.arange(num_frames)
    before = np.maximum.accumulate(np.where(present, frame, -1), 1)
    after = np.minimum.accumulate(np.where(present, frame, 2 * num_frames)[:, ::-1], 1)[:, ::-1]
    use_before = (before >= 0) & (frame - before <= after - frame)
    nearest = np.where(use_before, before, after)
    row_of_present = np.cumsum(present).reshape(num_bodies, num_frames) - 1
    rows = np.take_along_axis(row_of_present, nearest, 1)
    return np.where(present, rows, ~rows).astype(np.int32)


class StoreWriter:
    """Writes a store sequence by sequence, in memory that does not grow with the positions.

    Everything goes to ``<path>.partial``; :meth:`finish` writes ``meta.json`` and renames the folder, so a
    store that exists is complete. Used as a context manager, it removes the unfinished folder on an error.

    With ``overwrite``, a finished store at ``path`` is replaced, but only once the new one is complete.

    Raises:
        DataError: ``path`` exists already (with ``overwrite``: and is not a store), its folder cannot be
            made, or a sequence does not fit the store.
    """

    def __init__(
        self,
        path: Path,
        *,
        data_set: str,
        topology: Topology,
        class_names: Sequence[str],
        fps: float | None,
        options: Mapping[str, object],
        num_coordinates: int = 3,
        overwrite: bool = False,
    ) -> None:
        if path.exists() and not overwrite:
            raise DataError(f"{path}: exists already; choose another name or overwrite it (--overwrite)")
        if path.exists() and not (path / META).is_file():
            raise DataError(f"{path}: exists and is no store, so it is not overwritten; choose another name")
        self.path, self.topology, self.num_coordinates = path, topology, num_coordinates
        self._meta: dict[str, object] = {
            "format": FORMAT,
            "data_set": data_set,
            "topology": topology.to_dict(),
            "class_names": list(class_names),
            "fps": fps,
            "options": dict(options),
        }
        self._partial = path.with_name(path.name + ".partial")
        shutil.rmtree(self._partial, ignore_errors=True)
        try:
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise DataError(
                f"{self._partial}: cannot be made ({error.strerror}); choose another place"
            ) from error
        self._files: dict[str, BinaryIO] = {
            name: (self._partial / f"{name}.bin").open("wb")
            for name in ("joints", "frame_rows", "frame_numbers")
        }
        self._sizes = {name: [0] for name in self._files}
        self._columns: dict[str, list[int]] = {"num_bodies": [], "num_frames": [], "label": []}
        self._attributes: dict[str, list[int]] = {}
        self._names: dict[str, None] = {}
        self._attached: dict[str, str] = {}

    def add(self, sequence: SkeletonSequence) -> None:
        """Append one sequence. Bodies that are never present are left out.

        Raises:
            DataError: another topology, a repeated name, a label outside the classes, or no body at all.
        """
        classes = self._meta["class_names"]
        if sequence.topology != self.topology or sequence.positions.shape[3] != self.num_coordinates:
            raise DataError(
                f"{sequence.name}: not a {self.topology.name} skeleton in {self.num_coordinates}-D"
            )
        if sequence.name in self._names:
            raise DataError(f"{sequence.name}: a recording of this name is in the store already")
        if sequence.label is not None and not 0 <= sequence.label < len(classes):  # type: ignore[arg-type]
            raise DataError(f"{sequence.name}: class {sequence.label} is not one of the data set's")
        bodies, frames = sequence.present.any(1), np.flatnonzero(sequence.present.any(0))
        if not bodies.any():
            raise DataError(f"{sequence.name}: no body is present in any frame")
        present = sequence.present[bodies][:, frames]
        self._append("joints", sequence.positions[bodies][:, frames][present].astype("<f4", copy=False))
        self._append("frame_rows", frame_rows(present).astype("<i4", copy=False).reshape(-1))
        self._append("frame_numbers", frames.astype("<i4"))
        label = -1 if sequence.label is None else sequence.label
        for name, value in (
            ("num_bodies", bodies.sum()),
            ("num_frames", sequence.num_frames),
            ("label", label),
        ):
            self._columns[name].append(int(value))
        for name in sequence.attributes:
            self._attributes.setdefault(name, [-1] * len(self._names))
        for name, values in self._attributes.items():
            values.append(sequence.attributes.get(name, -1))
        self._names[sequence.name] = None

    def attach(self, name: str, text: str) -> None:
        """Put a text file called ``name`` beside the arrays; the content hash covers it."""
        (self._partial / name).write_bytes(text.encode())
        self._attached[name] = _sha256(self._partial / name)

    def __len__(self) -> int:
        return len(self._names)

    def finish(self) -> Store:
        """Write what is left, rename the folder to its final name, and open it.

        Raises:
            DataError: not one sequence was added.
        """
        if not self._names:
            raise DataError(f"{self.path}: no usable recording, so no store was written")
        for file in self._files.values():
            file.close()
        starts = {"joints": "joint_start", "frame_rows": "row_start", "frame_numbers": "frame_start"}
        small: dict[str, Array] = {
            **{starts[name]: np.array(sizes, "<i8") for name, sizes in self._sizes.items()},
            **{name: np.array(values, "<i4") for name, values in self._columns.items()},
            **{f"attribute_{name}": np.array(values, "<i4") for name, values in self._attributes.items()},
            "names": np.array([name.encode() for name in self._names]),
        }
        for name, array in small.items():
            (self._partial / f"{name}.bin").write_bytes(array.tobytes())
        joint_shape = (self._sizes["joints"][-1], self.topology.num_joints, self.num_coordinates)
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "joints": ("<f4", joint_shape),
            "frame_rows": ("<i4", (self._sizes["frame_rows"][-1],)),
            "frame_numbers": ("<i4", (self._sizes["frame_numbers"][-1],)),
            **{name: (array.dtype.str, array.shape) for name, array in small.items()},
        }
        self._meta["arrays"] = {
            name: {"dtype": dtype, "shape": shape, "sha256": _sha256(self._partial / f"{name}.bin")}
            for name, (dtype, shape) in sorted(shapes.items())
        }
        self._meta["attached"] = dict(sorted(self._attached.items()))
        self._meta["content_hash"] = _content_hash(self._meta)
        (self._partial / META).write_text(json.dumps(self._meta, indent=1) + "\n")
        if self.path.exists():
            replaced = self.path.with_name(self.path.name + ".replaced")
            shutil.rmtree(replaced, ignore_errors=True)
            os.replace(self.path, replaced)
            os.replace(self._partial, self.path)
            shutil.rmtree(replaced)
        else:
            os.replace(self._partial, self.path)
        return Store.open(self.path)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _append(self, name: str, array: Array) -> None:
        self._files[name].write(np.ascontiguousarray(array).tobytes())
        self._sizes[name].append(self._sizes[name][-1] + len(array))


@dataclass(frozen=True)
class Store:
    """A finished store, memory-mapped: opening reads ``meta.json`` alone."""

    path: Path
    meta: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> Store:
        """Open the store in folder ``path``.

        Raises:
            DataError: the folder is missing, unfinished, of another format, or an array's file has the wrong
                size.
        """
        path = Path(path)
        if not path.is_dir():
            partial = path.with_name(path.name + ".partial")
            state = "its preparation was not finished" if partial.is_dir() else "there is no such folder"
            raise DataError(f"{path}: not a store, {state}; make one with 'skelact data prepare'")
        try:
            meta = json.loads((path / META).read_text())
            found, arrays = meta["format"], meta["arrays"]
        except FileNotFoundError:
            raise DataError(
                f"{path}: not a store, {META} is missing; make one with 'skelact data prepare'"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path / META}: unreadable ({error!r}); prepare the data set again") from error
        if found != FORMAT:
            raise DataError(
                f"{path}: format {found!r}, this version reads {FORMAT!r}; prepare the data set again"
            )
        for name, entry in arrays.items():
            expected = np.dtype(entry["dtype"]).itemsize * int(np.prod(entry["shape"]))
            file = path / f"{name}.bin"
            size = file.stat().st_size if file.exists() else -1
            if size != expected:
                state = "missing" if size < 0 else f"{size} bytes long, expected {expected}"
                raise DataError(f"{file}: {state}; the store is damaged, prepare the data set again")
        return cls(path, meta)

    def __len__(self) -> int:
        return int(self.meta["arrays"]["num_bodies"]["shape"][0])

    @property
    def data_set(self) -> str:
        """Name of the data set, e.g. ``ntu60``."""
        return str(self.meta["data_set"])

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; a label is an index here."""
        return list(self.meta["class_names"])

    @property
    def fps(self) -> float | None:
        """Frames a second, or None where unknown."""
        return None if self.meta["fps"] is None else float(self.meta["fps"])

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
        return [name.decode() for name in self.array("names").tolist()]

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

    def array(self, name: str) -> Array:
        """Return the array ``name`` of the module's table, memory-mapped and read-only."""
        entry = self.meta["arrays"][name]
        shape = tuple(entry["shape"])
        if 0 in shape:
            return np.empty(shape, entry["dtype"])
        return np.memmap(self.path / f"{name}.bin", dtype=entry["dtype"], mode="r", shape=shape)

    def sequence(self, index: int) -> SkeletonSequence:
        """Return sequence ``index`` as it was added, less bodies that were never present."""
        frame_start, row_start, joint_start = (
            self.array(name)[index : index + 2] for name in ("frame_start", "row_start", "joint_start")
        )
        num_bodies, num_frames = int(self.array("num_bodies")[index]), int(self.array("num_frames")[index])
        frames = self.array("frame_numbers")[slice(*frame_start)]
        rows = self.array("frame_rows")[slice(*row_start)].reshape(num_bodies, len(frames))
        joints = self.array("joints")[slice(*joint_start)]
        positions = np.zeros((num_bodies, num_frames, *joints.shape[1:]), np.float32)
        present = np.zeros((num_bodies, num_frames), np.bool_)
        present[:, frames] = rows >= 0
        positions[present] = joints
        label = int(self.labels[index])
        attributes = {name: int(self.attribute(name)[index]) for name in self.attribute_names}
        return SkeletonSequence(
            name=self.array("names")[index].decode(),
            positions=positions,
            present=present,
            topology=self.topology,
            fps=self.fps,
            label=None if label < 0 else label,
            attributes={name: value for name, value in attributes.items() if value >= 0},
        )

    def damage(self) -> list[str]:
        """Return one line for every file that is not as it was written; empty when all are intact."""
        hashes = {f"{name}.bin": entry["sha256"] for name, entry in self.meta["arrays"].items()}
        hashes |= self.meta.get("attached", {})
        changed = [f"{self.path / META}: content changed since it was written"]
        if _content_hash(self.meta) == self.meta.get("content_hash"):
            changed = []
        for name, expected in hashes.items():
            file = self.path / name
            if not file.is_file():
                changed.append(f"{file}: missing")
            elif _sha256(file) != expected:
                changed.append(f"{file}: content changed since it was written")
        return changed


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content_hash(meta: Mapping[str, object]) -> str:
    text = json.dumps({key: value for key, value in meta.items() if key != "content_hash"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
