"""Writes a store: sequence by sequence, finished or not there at all, and resumable.

Under construction it stands in ``<path>.partial``: a journal, and in ``arrays`` what becomes the store.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from skelact.errors import DataError, SkelactError
from skelact.preparation.account import Exclusion
from skelact.preparation.columns import Columns, RefusedError
from skelact.preparation.frame_rows import frame_rows
from skelact.preparation.journal import Entry, Journal, Row
from skelact.preparation.store import FORMAT, META, Array, Store, content_hash_of, sha256
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology

OTHER_SKELETON = "another skeleton than the first recording's"
NO_BODY = "no body in any frame"

_FILES_A_CHECKPOINT = 256
_BLOCK = 1 << 20


class StoreWriter:
    """Writes a store sequence by sequence, in memory that does not grow with the positions.

    :meth:`finish` renames the finished folder to ``path``, so a store that exists is complete. Used as a
    context manager, it removes the unfinished one when the user's input stops it. With a ``source`` it is
    resumable: whatever else stops it (a kill, Ctrl-C, a full disk), the next writer with the same ``source``
    starts behind the last checkpoint.

    Args (beside what :class:`Store` tells of each):
        topology: None: the first sequence decides.
        class_names: None: those that :meth:`add` is given, sorted.
        fps: None: that of the sequences, if it is the same for all.
        num_coordinates: None: the first sequence decides.
        attribute_values: names of an attribute's numbers, e.g. ``{"style": ["active", ...]}``.
        protocols: the data's own protocols, as tables of a ``Protocol``'s fields.
        overwrite: replace a finished store at ``path``, but only once the new one is complete.
        source: what the store is made of and how, by a few words each (``{"options": ...}``); a preparation
            goes on only where all of it is as before.

    Raises:
        DataError: ``path`` exists already (with ``overwrite``: and is not a store), its folder cannot be
            made, or another process is writing it.
    """

    def __init__(
        self,
        path: Path,
        *,
        data_set: str,
        topology: Topology | None,
        class_names: Sequence[str] | None,
        fps: float | None,
        options: Mapping[str, object],
        num_coordinates: int | None = None,
        attribute_values: Mapping[str, Sequence[str]] | None = None,
        protocols: Sequence[Mapping[str, object]] = (),
        overwrite: bool = False,
        source: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self.topology, self.num_coordinates = path, topology, num_coordinates
        self._partial = path.with_name(path.name + ".partial")
        self._folder, self._replaced = self._partial / "arrays", self._partial / "replaced"
        if self._replaced.is_dir() and not path.exists():  # killed between the two renames
            os.replace(self._replaced, path)
        if path.exists() and not overwrite:
            raise DataError(f"{path}: exists already; choose another name or overwrite it (--overwrite)")
        if path.exists() and not (path / META).is_file():
            raise DataError(f"{path}: exists and is no store, so it is not overwritten; choose another name")
        self._meta: dict[str, object] = {
            "format": FORMAT,
            "data_set": data_set,
            "options": dict(options),
            "protocols": [dict(protocol) for protocol in protocols],
        }
        self._columns = Columns(class_names, attribute_values)
        self._fps = fps
        self._all_fps: set[float | None] = set()
        self._joints_missing = False
        self._attached: dict[str, str] = {}
        self._new_rows: list[Row] = []
        self._is_resumable = source is not None
        self.num_files = 0
        """Raw files done, by this writer and those it goes on from."""
        self.exclusions: list[Exclusion] = []
        """What is not used of the raw files that are done."""
        self.changed: list[str] = []
        """What of ``source`` differs from an unfinished preparation that was found, and hence dropped."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self._partial)
            self._resume(source or {})
            self._files = {name: self._bin(name).open("ab") for name in self._columns.starts}
            if self._joints_missing:
                self._files["joint_present"] = self._bin("joint_present").open("ab")
        except OSError as error:
            raise DataError(
                f"{self._partial}: cannot be made ({error.strerror}); choose another place"
            ) from error

    def add(self, sequence: SkeletonSequence, names: Mapping[str, str] | None = None) -> None:
        """Append one sequence. Bodies that are never present are left out.

        Args:
            sequence: the sequence.
            names: its class (``label``) and attributes, where they are known by name.

        Raises:
            RefusedError: another skeleton, a repeated name, a class that is not the data set's, or no body.
        """
        num_coordinates = sequence.positions.shape[3]
        topology = self.topology or sequence.topology
        expected = self.num_coordinates or num_coordinates
        if (sequence.topology, num_coordinates) != (topology, expected):
            found = f"{sequence.topology.name}, {sequence.topology.num_joints} joints, {num_coordinates}-D"
            raise RefusedError(
                OTHER_SKELETON, f"{sequence.name}: not a {topology.name} skeleton in {expected}-D ({found})"
            )
        bodies, frames = sequence.present.any(1), np.flatnonzero(sequence.present.any(0))
        if not bodies.any():
            raise RefusedError(NO_BODY, f"{sequence.name}: no body is present in any frame")
        present = sequence.present[bodies][:, frames]
        seen = None
        if sequence.joint_present is not None:
            seen = sequence.joint_present[bodies][:, frames][present]
        row = Row(
            name=sequence.name,
            num_rows=int(present.sum()),
            num_bodies=len(present),
            num_kept=len(frames),
            num_frames=sequence.num_frames,
            joints_missing=bool(seen is not None and not seen.all()),
            fps=sequence.fps,
            label=sequence.label,
            attributes=dict(sequence.attributes),
            names=dict(names or {}),
            topology=None if self.topology else topology.to_dict(),
            num_coordinates=None if self.num_coordinates else num_coordinates,
        )
        self._columns.check(row)
        if row.joints_missing and not self._joints_missing:
            self._start_joint_present(topology.num_joints)
        self._append("joints", sequence.positions[bodies][:, frames][present].astype("<f4", copy=False))
        self._append("frame_rows", frame_rows(present).astype("<i4", copy=False))
        self._append("frame_numbers", frames.astype("<i4"))
        self._take(row)
        if self._joints_missing:
            everything = np.ones((row.num_rows, topology.num_joints), np.bool_)
            self._append("joint_present", everything if seen is None else seen)
        if self._is_resumable:
            self._new_rows.append(row)

    def file_done(self, exclusions: Sequence[Exclusion]) -> None:
        """Say that a raw file is done: the sequences added since the last one are all that it gives.

        Args:
            exclusions: what is not used of it.
        """
        self.num_files += 1
        self.exclusions += exclusions
        self._journal.add(Entry(self._new_rows, list(exclusions)))
        self._new_rows = []
        if self._journal.num_pending >= _FILES_A_CHECKPOINT:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Bring everything up to the last finished file to the disk, so that a kill cannot undo it."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        self._journal.write()

    def attach(self, name: str, text: str) -> None:
        """Put a text file called ``name`` beside the arrays; the content hash covers it."""
        (self._folder / name).write_bytes(text.encode())
        self._attached[name] = sha256(self._folder / name)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def names(self) -> list[str]:
        """Names of the sequences added so far."""
        return self._columns.names

    def finish(self) -> Store:
        """Write what is left, rename the folder to its final name, and open it.

        Raises:
            DataError: not one sequence was added.
        """
        if self.topology is None or not len(self):
            raise DataError(f"{self.path}: no usable recording, so no store was written")
        self.checkpoint()
        for file in self._files.values():
            file.close()
        small = dict(self._columns.arrays())
        for name, array in small.items():
            self._bin(name).write_bytes(array.tobytes())
        sizes = self._columns.sizes_after([])
        joint_shape = (sizes["joints"], self.topology.num_joints, self.num_coordinates or 0)
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "joints": ("<f4", joint_shape),
            "frame_rows": ("<i4", (sizes["frame_rows"],)),
            "frame_numbers": ("<i4", (sizes["frame_numbers"],)),
            **{name: (array.dtype.str, array.shape) for name, array in small.items()},
        }
        if self._joints_missing:
            shapes["joint_present"] = ("|b1", joint_shape[:2])
        common_fps = next(iter(self._all_fps)) if len(self._all_fps) == 1 else None
        self._meta |= {
            "topology": self.topology.to_dict(),
            "class_names": self._columns.classes.names(),
            "attribute_values": self._columns.attribute_values(),
            "fps": self._fps or common_fps,
            "arrays": {
                name: {"dtype": dtype, "shape": shape, "sha256": sha256(self._bin(name))}
                for name, (dtype, shape) in sorted(shapes.items())
            },
            "attached": dict(sorted(self._attached.items())),
        }
        self._meta["content_hash"] = content_hash_of(self._meta)
        (self._folder / META).write_text(json.dumps(self._meta, indent=1) + "\n")
        for path in self._folder.iterdir():
            with path.open("rb") as written:
                os.fsync(written.fileno())
        if self.path.exists():
            os.replace(self.path, self._replaced)
        os.replace(self._folder, self.path)
        self._discard()
        return Store.open(self.path)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        goes_on = self._is_resumable and kind is not None and not issubclass(kind, SkelactError)
        if goes_on:
            with contextlib.suppress(OSError, ValueError):  # a full disk; files closed already
                self.checkpoint()
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
        if goes_on:
            self._journal.close()
        else:
            self._discard()

    def _discard(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._journal.close()

    def _bin(self, name: str) -> Path:
        return self._folder / f"{name}.bin"

    def _resume(self, source: Mapping[str, str]) -> None:
        """Take over what an unfinished preparation of the same source left; drop any other."""
        lines = self._journal.read()
        header, end = next(lines, (None, 0))
        if self._is_resumable and header == source:
            for entry, entry_end in lines:
                if not isinstance(entry, Entry) or not self._is_on_disk(entry):
                    break
                for row in entry.rows:
                    self._take(row)
                self.exclusions += entry.exclusions
                self.num_files += 1
                end = entry_end
            self._journal.cut(end)
        else:
            if isinstance(header, dict) and header:
                self.changed = [key for key in source if header.get(key) != source[key]]
            self._journal.start(source)
        sizes = _num_bytes(
            self._columns.sizes_after([]), self.topology, self.num_coordinates, self._joints_missing
        )
        shutil.rmtree(self._replaced, ignore_errors=True)
        for file in self._folder.iterdir():
            if file.stem in sizes:
                os.truncate(file, sizes[file.stem])
            else:
                file.unlink()

    def _is_on_disk(self, entry: Entry) -> bool:
        """Tell whether the arrays hold an entry's sequences whole."""
        if not entry.rows:
            return True
        table, num_coordinates = entry.rows[0].topology, entry.rows[0].num_coordinates
        topology = self.topology if table is None else Topology.from_dict(dict(table))
        joints_missing = self._joints_missing or any(row.joints_missing for row in entry.rows)
        needed = _num_bytes(
            self._columns.sizes_after(entry.rows),
            topology,
            num_coordinates or self.num_coordinates,
            joints_missing,
        )
        return all(
            self._bin(name).is_file() and self._bin(name).stat().st_size >= size
            for name, size in needed.items()
        )

    def _take(self, row: Row) -> None:
        """Note all of a sequence but its arrays."""
        if row.topology is not None:
            self.topology = Topology.from_dict(dict(row.topology))
        self.num_coordinates = row.num_coordinates or self.num_coordinates
        self._joints_missing |= row.joints_missing
        self._all_fps.add(row.fps)
        self._columns.add(row)

    def _start_joint_present(self, num_joints: int) -> None:
        """Begin the array that only stores with missing joints have: until now all were present."""
        file = self._files["joint_present"] = self._bin("joint_present").open("ab")
        num_left = self._columns.sizes_after([])["joints"] * num_joints
        while num_left:
            num_left -= file.write(b"\1" * min(num_left, _BLOCK))

    def _append(self, name: str, array: Array) -> None:
        self._files[name].write(np.ascontiguousarray(array).tobytes())


def _num_bytes(
    sizes: Mapping[str, int], topology: Topology | None, num_coordinates: int | None, joints_missing: bool
) -> dict[str, int]:
    """Return how many bytes the arrays on the disk have when they have ``sizes`` rows."""
    num_joints = topology.num_joints if topology else 0
    num_bytes = {name: 4 * size for name, size in sizes.items()}
    num_bytes["joints"] *= num_joints * (num_coordinates or 0)
    if joints_missing:
        num_bytes["joint_present"] = sizes["joints"] * num_joints
    return num_bytes


def finished_store(path: Path, source: Mapping[str, str]) -> Store | None:
    """Return the store at ``path`` if a writer of ``source`` had but to tidy up when it was killed."""
    partial = path.with_name(path.name + ".partial")
    if not partial.is_dir() or (partial / "arrays").exists() or not (path / META).is_file():
        return None
    journal = Journal(partial)
    header, _ = next(journal.read(), (None, 0))
    if header == source:
        shutil.rmtree(partial)
    journal.close()
    return Store.open(path) if header == source else None
