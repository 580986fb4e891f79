"""Writes a store: sequence by sequence, finished or not there at all, and resumable.

Under construction it stands in ``<path>.partial``: a journal, and in ``arrays`` what becomes the store.

One array of a store under construction: a file that only grows, hashed while it does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from skelact.errors import DataError, SkelactError
from skelact.files import sha256
from skelact.formats.exclusions import Exclusion
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.store.columns import Columns, RefusedError
from skelact.store.fixed_point import FLOAT32, INT16, check_position_type, largest_error
from skelact.store.inventory import Inventory, bin_file
from skelact.store.journal import Entry, Journal, Row
from skelact.store.packing import PackedSequence, pack
from skelact.store.resumption import ARRAYS, partial_of, resume
from skelact.store.store import FORMATS, META, Store, content_hash_of

OTHER_SKELETON = "another skeleton than the first recording's"

_FILES_A_CHECKPOINT = 512
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
        positions: how to keep positions, exactly (``float32``) or in half the space (``int16``).
        num_coordinates: None: the first sequence decides.
        attribute_values: names of an attribute's numbers, e.g. ``{"style": ["active", ...]}``.
        protocols: the data's own protocols, as tables of a ``Protocol``'s fields.
        overwrite: replace a finished store at ``path``, but only once the new one is complete.
        source: what the store is made of and how, by a few words each (``{"options": ...}``); a preparation
            goes on only where all of it is as before.

    Raises:
        DataError: ``path`` exists already (with ``overwrite``: and is not a store), its folder cannot be
            made, or another process is writing it.
        ConfigurationError: ``positions`` is not known.
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
        positions: str = FLOAT32,
        num_coordinates: int | None = None,
        attribute_values: Mapping[str, Sequence[str]] | None = None,
        protocols: Sequence[Mapping[str, object]] = (),
        overwrite: bool = False,
        source: Mapping[str, str] | None = None,
    ) -> None:
        check_position_type(positions)
        self.path, self._partial = path, partial_of(path)
        self._folder, self._replaced = self._partial / ARRAYS, self._partial / "replaced"
        if self._replaced.is_dir() and not path.exists():  # killed between the two renames
            os.replace(self._replaced, path)
        if path.exists() and not overwrite:
            raise DataError(f"{path}: exists already; choose another name or overwrite it (--overwrite)")
        if path.exists() and not (path / META).is_file():
            raise DataError(f"{path}: exists and is no store, so it is not overwritten; choose another name")
        self._meta: dict[str, object] = {
            "format": FORMATS[positions],
            "data_set": data_set,
            "options": dict(options) | ({} if positions == FLOAT32 else {"positions": positions}),
            "protocols": [dict(protocol) for protocol in protocols],
        }
        self._columns = Columns(class_names, attribute_values)
        self._held = Inventory(self._columns, topology, num_coordinates, position_type=positions)
        self._fps = fps
        self._attached: dict[str, str] = {}
        self._new_rows: list[Row] = []
        self._is_resumable = source is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self._partial)
            found = resume(self._journal, self._folder, self._held, source)
            shutil.rmtree(self._replaced, ignore_errors=True)
            self._files = {name: ArrayFile(self._bin(name)) for name in self._held.num_bytes_after([])}
        except OSError as error:
            raise DataError(
                f"{self._partial}: cannot be made ({error.strerror}); choose another place"
            ) from error
        self.num_files = found.num_files
        """Raw files done, by this writer and those it goes on from."""
        self.exclusions = found.exclusions
        """What is not used of the raw files that are done."""
        self.changed = found.changed
        """What of ``source`` differs from an unfinished preparation that was found, and hence dropped."""

    def add(self, sequence: SkeletonSequence, names: Mapping[str, str] | None = None) -> None:
        """Append one sequence. Bodies that are never present are left out.

        Args:
            sequence: the sequence.
            names: its class (``label``) and attributes, where they are known by name.

        Raises:
            RefusedError: another skeleton, a repeated name, a class that is not the data set's, no body, or a
                joint too far from the origin for positions as ``int16``.
        """
        self.append(pack(sequence, names, position_type=self._held.position_type))

    def append(self, packed: PackedSequence) -> None:
        """Append one sequence that is packed already, for this store's type of positions.

        Raises:
            RefusedError: another skeleton, a repeated name, or a class that is not the data set's.
        """
        held, row = self._held, packed.row
        topology = held.topology or packed.topology
        expected = held.num_coordinates or packed.num_coordinates
        if (packed.topology, packed.num_coordinates) != (topology, expected):
            raise RefusedError(
                OTHER_SKELETON,
                f"{row.name}: its skeleton is {_shown(packed.topology, packed.num_coordinates)}; expected "
                f"{_shown(topology, expected)}, with the same joints in the same order",
            )
        self._columns.check(row)
        if not held.topology:
            row = replace(row, topology=topology.to_dict())
        if not held.num_coordinates:
            row = replace(row, num_coordinates=expected)
        if row.joints_missing and not held.joints_missing:
            self._start_joint_present(topology.num_joints)
        held.add(row)
        for name, data in packed.arrays.items():
            self._append(name, data)
        if held.joints_missing and not row.joints_missing:
            self._append("joint_present", b"\1" * (row.num_rows * topology.num_joints))
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
            file.sync()
        self._journal.write()

    def attach(self, name: str, text: str) -> None:
        """Put a text file called ``name`` beside the arrays; the content hash covers it.

        Raises:
            DataError: the text holds a character that UTF-8 has not (half of a surrogate pair).
        """
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{self.path / name}: character {error.start} is half a surrogate pair, which no file holds; "
                "leave it out"
            ) from error
        (self._folder / name).write_bytes(data)
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
        topology = self._held.topology
        if topology is None or not len(self):
            raise DataError(f"{self.path}: no usable recording, so no store was written")
        self.checkpoint()
        for file in self._files.values():
            file.close()
        small = dict(self._columns.arrays())
        for name, array in small.items():
            self._bin(name).write_bytes(array.tobytes())
        sizes = self._columns.sizes_after([])
        joint_shape = (sizes["joints"], topology.num_joints, self._held.num_coordinates or 0)
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "joints": (np.dtype(self._held.position_type).newbyteorder("<").str, joint_shape),
            "frame_rows": ("<i4", (sizes["frame_rows"],)),
            "frame_numbers": ("<i4", (sizes["frame_numbers"],)),
            **{name: (array.dtype.str, array.shape) for name, array in small.items()},
        }
        if self._held.joints_missing:
            shapes["joint_present"] = ("|b1", joint_shape[:2])
        if self._held.position_type == INT16:
            scales = np.fromfile(self._bin("joint_scale"), "<f4")
            shapes["joint_scale"] = ("<f4", scales.shape)
            self._meta["largest_error"] = largest_error(scales)
        common_fps = next(iter(all_fps)) if len(all_fps := self._held.all_fps) == 1 else None
        hashes = {name: file.sha256 for name, file in self._files.items()}
        hashes |= {name: sha256(self._bin(name)) for name in small}
        self._meta |= {
            "topology": topology.to_dict(),
            "class_names": self._columns.classes.names(),
            "attribute_values": self._columns.attribute_values(),
            "fps": self._fps or common_fps,
            "arrays": {
                name: {"dtype": dtype, "shape": shape, "sha256": hashes[name]}
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
        if goes_on and not any(file.is_closed for file in self._files.values()):
            with contextlib.suppress(OSError):  # a full disk
                self.checkpoint()
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
        with contextlib.suppress(OSError):
            if goes_on:
                self._journal.close()
            else:
                self._discard()

    def _discard(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._journal.close()

    def _bin(self, name: str) -> Path:
        return bin_file(self._folder, name)

    def _start_joint_present(self, num_joints: int) -> None:
        """Begin the array that only stores with missing joints have: until now all were present."""
        file = self._files["joint_present"] = ArrayFile(self._bin("joint_present"))
        num_left = self._columns.sizes_after([])["joints"] * num_joints
        while num_left:
            block = b"\1" * min(num_left, _BLOCK)
            file.append(block)
            num_left -= len(block)

    def _append(self, name: str, data: bytes) -> None:
        self._files[name].append(data)


def _shown(topology: Topology, num_coordinates: int) -> str:
    return f"{topology.name} ({topology.num_joints} joints, {num_coordinates}-D)"


class ArrayFile:
    """The array at ``path``; bytes that are there already are kept, and read once for the hash."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        with path.open("rb") as before:
            self._digest = hashlib.file_digest(before, "sha256")

    def append(self, data: bytes) -> None:
        """Put ``data`` behind what is there."""
        self._file.write(data)
        self._digest.update(data)

    def sync(self) -> None:
        """Bring everything to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        self._file.close()

    @property
    def is_closed(self) -> bool:
        """Whether nothing more can be appended."""
        return self._file.closed

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes, in hexadecimal."""
        return self._digest.hexdigest()
