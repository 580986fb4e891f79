"""Pickles that hold plain data: numbers, strings, containers and NumPy arrays of them, and nothing else.

A pickle is a program. Here it may build containers and arrays; one that names any other class or function is
refused before that is even looked up. No code of NumPy runs on its word: arrays are put together from checked
shapes, types and bytes.
"""

from __future__ import annotations

import codecs
import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.formats.exclusions import one_line

_DTYPE = re.compile(r"[<>|=]?([biufUS]\d{1,7})")
_DAMAGE = (
    *(pickle.UnpicklingError, struct.error, EOFError, LookupError, AttributeError, TypeError, ValueError),
    *(ArithmeticError, AssertionError, MemoryError, RecursionError),
)
"""What Python's unpickler raises on bytes that are no pickle."""


def load_plain(name: str, file: IO[bytes], size: int) -> object:
    """Return what a pickle holds; its arrays are found with :func:`array_of`.

    Args:
        name: how errors call the file.
        file: the file, at its beginning.
        size: its length in bytes.

    Raises:
        DataError: it cannot be read, is no whole pickle, or holds anything but plain data.
    """
    try:
        return _Unpickler(_Bounded(file, size)).load()
    except _RefusedError as error:
        raise DataError(
            f"{name}: the pickle names {error}, which could run code; only numbers, strings, containers and "
            "NumPy arrays of them are read, so save it again with those alone"
        ) from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}); expected a pickle") from error
    except _DAMAGE as error:
        found = f"{type(error).__name__}: {one_line(error)}"
        raise DataError(f"{name}: not a whole pickle of plain data ({found}); copy it again") from error


class _RefusedError(Exception):
    """A class or function that a pickle of plain data does not need."""


class _Bounded:
    """A file of which no more can be asked for than there is: a false count allocates nothing."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self._left:
            raise EOFError(f"{count:,} bytes announced, {self._left:,} left")
        self._left -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline()
        self._left -= len(line)
        return line


class _Dtype:
    """A number type under construction: NumPy pickles its name first, then its byte order."""

    def __init__(self, name: str, *_: object) -> None:
        match = _DTYPE.fullmatch(name)
        if match is None:
            raise ValueError(f"an array of type {name!r}")
        self.dtype = np.dtype(match[1])

    def build(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise ValueError(f"byte order {order!r}")
        size = state[5] if len(state) > 5 and isinstance(state[5], int) else -1
        if self.dtype.kind in "US" and size not in (-1, self.dtype.itemsize):
            raise ValueError(f"strings of {size} bytes in {self.dtype}")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array under construction: NumPy pickles an empty one first, then its content."""

    value: npt.NDArray[Any]

    def __init__(self, *_: object) -> None:
        self.value = np.empty(0)

    def build(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, data = state
        self.value = _array(data, dtype, shape, "F" if is_fortran else "C")

    @classmethod
    def from_buffer(cls, data: object, dtype: object, shape: object, order: object) -> _Array:
        made = cls()
        made.value = _array(data, dtype, shape, order)
        return made


def _array(data: object, dtype: object, shape: object, order: object) -> npt.NDArray[Any]:
    if not isinstance(dtype, _Dtype):
        raise TypeError("an array without a type")
    if isinstance(data, str):  # as Python 2 wrote bytes
        data = data.encode("latin-1")
    if not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise TypeError("an array without bytes, shape or order")
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise ValueError(f"an array of shape {shape}")
    if prod(shape) * dtype.dtype.itemsize != len(data):
        raise ValueError(f"{len(data):,} bytes for an array of {dtype.dtype} with shape {shape}")
    return np.frombuffer(data, dtype.dtype).reshape(shape, order=order)


def _scalar(dtype: object, data: object) -> object:
    return _array(data, dtype, (), "C").item()


def _latin1(text: str, encoding: str) -> bytes:
    if codecs.lookup(encoding).name != "iso8859-1":
        raise ValueError(f"bytes as {encoding}")
    return text.encode("latin-1")


_NUMPY = {
    ("numpy", "ndarray"): _Array,
    **{
        (f"numpy.{core}.multiarray", name): made
        for core in ("core", "_core")
        for name, made in (("_reconstruct", _Array), ("scalar", _scalar))
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Array.from_buffer for core in ("core", "_core")},
    ("numpy", "dtype"): _Dtype,
}
_KNOWN: dict[tuple[str, str], Callable[..., object]] = {
    **_NUMPY,
    ("_codecs", "encode"): _latin1,
    ("collections", "OrderedDict"): OrderedDict,
    **{("builtins", kind.__name__): kind for kind in (list, dict, tuple, set, frozenset)},
}
_NEEDLESS = (
    *(pickle.PERSID, pickle.BINPERSID, pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.INST, pickle.OBJ),
    *(pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
)


class _Unpickler(pickle._Unpickler):
    """Python's own unpickler in Python, whose memo is a dict: a false index in the file allocates nothing."""

    def __init__(self, file: _Bounded) -> None:
        super().__init__(file, encoding="latin-1")

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        """Return what stands for a class or function here."""
        module = "builtins" if module == "__builtin__" else module
        if (module, name) not in _KNOWN:
            raise _RefusedError(ascii(f"{module}.{name}"[:100])[1:-1])
        return _KNOWN[module, name]

    def load_build(self) -> None:
        """Complete an array or a number type; nothing else has a state."""
        state, target = self.stack.pop(), self.stack[-1]  # type: ignore[attr-defined]
        if not isinstance(target, _Array | _Dtype) or not isinstance(state, tuple):
            raise TypeError(f"a state for {type(target).__name__}")
        target.build(state)

    def load_bytearray8(self) -> None:
        """Read a byte array, but no longer a one than the file is."""
        (count,) = struct.unpack("<Q", self.read(8))  # type: ignore[attr-defined]
        self.stack.append(bytearray(self.read(count)))  # type: ignore[attr-defined]

    dispatch = {  # noqa: RUF012
        **{code: run for code, run in pickle._Unpickler.dispatch.items() if bytes([code]) not in _NEEDLESS},
        pickle.BUILD[0]: load_build,  # type: ignore[dict-item]
        pickle.BYTEARRAY8[0]: load_bytearray8,  # type: ignore[dict-item]
    }


def array_of(value: object) -> npt.NDArray[Any] | None:
    """Return the NumPy array that :func:`load_plain` found, or None where ``value`` is something else."""
    return value.value if isinstance(value, _Array) else None
