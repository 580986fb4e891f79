"""What a store's ``meta.json`` says, checked against its schema and against the files beside it.

After this check every array is a regular file of the store's own folder, of the type and the size that its
name asks for. What the arrays say of each other is the matter of :mod:`.indices`.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from skelact.errors import ConfigurationError, DataError, printable
from skelact.files import checked, read_json
from skelact.limits import check_limit
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis, Unit
from skelact.store.fixed_point import FLOAT32, INT16
from skelact.store.linked import IN_PARTS

META = "meta.json"
FORMATS = {FLOAT32: "skelact-store-1", INT16: "skelact-store-2"}
"""The format by the type of the positions: who knows only the first must not take numbers for metres."""
DAMAGED = "the store is damaged, prepare the data set again"
PREPARE = "make one with 'skelact data prepare'"
PARTS = "parts"
"""Key of ``meta.json`` for the parts in which positions lie, where they do, see :mod:`.linked`."""
ATTRIBUTE = "attribute_"
"""How the names of attributes' arrays begin."""

_POSITIONS = {FORMATS[FLOAT32]: "<f4", FORMATS[INT16]: "<i2"}
_COLUMNS = {"num_bodies": "<i4", "num_frames": "<i4", "label": "<i4"}
_STARTS = ("joint_start", "row_start", "frame_start")
_NAMES = re.compile(r"\|S([1-9][0-9]{0,5})")

Count = Annotated[int, Meta(ge=0, le=1 << 50)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
FileName = Annotated[str, Meta(pattern=r"^(?!\.\.?\Z)[^/\x00]{1,200}\Z")]
"""A name that leads nowhere else: of a file in the folder, or a part of such a name."""
Share = Annotated[float, Meta(ge=0, le=1e30)]
Rate = Annotated[float, Meta(gt=0, le=1e30)]


class ArrayEntry(Struct):
    """One array."""

    dtype: str
    shape: list[Count]
    sha256: Digest


class TopologyEntry(Struct):
    """The skeleton, as ``Topology.to_dict`` gives it."""

    name: str
    joints: list[str]
    parents: list[int]
    pairs: list[tuple[int, int]]
    centre: int


class ProtocolEntry(Struct):
    """A protocol of the data's own, as ``Protocol.to_dict`` gives it."""

    name: FileName
    attribute: str
    train: list[int]
    test: list[int] | None
    published_counts: tuple[int, int] | None


class PartRows(Struct):
    """How long the arrays of a part are."""

    joints: Count
    frame_rows: Count
    frame_numbers: Count


LENGTHS = PartRows.__struct_fields__
"""The arrays that each part has, by their names."""


class PartEntry(Struct):
    """A part in which positions lie."""

    folder: FileName
    content_hash: Digest
    rows: PartRows
    joints_missing: bool
    """Whether it has an array ``joint_present``."""


class StoreMeta(Struct):
    """What ``meta.json`` must hold; it may hold more."""

    format: str
    data_set: FileName
    options: dict[str, Any]
    protocols: list[ProtocolEntry]
    topology: TopologyEntry
    class_names: list[str]
    attribute_values: dict[str, list[str]]
    fps: Rate | None
    arrays: dict[FileName, ArrayEntry]
    content_hash: Digest
    attached: dict[FileName, Digest] = {}
    largest_error: Share = 0.0
    up: Axis | None = None
    unit: Unit | None = None
    parts: Annotated[list[PartEntry], Meta(min_length=1)] | None = None


def read_meta(folder: Path, *, may_have_parts: bool = True) -> dict[str, Any]:
    """Return what the ``meta.json`` of a store says.

    Args:
        folder: the store's.
        may_have_parts: whether arrays may lie in other stores, as those of a part do not.

    Raises:
        DataError: the folder is no store, or of another format; ``meta.json`` does not fit its schema; or an
            array is missing, of another type or size, or no regular file; or a part in which arrays lie is.
    """
    files = _files_in(folder)
    if META not in files:
        raise DataError(f"{folder}: not a store, {META} is missing; {PREPARE}")
    where = folder / META
    content = read_json(where, DAMAGED, special_numbers=False)
    meta = check_meta(content, folder, where)
    if meta.parts is not None and not may_have_parts:
        raise DataError(f"{where}: a part in parts; {DAMAGED}")
    for problem in () if meta.parts is None else _bad_parts(folder, meta, meta.parts):
        raise DataError(problem)
    for name, entry in meta.arrays.items():
        if meta.parts is not None and name in IN_PARTS:
            continue
        size = size_of(entry)
        status = files.get(f"{name}.bin")
        if status is None or status.st_size != size:
            state = "missing" if status is None else f"{status.st_size} bytes long, expected {size}"
            raise DataError(f"{folder / f'{name}.bin'}: {state}; {DAMAGED}")
    return dict(content)


def check_meta(content: Any, folder: Path | str, where: Path | str) -> StoreMeta:
    """Compare the content of a ``meta.json`` with what it must hold, and return it.

    Args:
        content: what the JSON says.
        folder: the store's, for errors.
        where: the file, for errors.

    Raises:
        DataError: it is of another format, or does not fit its schema or itself.
    """
    found = content.get("format") if isinstance(content, dict) else None
    if found not in FORMATS.values():
        known = " and ".join(map(repr, FORMATS.values()))
        raise DataError(
            f"{folder}: format {printable(repr(found))[:60]}, this version reads {known}; "
            "prepare the data set again"
        )
    meta = checked(content, StoreMeta, str(where), DAMAGED)
    _check_names(meta, str(where))
    try:
        Topology.from_dict(content["topology"])
    except ConfigurationError as error:
        raise DataError(f"{where}: {error}; {DAMAGED}") from error
    for problem in _misfits(meta):
        raise DataError(f"{where}: {problem}; {DAMAGED}")
    return meta


def _files_in(folder: Path) -> dict[str, os.stat_result]:
    """Return the status of each file in a folder; a link or a pipe there could lead anywhere."""
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error}); check the path") from error
    for name, status in found.items():
        if not stat.S_ISREG(status.st_mode):
            is_folder, is_link = stat.S_ISDIR(status.st_mode), stat.S_ISLNK(status.st_mode)
            if is_folder and name != META and not name.endswith(".bin"):
                continue
            kind = "a folder" if is_folder else "a link" if is_link else "a pipe, a socket or a device"
            raise DataError(f"{folder / printable(name)}: {kind}, and a store holds files alone; {DAMAGED}")
    return {name: status for name, status in found.items() if stat.S_ISREG(status.st_mode)}


def _check_names(meta: StoreMeta, where: str) -> None:
    check_limit("classes", len(meta.class_names), f"{where}: class_names")
    check_limit("joints", len(meta.topology.joints), f"{where}: topology.joints")
    texts = [meta.data_set, meta.topology.name, *meta.class_names, *meta.topology.joints, *meta.arrays]
    texts += [name for names in meta.attribute_values.values() for name in names]
    check_limit("name", max(map(len, texts)), f"{where}: a name")
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where}: a name holds half of a surrogate pair, which is no text; {DAMAGED}"
        ) from error


def _misfits(meta: StoreMeta) -> Iterator[str]:
    """Yield what is wrong with the types and the shapes of the arrays."""
    for name in meta.attached:
        if name == META or name.endswith(".bin"):
            yield f"attached: {name} is no name of a file of text"
    arrays = meta.arrays
    positions = {"joints": _POSITIONS[meta.format]}
    scale = {"joint_scale": "<f4"} if meta.format == FORMATS[INT16] else {}
    needed = [*positions, *scale, "frame_rows", "frame_numbers", *_STARTS, *_COLUMNS, "names"]
    for name in needed:
        if name not in arrays:
            yield f"no array {name!r}"
            return
    shapes = {name: tuple(entry.shape) for name, entry in arrays.items()}
    num_rows, num_sequences = (shapes[name][:1] for name in ("joints", "num_bodies"))
    num_joints = len(meta.topology.joints)
    if shapes["joints"] not in [(*num_rows, num_joints, size) for size in (2, 3)]:
        yield f"arrays.joints.shape is {list(shapes['joints'])}, expected [rows, {num_joints}, 2 or 3]"
        return
    if len(shapes["num_bodies"]) != 1:
        yield f"arrays.num_bodies.shape is {list(shapes['num_bodies'])}, expected one number"
        return
    expected: dict[str, tuple[str, tuple[int, ...] | None]] = {
        "joints": (_POSITIONS[meta.format], shapes["joints"]),
        "joint_present": ("|b1", (*num_rows, num_joints)),
        **dict.fromkeys(("frame_rows", "frame_numbers"), ("<i4", None)),
        **dict.fromkeys(_STARTS, ("<i8", (num_sequences[0] + 1,))),
        **{name: (dtype, num_sequences) for name, dtype in {**_COLUMNS, **scale}.items()},
        "fps": ("<f8", num_sequences),
        "names": (arrays["names"].dtype if _NAMES.fullmatch(arrays["names"].dtype) else "|S", num_sequences),
    }
    for name, entry in arrays.items():
        dtype, shape = (
            ("<i4", num_sequences) if name.startswith(ATTRIBUTE) else expected.get(name, ("", None))
        )
        if not dtype:
            yield f"arrays.{name}: a store of this format has no such array"
        elif entry.dtype != dtype:
            yield f"arrays.{name}.dtype is {printable(entry.dtype)[:40]!r}, expected {dtype!r}"
        elif len(entry.shape) != 1 if shape is None else tuple(entry.shape) != shape:
            wanted = "one number" if shape is None else str(list(shape))
            yield f"arrays.{name}.shape is {entry.shape}, expected {wanted}"


def _bad_parts(folder: Path, meta: StoreMeta, parts: list[PartEntry]) -> Iterator[str]:
    """Yield which of a store's parts are not those that it was joined from."""
    for entry in parts:
        path = folder.parent / entry.folder
        named = folder.parent / printable(entry.folder)
        if not path.is_dir():
            yield f"{named}: is missing, and positions of {folder} lie there; put it back, or prepare again"
            return
        found = checked(read_meta(path, may_have_parts=False), StoreMeta, str(path / META), DAMAGED)
        lengths = {name: found.arrays[name].shape[0] for name in LENGTHS}
        told = {name: getattr(entry.rows, name) for name in LENGTHS}
        known = [name for name in IN_PARTS if name in meta.arrays and name in found.arrays]
        own, other = (
            [(one.arrays[name].dtype, one.arrays[name].shape[1:]) for name in known] for one in (meta, found)
        )
        is_same = (found.content_hash, lengths, own) == (entry.content_hash, told, other)
        if not is_same or entry.joints_missing != ("joint_present" in found.arrays):
            yield f"{named}: is not the part that {folder} was joined from; put that back, or prepare again"
            return
    for name in LENGTHS:
        total, expected = sum(getattr(entry.rows, name) for entry in parts), meta.arrays[name].shape[0]
        if total != expected:
            yield f"{folder / META}: parts hold {total} rows of {name}, expected {expected}; {DAMAGED}"
            return
    if any(entry.joints_missing for entry in parts) != ("joint_present" in meta.arrays):
        yield f"{folder / META}: parts and arrays differ in joint_present; {DAMAGED}"


def size_of(entry: ArrayEntry) -> int:
    """Return the bytes of an array of a type that stores have, whose name tells those of a number."""
    return int(entry.dtype[2:]) * math.prod(entry.shape)
