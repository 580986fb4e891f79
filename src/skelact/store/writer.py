"""Writes a store sequence by sequence; it is there when it is complete, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from skelact.errors import ConfigurationError, DataError
from skelact.files import sha256
from skelact.formats.exclusions import UnusableRecordingError
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis, Unit
from skelact.store.columns import Columns
from skelact.store.fixed_point import FLOAT32, INT16, check_position_type, largest_error
from skelact.store.linked import IN_PARTS
from skelact.store.metadata import FORMATS, LENGTHS, META, PARTS
from skelact.store.packing import PackedSequence, pack
from skelact.store.partial import PartialFolder
from skelact.store.store import Store, content_hash_of

OTHER_SKELETON = "another skeleton than the first recording's"

_BLOCK = 1 << 20


class StoreWriter:
    """Writes a store sequence by sequence, in memory that does not grow with the positions.

    :meth:`finish` renames the finished folder to ``path``, so a store that exists is complete. Used as a
    context manager, it removes the unfinished one when an error stops it; what a kill leaves in
    ``<path>.partial`` is removed by the next writer.

    Args (beside what :class:`Store` tells of each):
        topology: None: the first sequence decides.
        class_names: None: those that :meth:`add` is given, sorted.
        fps: None: that of the sequences, if it is the same for all.
        positions: how to keep positions, exactly (``float32``) or in half the space (``int16``).
        num_coordinates: None: the first sequence decides.
        attribute_values: names of an attribute's numbers, e.g. ``{"style": ["active", ...]}``.
        protocols: the data's own protocols, as tables of a ``Protocol``'s fields.
        up: the axis that points up; None: not known.
        unit: of the positions; None: not known.
        overwrite: replace a finished store at ``path``, but only once the new one is complete.

    Raises:
        DataError: ``path`` exists already (with ``overwrite``: and is not a store), its folder cannot be
            made, or another process is writing it.
        ConfigurationError: ``positions`` is not known.
    """

    def __init__(
        self,
        path: Path | str,
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
        up: Axis | None = None,
        unit: Unit | None = None,
        overwrite: bool = False,
    ) -> None:
        check_position_type(positions)
        self.path = Path(path)
        self._meta: dict[str, object] = {
            "format": FORMATS[positions],
            "data_set": data_set,
            "options": dict(options) | ({} if positions == FLOAT32 else {"positions": positions}),
            "protocols": [dict(protocol) for protocol in protocols],
            "up": up,
            "unit": unit,
        }
        self._columns = Columns(class_names, attribute_values)
        self._topology, self._num_coordinates = topology, num_coordinates
        self._position_type, self._fps = positions, fps
        self._attached: dict[str, str] = {}
        self._parts: list[Store] = []
        self._partial = PartialFolder(self.path, overwrite)
        self.had_leftover = self._partial.had_leftover
        """Whether an unfinished store of a killed writer was found, and removed."""
        names = ("joints", "frame_rows", "frame_numbers", *(["joint_scale"] if positions == INT16 else []))
        self._files = {name: ArrayFile(self._bin(name)) for name in names}

    def add(self, sequence: SkeletonSequence, names: Mapping[str, str] | None = None) -> None:
        """Append one sequence. Bodies that are never present are left out.

        Args:
            sequence: the sequence.
            names: its class (``label``) and attributes, where they are known by name.

        Raises:
            UnusableRecordingError: another skeleton, a repeated name, a class that is not the data set's, no
                body, or a joint too far from the origin for positions as ``int16``.
        """
        self.append(pack(sequence, names, position_type=self._position_type))

    def append(self, packed: PackedSequence) -> None:
        """Append one sequence that is packed already, for this store's type of positions.

        Raises:
            UnusableRecordingError: another skeleton, a repeated name, or a class that is not the data set's.
        """
        record = packed.record
        topology = self._topology or packed.topology
        num_coordinates = self._num_coordinates or packed.num_coordinates
        if (packed.topology, packed.num_coordinates) != (topology, num_coordinates):
            raise UnusableRecordingError(
                OTHER_SKELETON,
                record.name,
                "",
                f"{_first_difference(packed.topology, packed.num_coordinates, topology, num_coordinates)}; a "
                "store has one skeleton, so prepare the others on their own",
            )
        self._columns.check(record)
        if not len(self):
            _check_conventions(self._meta["up"], self._meta["unit"], num_coordinates)
        self._topology, self._num_coordinates = topology, num_coordinates
        if record.joints_missing and "joint_present" not in self._files:
            self._start_joint_present(topology.num_joints)
        self._columns.add(record)
        for name, data in packed.arrays.items():
            self._append(name, data)
        if "joint_present" in self._files and not record.joints_missing:
            self._append("joint_present", b"\1" * (record.num_rows * topology.num_joints))

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
        (self._partial.folder / name).write_bytes(data)
        self._attached[name] = sha256(self._partial.folder / name)

    def set_unit(self, unit: Unit | None) -> None:
        """Say what positions are measured in, where that is known only now."""
        self._meta["unit"] = unit

    def link(self, parts: Sequence[Store]) -> None:
        """Leave the arrays that grow with the frames in stores that lie beside this one.

        All sequences of these, in order, must be added then; what is added is hashed, not written.

        Raises:
            DataError: a sequence was added already.
        """
        if len(self):
            raise DataError(f"{self.path}: parts are linked before the first sequence is added")
        self._parts = list(parts)
        for name in set(self._files) & set(IN_PARTS):
            self._files[name].close()
            self._bin(name).unlink()
            self._files[name] = ArrayFile(None)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def names(self) -> list[str]:
        """Names of the sequences added so far."""
        return self._columns.names

    @property
    def fps_of_each(self) -> list[float | None]:
        """Frames a second of the sequences added so far."""
        return self._columns.fps

    def finish(
        self, *, may_be_empty: bool = False, find_up: Callable[[Store], Axis | None] | None = None
    ) -> Store:
        """Write what is left, rename the folder to its final name, and open it.

        Args:
            may_be_empty: write a store even of no sequence; its skeleton must be known.
            find_up: tells which axis is up in a store that does not say it.

        Raises:
            DataError: not one sequence was added, or not all sequences of the parts that are linked.
        """
        topology = self._topology
        if topology is None or not (len(self) or may_be_empty):
            raise DataError(f"{self.path}: no usable recording, so no store was written")
        num_lost = sum(map(len, self._parts)) - len(self) if self._parts else 0
        if num_lost:
            noun = "sequence" if num_lost == 1 else "sequences"
            raise DataError(
                f"{self.path}: {num_lost} {noun} of its parts would be left out, and parts that are linked "
                "stay whole; leave out --link-parts, so that all others are copied"
            )
        for file in self._files.values():
            file.close()
        all_fps = set(self._columns.fps)
        common_fps = next(iter(all_fps)) if len(all_fps) == 1 else None
        small = dict(self._columns.arrays())
        if self._fps is None and len(all_fps) > 1:
            small["fps"] = np.array([math.nan if fps is None else fps for fps in self._columns.fps], "<f8")
        for name, array in small.items():
            self._bin(name).write_bytes(array.tobytes())
        sizes = self._columns.sizes
        joint_shape = (sizes["joints"], topology.num_joints, self._num_coordinates or 0)
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "joints": (np.dtype(self._position_type).newbyteorder("<").str, joint_shape),
            "frame_rows": ("<i4", (sizes["frame_rows"],)),
            "frame_numbers": ("<i4", (sizes["frame_numbers"],)),
            **{name: (array.dtype.str, array.shape) for name, array in small.items()},
        }
        if "joint_present" in self._files:
            shapes["joint_present"] = ("|b1", joint_shape[:2])
        if self._position_type == INT16:
            scales = np.fromfile(self._bin("joint_scale"), "<f4")
            shapes["joint_scale"] = ("<f4", scales.shape)
            self._meta["largest_error"] = largest_error(scales)
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
        if self._parts:
            self._meta[PARTS] = [_part_entry(part) for part in self._parts]
        self._meta["content_hash"] = content_hash_of(self._meta)
        if self._num_coordinates == 2 and self._meta["unit"] == "m":
            self._meta["unit"] = None  # a picture, in whatever numbers
        if find_up is not None and self._meta["up"] is None and len(self):
            self._meta["up"] = find_up(Store(self._partial.folder, self._meta, parts_in=self.path.parent))
        (self._partial.folder / META).write_text(json.dumps(self._meta, indent=1) + "\n")
        self._partial.publish()
        return Store.open(self.path, may_be_empty=may_be_empty)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            with contextlib.suppress(OSError):  # a full disk
                file.close()
        self._partial.discard()

    def _bin(self, name: str) -> Path:
        return self._partial.folder / f"{name}.bin"

    def _start_joint_present(self, num_joints: int) -> None:
        """Begin the array that only stores with missing joints have: until now all were present."""
        path = None if self._parts else self._bin("joint_present")
        file = self._files["joint_present"] = ArrayFile(path)
        num_left = self._columns.sizes["joints"] * num_joints
        while num_left:
            block = b"\1" * min(num_left, _BLOCK)
            file.append(block)
            num_left -= len(block)

    def _append(self, name: str, data: bytes) -> None:
        self._files[name].append(data)


def _check_conventions(up: object, unit: object, num_coordinates: int) -> None:
    """Refuse what positions of so many coordinates cannot have.

    Raises:
        ConfigurationError: z is up in the plane, or positions in space are pixels.
    """
    if num_coordinates == 2 and str(up).endswith("z"):
        raise ConfigurationError(f"--up {up}: positions are 2-D; expected x, y, -x or -y")
    if num_coordinates == 3 and unit == "px":
        raise ConfigurationError("--unit px: positions are 3-D; expected m, cm or mm")


def _part_entry(part: Store) -> dict[str, object]:
    """Return what ``meta.json`` says of a part."""
    arrays = part.meta["arrays"]
    return {
        "folder": part.path.name,
        "content_hash": part.content_hash,
        "rows": {name: arrays[name]["shape"][0] for name in LENGTHS},
        "joints_missing": "joint_present" in arrays,
    }


def _first_difference(found: Topology, found_in: int, expected: Topology, expected_in: int) -> str:
    """Return in which way one skeleton is not the other, whose numbers of coordinates are told, too."""
    if found_in != expected_in:
        return f"positions in {found_in}-D, the first recording's are in {expected_in}-D"
    if found.num_joints != expected.num_joints:
        return (
            f"{found.num_joints} joints ({found.name}), the first recording has {expected.num_joints} "
            f"({expected.name})"
        )
    for number, (joint, other) in enumerate(zip(found.joints, expected.joints, strict=True)):
        if joint != other:
            return f"joint {number} is {joint[:80]!r}, the first recording's is {other[:80]!r}"
    for joint, parent, first in zip(found.joints, found.parents, expected.parents, strict=True):
        if parent != first:
            hung = f"{joint[:80]!r} hangs from {found.joints[parent][:80]!r}"
            return f"{hung}, in the first recording from {found.joints[first][:80]!r}"
    if found.pairs != expected.pairs or found.centre != expected.centre:
        return "other pairs of left and right or another centre than the first recording's skeleton"
    return f"a skeleton called {found.name!r}, the first recording's is {expected.name!r}"


class ArrayFile:
    """One array of a store under construction: a new file that only grows, hashed while it does.

    Args:
        path: the file; None: there is none, and what is appended is hashed alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else path.open("xb")
        self._digest = hashlib.sha256()

    def append(self, data: bytes) -> None:
        """Put ``data`` behind what is there."""
        if self._file is not None:
            self._file.write(data)
        self._digest.update(data)

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        if self._file is not None:
            self._file.close()

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes, in hexadecimal."""
        return self._digest.hexdigest()
