"""What a file of ``torch.save`` must be before it is opened: no larger than it says, and soon built.

``torch.load(weights_only=True)`` runs no foreign code, but it unpacks whatever an archive holds, makes byte
arrays of any length, and computes the hash of tuples in tuples, each there twice, which takes for ever.
"""

from __future__ import annotations

import pickletools
import tarfile
import zipfile
from typing import IO

_LEGACY_PICKLES = 5
"""A file that is no archive begins with these: number, version, machine, content, keys."""
_MOST_NESTED = 10_000
"""Values in a tuple, those in its tuples counted each time; in honest files a dozen."""
_GET, _PUT = ("BINGET", "LONG_BINGET"), ("BINPUT", "LONG_BINPUT")
_FIXED = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_POPS = {"NEWOBJ": 2, "REDUCE": 2, "BUILD": 2, "APPEND": 2, "SETITEM": 3, "BINPERSID": 1}
"""Values that an instruction makes one of."""
_TO_MARK = ("APPENDS", "SETITEMS")


class UnboundedError(Exception):
    """The message says what in the file has no bound."""


def check_bounds(file: IO[bytes], size: int) -> None:
    """Refuse a file that would not be read in memory and time in proportion to its size.

    Args:
        file: the file, at its beginning; it is there again afterwards.
        size: its length in bytes.

    Raises:
        UnboundedError: it would not.
        Exception: of any kind: it is damaged.
    """
    magic = file.read(4)
    file.seek(0)
    if magic == b"PK\x03\x04":
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if any(each.compress_type or each.compress_size != each.file_size for each in entries):
                raise UnboundedError("it holds compressed parts, which torch.save never writes")
            if sum(each.file_size for each in entries) > size:
                raise UnboundedError("its parts have more bytes than the file")
            for each in entries:
                if each.filename.endswith("data.pkl"):
                    with archive.open(each) as part:
                        _check_pickle(part)
    elif tarfile.is_tarfile(file):
        raise ValueError("as PyTorch wrote files before version 0.1.10")
    else:
        file.seek(0)
        for _ in range(_LEGACY_PICKLES):
            _check_pickle(file)
    file.seek(0)


def _check_pickle(file: IO[bytes]) -> None:
    """Follow a pickle to its end: how many values each tuple holds, and which classes it names."""
    stack: list[int] = [0]
    marks: list[int] = []
    memo: dict[int, int] = {}
    for code, argument, _ in pickletools.genops(file):
        name = code.name
        if name == "GLOBAL" and str(argument).endswith(" bytearray"):
            raise UnboundedError("it makes byte arrays of any length")
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("TUPLE", *_FIXED):
            start = marks.pop() if name == "TUPLE" else len(stack) - _FIXED[name]
            inner = stack[start:]
            nested = sum(inner) + len(inner)
            if nested > _MOST_NESTED and any(inner):
                raise UnboundedError("it holds tuples in tuples without end")
            stack[start:] = [nested]
        elif name in _TO_MARK:
            del stack[marks.pop() :]
        elif name in _POPS:
            stack[len(stack) - _POPS[name] :] = [0]
        elif name in _GET:
            stack.append(memo[int(argument or 0)])
        elif name in _PUT:
            memo[int(argument or 0)] = stack[-1]
        elif name not in ("PROTO", "STOP"):
            stack.append(0)
