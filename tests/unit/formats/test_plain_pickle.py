"""What a pickle of plain data may hold, and what it may not."""

import io
import os
import pickle
import struct
from collections import OrderedDict
from fractions import Fraction
from pathlib import PurePosixPath

import numpy as np
import pytest

from skelact.errors import DataError
from skelact.formats.plain_pickle import array_of, load_plain


def load(data: bytes) -> object:
    return load_plain("some.pkl", io.BytesIO(data), len(data))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_comes_back(protocol: int) -> None:
    value = {
        "numbers": [1, -2.5, 10**30, True, None, 1j.real],
        "words": ("ü", b"\x00\xff", {"set"}, frozenset({3})),
        "ordered": OrderedDict(a=1),
        "scalar": np.float32(0.5),
        "count": np.int64(7),
    }
    assert load(pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i8", "u1", "?", "U3", "S2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back(protocol: int, dtype: str, order: str) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4), order=order).astype(dtype)
    loaded = array_of(load(pickle.dumps(array, protocol=protocol)))
    assert loaded is not None
    assert loaded.dtype == array.dtype
    np.testing.assert_array_equal(loaded, array)


class Command:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("echo unsafe",)


@pytest.mark.parametrize(
    "value",
    [Command(), Fraction(1, 2), PurePosixPath("a"), len, np.array([Command()], object)],
    ids=["command", "fraction", "path", "function", "object-array"],
)
def test_anything_else_is_refused(value: object, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"^some\.pkl: "):
        load(pickle.dumps({"split": value}))
    assert "unsafe" not in capfd.readouterr().out


def test_the_refused_name_is_told() -> None:
    with pytest.raises(DataError, match=r"names (posix|nt)\.system, which could run code"):
        load(pickle.dumps(Command()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        pickle.dumps([1, 2])[:-1],
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"few.",  # bytes
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"few.",  # byte array
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",  # frame
        b"\x80\x04N" + b"\x85" * 10,
        b"P1\n.",
        b"\x80\x02K\x01}b.",
        b"\x80\x04\xff.",
        b"\x80\x04\x8c\x05numpy\x8c\x07ndarray\x93}b.",
        b"(" * 100_000 + b"." ,
    ],
)  # fmt: skip
def test_no_pickle_is_a_data_error(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^some\.pkl: not a whole pickle"):
        load(data)


def test_a_false_place_in_the_memo_takes_no_memory() -> None:
    assert load(b"\x80\x02]r\xff\xff\xff\xff.") == []


def test_false_shapes_are_refused() -> None:
    good = pickle.dumps(np.zeros(3, np.float32), protocol=2)
    assert good.count(b"K\x03\x85") == 1
    with pytest.raises(DataError, match="12 bytes for an array of float32 with shape"):
        load(good.replace(b"K\x03\x85", b"K\x7f\x85"))
