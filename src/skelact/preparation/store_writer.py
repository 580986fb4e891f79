"""Writes a store: sequence by sequence, finished or not there at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.preparation.store import FORMAT, META, Array, Store, content_hash_of, sha256
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology


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

    Args (beside what :class:`Store` tells of each):
        attribute_values: names of an attribute's numbers, e.g. ``{"style": ["active", ...]}``.
        protocols: the data's own protocols, as tables of a ``Protocol``'s fields.

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
        attribute_values: Mapping[str, Sequence[str]] | None = None,
        protocols: Sequence[Mapping[str, object]] = (),
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
            "attribute_values": {name: list(values) for name, values in (attribute_values or {}).items()},
            "protocols": [dict(protocol) for protocol in protocols],
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
            for name in ("joints", "joint_present", "frame_rows", "frame_numbers")
        }
        self._joints_missing = False
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
        if sequence.joint_present is None:
            seen = np.ones((int(present.sum()), self.topology.num_joints), np.bool_)
        else:
            seen = sequence.joint_present[bodies][:, frames][present]
            self._joints_missing |= not seen.all()
        self._append("joint_present", seen)
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
        self._attached[name] = sha256(self._partial / name)

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
            **{start: np.array(self._sizes[name], "<i8") for name, start in starts.items()},
            **{name: np.array(values, "<i4") for name, values in self._columns.items()},
            **{f"attribute_{name}": np.array(values, "<i4") for name, values in self._attributes.items()},
            "names": np.array([name.encode() for name in self._names]),
        }
        for name, array in small.items():
            (self._partial / f"{name}.bin").write_bytes(array.tobytes())
        if not self._joints_missing:
            (self._partial / "joint_present.bin").unlink()
        joint_shape = (self._sizes["joints"][-1], self.topology.num_joints, self.num_coordinates)
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "joints": ("<f4", joint_shape),
            "frame_rows": ("<i4", (self._sizes["frame_rows"][-1],)),
            "frame_numbers": ("<i4", (self._sizes["frame_numbers"][-1],)),
            **{name: (array.dtype.str, array.shape) for name, array in small.items()},
        }
        if self._joints_missing:
            shapes["joint_present"] = ("|b1", joint_shape[:2])
        self._meta["arrays"] = {
            name: {"dtype": dtype, "shape": shape, "sha256": sha256(self._partial / f"{name}.bin")}
            for name, (dtype, shape) in sorted(shapes.items())
        }
        self._meta["attached"] = dict(sorted(self._attached.items()))
        self._meta["content_hash"] = content_hash_of(self._meta)
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
