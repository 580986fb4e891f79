"""What a pickle of plain data may hold, and what it may not."""

import io
import os
import pickle
import struct
from collections import OrderedDict
from fractions import Fraction
from itertools import product
from pathlib import Path, PurePosixPath

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


@pytest.mark.parametrize(
    ("protocol", "dtype", "order"),
    [
        *product(range(pickle.HIGHEST_PROTOCOL + 1), ["f4"], ["C", "F"]),
        *product([0, pickle.HIGHEST_PROTOCOL], ["f2", ">f8", "i8", "u1", "?", "U3", "S2"], ["C"]),
    ],
)
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


def bomb(levels: int, first: bytes, wrap: bytes) -> bytes:
    """Opcodes that push a container of two of the same container of two, and so on."""
    code = first + b"q\x00"
    for level in range(levels):
        code += b"0" + b"h" + bytes([level]) + b"h" + bytes([level]) + wrap + b"q" + bytes([level + 1])
    return code


TUPLES = bomb(200, b")", b"\x86")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02" + TUPLES + b"0}h\xc8K\x01s.",  # a dict's key
        b"\x80\x04\x8f(" + TUPLES + b"\x90.",  # a set's member
        b"\x80\x04(" + TUPLES + b"\x91.",  # a frozenset's member
        b"\x80\x02c__builtin__\nset\n]" + TUPLES + b"a\x85R.",  # a member, by a call
        b"\x80\x04}((K\x01\x91K\x01u.",  # frozensets are no keys: equal ones could take for ever as well
        b"\x80\x02}(c__builtin__\ntuple\n)\x85RK\x01u.",  # neither are tuples made by a call
    ],
)
def test_no_container_is_hashed(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^some\.pkl: not a whole pickle .*TypeError: unhashable type"):
        load(data)


@pytest.mark.parametrize(
    "data",
    [
        b"(dp0\nVsplit\np1\ncposix\nsystem\np2\n(Vtouch ./pwned\np3\ntp4\nRp5\ns.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0dtouch ./pwned\x85R.",
    ],
)
def test_no_command_is_run(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"names posix\.system, which could run code"):
        load(data)
    assert not list(tmp_path.iterdir())


def test_no_pointer_is_taken_from_a_file() -> None:
    """NumPy's own unpickling takes the bytes of an array of type O8 whose flags are 0 for objects' places."""
    dtype = b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xff"
    dtype += b"J\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    with pytest.raises(DataError, match=r"not a whole pickle .*an array of type 'O8'"):
        load(b"\x80\x03" + array + b"(K\x01K\x01\x85" + dtype + b"\x89C\x08AAAAAAAAtb.")


@pytest.mark.parametrize("call", [b"c__builtin__\nlist\n", b"c_codecs\nencode\n", b"c__builtin__\nset\n"])
def test_content_is_not_copied_over_and_over(call: bytes) -> None:
    word = b"X" + struct.pack("<I", 10_000) + b"a" * 10_000 + b"q\x00"
    arguments = b"h\x00X\x06\x00\x00\x00latin1\x86" if b"encode" in call else b"h\x00\x85"
    once = call + arguments + b"R0"
    assert load(b"\x80\x02" + word + once + b".") == "a" * 10_000
    with pytest.raises(DataError, match="more content than the file has bytes"):
        load(b"\x80\x02" + word + once * 100 + b".")
