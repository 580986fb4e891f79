"""Pickles that hold plain data: numbers, strings, containers and NumPy arrays of them, and nothing else.

A pickle is a program. Names outside a short list are refused before they are looked up, and no code of NumPy
runs on a file's word: its own unpickling follows pointers that a file makes up. Arrays are put together here
from checked shapes, types and bytes.

Reading takes time and memory in proportion to the file: no false count is believed, no content is copied
over and over, and what makes objects of a byte or two is counted. No container is a key or a member of a set:
the hash of tuples in tuples, each twice, takes for ever. Nor is a number of more than 71 bits.
"""

from __future__ import annotations

import codecs
import pickle
import re
import struct
from collections.abc import Callable, Sized
from functools import partial
from math import prod
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.formats.exclusions import error_text

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
        return _Unpickler(_Bounded(file, size), size).load()
    except _RefusedError as error:
        raise DataError(
            f"{name}: the pickle names {error}, which could run code; only numbers, strings, containers and "
            "NumPy arrays of them are read, so save it again with those alone"
        ) from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error}); expected a pickle") from error
    except _DAMAGE as error:
        found = f"{type(error).__name__}: {error_text(error)}"
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


class _Tuple(tuple[object, ...]):
    """No key and no member of a set."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"a tuple of {len(self)}"


class _LongNumber(int):
    """No key either: any number of those has the same hash."""

    __hash__ = None  # type: ignore[assignment]


class _Array:
    """What NumPy pickles of an array or a number type: named first, given its content by a state."""

    value: Any = None

    def __init__(self, *arguments: object) -> None:
        self._arguments = arguments

    def __repr__(self) -> str:
        return "an array"

    def build(self, state: tuple[Any, ...]) -> None:
        """Complete an array, or a type, whose first argument is its name."""
        if not isinstance(self._arguments[0], str):
            _, shape, dtype, is_fortran, data = state
            self.value = _array(data, dtype, shape, "F" if is_fortran else "C")
            return
        match = _DTYPE.fullmatch(self._arguments[0])
        if match is None or state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"an array of type {self._arguments[0]!r}")
        self.value = np.dtype(match[1]).newbyteorder(state[1])
        size = state[5] if len(state) > 5 and isinstance(state[5], int) else -1
        if self.value.kind in "US" and size not in (-1, self.value.itemsize):
            raise ValueError(f"strings of {size} bytes in {self.value}")


def _array(data: object, dtype: object, shape: object, order: object) -> npt.NDArray[Any]:
    if not isinstance(dtype, _Array) or not isinstance(dtype.value, np.dtype):
        raise TypeError("an array without a type")
    if isinstance(data, str):  # as Python 2 wrote bytes
        data = data.encode("latin-1")
    if not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise TypeError("an array without bytes, shape or order")
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise ValueError(f"an array of shape {shape}")
    if prod(shape) * dtype.value.itemsize != len(data):
        raise ValueError(f"{len(data):,} bytes for an array of {dtype.value} with shape {tuple(shape)}")
    return np.frombuffer(data, dtype.value).reshape(shape, order=order)


def _from_buffer(data: object, dtype: object, shape: object, order: object) -> _Array:
    made = _Array()
    made.value = _array(data, dtype, shape, order)
    return made


def _scalar(dtype: object, data: object) -> object:
    return _array(data, dtype, (), "C").item()


def _latin1(text: str, encoding: str) -> bytes:
    if codecs.lookup(encoding).name != "iso8859-1":
        raise ValueError(f"bytes as {encoding}")
    return text.encode("latin-1")


_KNOWN: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Array,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    ("_codecs", "encode"): _latin1,
    ("collections", "OrderedDict"): dict,
    **{("builtins", kind.__name__): kind for kind in (list, dict, set)},
    ("builtins", "frozenset"): set,
    ("builtins", "tuple"): _Tuple,
}
"""What stands for a class or a function of a pickle."""


_LONG = 9  # bytes of a number of 64 bits without a sign
_OF_A_BYTE = {
    **dict.fromkeys((pickle.MARK, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.MEMOIZE, pickle.BINPUT), 1),
    **dict.fromkeys((pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3), 1),
    pickle.EMPTY_SET: 4,
}
"""What takes much memory for the few bytes of it, and how much in comparison."""


class _Unpickler(pickle._Unpickler):
    """Python's own unpickler in Python, whose memo is a dict: a false index in the file allocates nothing."""

    stack: list[Any]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: _Bounded, size: int) -> None:
        super().__init__(file, encoding="latin-1")
        self._left = 2 * size  # twice what a file can say without repeating itself
        self._objects_left = 4 * (1000 + size // 8)

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        """Return what stands for a class or function here."""
        module = "builtins" if module == "__builtin__" else module
        if (module, name) not in _KNOWN:
            raise _RefusedError(ascii(f"{module}.{name}"[:100])[1:-1])
        return _KNOWN[module, name]

    def _count(self, arguments: tuple[object, ...]) -> None:
        """Refuse to copy the same content over and over."""
        self._left -= sum(len(argument) for argument in arguments if isinstance(argument, Sized))
        if self._left < 0:
            raise ValueError("more content than the file has bytes")

    def load_object(self, load: Callable[[_Unpickler], None], weight: int) -> None:
        """Do ``load``, which makes an object of a byte or two, unless there were too many for the file."""
        self._objects_left -= weight
        if self._objects_left < 0:
            raise ValueError("more containers than so short a file of data has")
        load(self)

    def load_instance(self) -> None:
        """Refuse what makes objects of classes; no plain data needs it."""
        raise _RefusedError("an object of a class")

    def load_long(self, count: int) -> None:
        """Read a number whose length stands before it."""
        (length,) = struct.unpack("<B" if count == 1 else "<i", self.read(count))
        number = int.from_bytes(self.read(length), "little", signed=True)
        self.stack.append(number if length <= _LONG else _LongNumber(number))

    def load_digits(self, load: Callable[[_Unpickler], None]) -> None:
        """Read a number written in digits."""
        load(self)
        if self.stack[-1].bit_length() >= 8 * _LONG:
            self.stack.append(_LongNumber(self.stack.pop()))

    def load_reduce(self) -> None:
        """Call what stands for a class or function."""
        self._count(self.stack[-1])
        super().load_reduce()  # type: ignore[misc]

    def load_build(self) -> None:
        """Complete an array or a number type; nothing else has a state."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, _Array) or not isinstance(state, tuple):
            raise TypeError(f"a state for {type(target).__name__}")
        self._count(state)
        target.build(state)

    def load_bytearray8(self) -> None:
        """Read a byte array, but no longer a one than the file is."""
        (count,) = struct.unpack("<Q", self.read(8))
        self.stack.append(bytearray(self.read(count)))

    def load_frozenset(self) -> None:
        """Make a set, which is no key either."""
        items = self.pop_mark()
        self.stack.append(set(items))

    def load_tuple(self) -> None:
        """Make a tuple of all since the mark."""
        items = self.pop_mark()
        self.stack.append(_Tuple(items))

    def load_short_tuple(self, count: int) -> None:
        """Make a tuple of the last ``count``."""
        self.stack[len(self.stack) - count :] = [_Tuple(self.stack[len(self.stack) - count :])]

    dispatch: ClassVar[dict[int, Callable[..., Any]]] = {
        **pickle._Unpickler.dispatch,
        **dict.fromkeys((pickle.INST[0], pickle.OBJ[0], pickle.NEWOBJ[0], 0x92), load_instance),  # and _EX
        pickle.LONG1[0]: partial(load_long, count=1),
        pickle.LONG4[0]: partial(load_long, count=4),
        pickle.REDUCE[0]: load_reduce,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.FROZENSET[0]: load_frozenset,
        pickle.TUPLE[0]: load_tuple,
    }


_SHORT_TUPLES = (pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
_PYTHONS_OWN: dict[int, Callable[[Any], None]] = {
    **pickle._Unpickler.dispatch,
    **{
        code[0]: partial(_Unpickler.load_short_tuple, count=count) for count, code in enumerate(_SHORT_TUPLES)
    },
}
_Unpickler.dispatch |= {
    code[0]: partial(_Unpickler.load_digits, load=_PYTHONS_OWN[code[0]]) for code in (pickle.INT, pickle.LONG)
}
_Unpickler.dispatch |= {
    code[0]: partial(_Unpickler.load_object, load=_PYTHONS_OWN[code[0]], weight=weight)
    for code, weight in _OF_A_BYTE.items()
}


def array_of(value: object) -> npt.NDArray[Any] | None:
    """Return the NumPy array that :func:`load_plain` found, or None where ``value`` is something else."""
    return value.value if isinstance(value, _Array) and isinstance(value.value, np.ndarray) else None
