"""The arrays in a ``.npz`` or ``.npy`` file, row by row, in memory that does not grow with the file."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.files import open_regular
from skelact.formats.exclusions import error_text
from skelact.limits import check_limit

MAX_ROW_BYTES = 1 << 28
"""Largest row that is read; the largest of the published files is 0.4 MB."""
_HEADER_BYTES = 1 << 16  # room for any header of a plain array
_VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@dataclass(frozen=True)
class RowArray:
    """An array in a file whose rows can be read in order."""

    path: Path
    """The file."""
    name: str
    """The array's name in a ``.npz`` file; empty for a ``.npy`` file, which is one array."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    """Bytes before the first row, counted in the unpacked member."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return prod(self.shape[1:]) * self.dtype.itemsize

    def rows(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the rows, each of shape ``shape[1:]``, read-only.

        Raises:
            DataError: the member is damaged.
        """
        row = 0
        try:
            with self._open() as member:
                _read(member, self.start)
                for row in range(self.shape[0]):  # noqa: B007
                    data = _read(member, self.row_bytes)
                    yield np.frombuffer(data, self.dtype).reshape(self.shape[1:])
                if member.read(1):  # also makes the archive compare the member's checksum
                    raise EOFError("more bytes than its header tells")
        except _DAMAGED as error:
            name = f"{self.name}: " if self.name else ""
            raise DataError(
                f"{self.path}: {name}row {row}: cannot be read ({error_text(error)}); copy the file again"
            ) from error

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if not self.name:
            with open_regular(self.path) as file:
                yield file
            return
        with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.name}.npy") as member:
            yield member


def open_arrays(path: str | Path, names: tuple[str, ...]) -> dict[str, RowArray]:
    """Find the arrays ``names`` in the ``.npz`` file ``path``; nothing but their headers is read.

    Raises:
        DataError: the file or an array is missing or damaged, or an array holds Python objects, lies in
            Fortran order, has no rows, has rows that are too large, or has another size than its header says.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a .npz file with the arrays {', '.join(names)}")
    try:
        with zipfile.ZipFile(path) as archive:
            check_limit("unpacked", sum(member.file_size for member in archive.infolist()), str(path))
            members = {member.filename: member for member in archive.infolist()}
            found = [name.removesuffix(".npy") for name in members]
            for name in names:
                if f"{name}.npy" not in members:
                    raise DataError(
                        f"{path}: no array {name!r}, only {', '.join(map(repr, found[:8])) or 'nothing'}; "
                        f"expected {', '.join(names)}"
                    )
            return {name: _open_array(path, archive, members[f"{name}.npy"]) for name in names}
    except _DAMAGED as error:
        raise DataError(f"{path}: not a readable .npz file ({error_text(error)}); copy it again") from error


def open_array(path: str | Path) -> RowArray:
    """Find the array in the ``.npy`` file ``path``; nothing but its header is read.

    Raises:
        DataError: as for :func:`open_arrays`.
    """
    path = Path(path)
    with open_regular(path) as file:
        head = file.read(_HEADER_BYTES)
        return _described(path, "", head, os.fstat(file.fileno()).st_size)


def whole_array(file: str, data: bytes) -> npt.NDArray[Any]:
    """Return the array that a ``.npy`` file's content is.

    Args:
        file: how errors call the file.
        data: its bytes.

    Raises:
        DataError: as for :func:`open_arrays`.
    """
    array = _described(Path(file), "", data[:_HEADER_BYTES], len(data))
    return np.frombuffer(data, array.dtype, offset=array.start).reshape(array.shape)


def _open_array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> RowArray:
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as member:
        return _described(path, name, member.read(_HEADER_BYTES), info.file_size)


def _described(path: Path, name: str, beginning: bytes, size: int) -> RowArray:
    """Return the array whose header stands at the beginning of a member (or file) of ``size`` bytes."""
    head, where = io.BytesIO(beginning), f"{path}: {name}" if name else str(path)
    try:
        version = np.lib.format.read_magic(head)
        if version not in _VERSIONS:
            raise ValueError(f"version {version} of the format")
        with warnings.catch_warnings():  # that Python 2 wrote the header is no concern of the user
            warnings.simplefilter("ignore", UserWarning)
            shape, in_fortran_order, dtype = _VERSIONS[version](head)
    except (ValueError, TypeError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise DataError(f"{where}: not a NumPy array ({error_text(error)}); copy it again") from error
    array = RowArray(path, name, tuple(int(length) for length in shape), dtype, head.tell())
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        raise DataError(f"{where}: holds {dtype}, which is not read; expected an array of numbers")
    if in_fortran_order and len(shape) > 1:
        raise DataError(f"{where}: lies in Fortran order; save it again after np.ascontiguousarray")
    if not shape or min(array.shape) < 1:
        raise DataError(f"{where}: has shape {array.shape}; expected at least one row, none empty")
    if array.row_bytes > MAX_ROW_BYTES:
        raise DataError(f"{where}: a row of {array.row_bytes:,} bytes; expected at most {MAX_ROW_BYTES:,}")
    expected = array.start + array.shape[0] * array.row_bytes
    if size != expected:
        raise DataError(
            f"{where}: {size:,} bytes, but shape {array.shape} of {dtype} takes "
            f"{expected:,}; copy the file again"
        )
    return array


def _read(member: IO[bytes], count: int) -> bytes:
    data = member.read(count)
    while len(data) < count:
        more = member.read(count - len(data))
        if not more:
            raise EOFError("it ends too early")
        data += more
    return data
