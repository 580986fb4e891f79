"""The arrays in a ``.npz`` file, row by row, in memory that does not grow with the file."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.formats.exclusions import error_text
from skelact.limits import check_limit

MAX_ROW_BYTES = 1 << 28
"""Largest row that is read; the largest of the published files is 0.4 MB."""
_HEADER_BYTES = 1 << 16  # room for any header of a plain array
_VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@dataclass(frozen=True)
class RowArray:
    """An array in a ``.npz`` file whose rows can be read in order."""

    path: Path
    """The file."""
    name: str
    """The array's name in it."""
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
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.name}.npy") as member:
                _read(member, self.start)
                for row in range(self.shape[0]):  # noqa: B007
                    data = _read(member, self.row_bytes)
                    yield np.frombuffer(data, self.dtype).reshape(self.shape[1:])
                if member.read(1):  # also makes the archive compare the member's checksum
                    raise EOFError("more bytes than its header tells")
        except _DAMAGED as error:
            raise DataError(
                f"{self.path}: {self.name}: row {row}: cannot be read ({error_text(error)}); "
                "copy the file again"
            ) from error


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


def _open_array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> RowArray:
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as member:
        head = io.BytesIO(member.read(_HEADER_BYTES))
    try:
        version = np.lib.format.read_magic(head)
        if version not in _VERSIONS:
            raise ValueError(f"version {version} of the format")
        with warnings.catch_warnings():  # that Python 2 wrote the header is no concern of the user
            warnings.simplefilter("ignore", UserWarning)
            shape, in_fortran_order, dtype = _VERSIONS[version](head)
    except (ValueError, TypeError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise DataError(f"{path}: {name}: not a NumPy array ({error_text(error)}); copy it again") from error
    array = RowArray(path, name, tuple(int(size) for size in shape), dtype, head.tell())
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        raise DataError(f"{path}: {name}: holds {dtype}, which is not read; expected an array of numbers")
    if in_fortran_order and len(shape) > 1:
        raise DataError(f"{path}: {name}: lies in Fortran order; save it again after np.ascontiguousarray")
    if not shape or min(array.shape) < 1:
        raise DataError(f"{path}: {name}: has shape {array.shape}; expected at least one row, none empty")
    if array.row_bytes > MAX_ROW_BYTES:
        raise DataError(
            f"{path}: {name}: a row of {array.row_bytes:,} bytes; expected at most {MAX_ROW_BYTES:,}"
        )
    expected = array.start + array.shape[0] * array.row_bytes
    if info.file_size != expected:
        raise DataError(
            f"{path}: {name}: {info.file_size:,} bytes, but shape {array.shape} of {dtype} takes "
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
