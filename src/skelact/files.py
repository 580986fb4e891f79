"""Files that are there complete or not at all, bounded reading, JSON, and the digest of a file.

Only regular files are read: a pipe, a device or a socket in a file's place would never end.

JSON has no infinity and no "not a number". They are written as YAML writes them, as the texts ``.inf``,
``-.inf`` and ``.nan``, and read back as numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, overload

from skelact.errors import DataError, printable
from skelact.limits import beyond, check_limit
from skelact.locks import held_file

T = TypeVar("T")

NOT_FINITE = {".inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
"""How numbers that JSON does not have are written."""
MAKE_ROOM = "make room, or choose another place"
ELSEWHERE = "choose another place"


def beside(path: str | Path, ending: str) -> Path:
    """Return the path of the same name with ``ending`` behind it, in the same folder.

    Raises:
        DataError: the root, which has no name.
    """
    path = Path(path) if Path(path).name else Path(path).absolute()  # of "." the folder's own
    if not path.name:
        raise DataError(f"{path}: has no name; choose another place")
    return path.with_name(path.name + ending)


def partial_of(path: str | Path) -> Path:
    """Return the path under which a file is written until it is complete: a hidden one beside it.

    Raises:
        DataError: as of :func:`beside`.
    """
    partial = beside(path, ".partial")
    return partial.with_name(f".{partial.name}")


MOST_SAID = 300
"""Characters of a value that does not fit; it may be long."""


@contextmanager
def writing(path: str | Path, remedy: str = MAKE_ROOM) -> Iterator[None]:
    """Turn an error of the operating system into one that names ``path``, the reason and the remedy.

    Raises:
        DataError: the block met an error of the operating system.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}); {remedy}") from error


@contextmanager
def replacing(path: str | Path, remedy: str = MAKE_ROOM) -> Iterator[Path]:
    """Give a temporary name beside ``path``; what the block writes there takes the place of ``path``.

    It does so when the block ends without an error, and after its bytes are on the disk. Otherwise ``path``
    stays as it was and the temporary file is removed; after a kill it stays behind, and the next write
    replaces it. Who writes the same file at the same time does so afterwards. Folders that are missing are
    made.

    Args:
        path: the file to write.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: the file cannot be written.
    """
    path = Path(path)
    partial = partial_of(path)
    with writing(path.parent, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path, remedy), held_file(partial):
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def check_new(path: str | Path, overwrite: bool = True, *, makes_folders: bool = True) -> None:
    """Refuse a file that cannot be written; called before the work whose result it is for.

    Args:
        path: the file.
        overwrite: whether a file that is there is replaced.
        makes_folders: whether folders that are missing are made when it is written.

    Raises:
        DataError: ``path`` exists (with ``overwrite``: and is no file), or as of :func:`check_place`.
    """
    path = Path(path)
    with writing(path, ELSEWHERE):
        is_there, is_file = path.exists(), path.is_file()
    if is_there and not (overwrite and is_file):
        more = " or overwrite the file (--overwrite)" if is_file else ""
        raise DataError(f"{path}: exists already; choose another name{more}")
    check_place(path, makes_folders=makes_folders)


def check_place(path: str | Path, *, makes_folders: bool = True) -> None:
    """Refuse a file or folder for which there is no place; nothing stays of the attempt.

    Raises:
        DataError: nothing can be made in the folder around it, or there is none and none is made.
    """
    folder = Path(path).parent
    with writing(path, ELSEWHERE):
        while makes_folders and not folder.exists():
            folder = folder.parent
        if makes_folders or folder.is_dir():
            with tempfile.TemporaryFile(dir=folder):
                return
    raise DataError(f"{path}: cannot be written (no folder {folder}); make it, or choose another")


@contextmanager
def new_file(path: str | Path, overwrite: bool = True, remedy: str = MAKE_ROOM) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` as :func:`replacing` says.

    Args:
        path: the file to write.
        overwrite: whether a file that is there is replaced.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: as of :func:`check_new`; or ``path`` cannot be written.
    """
    check_new(path, overwrite)
    with replacing(path, remedy) as partial, partial.open("wb") as file:
        yield file


def write_file(path: str | Path, content: str | bytes, remedy: str = MAKE_ROOM) -> None:
    """Write text (as UTF-8) or bytes to ``path`` as :func:`replacing` says.

    Raises:
        DataError: the file cannot be written.
    """
    with replacing(path, remedy) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: str | Path, content: object, remedy: str = MAKE_ROOM) -> None:
    """Write tables, lists, texts and numbers as JSON to ``path`` as :func:`replacing` says.

    Raises:
        DataError: the file cannot be written.
    """
    write_file(path, json_text(content), remedy)


def json_text(content: object) -> str:
    """Return what :func:`write_json` writes."""
    return json.dumps(_without_infinities(content), indent=1, allow_nan=False) + "\n"


@contextmanager
def open_regular(path: str | Path, remedy: str = "check the path") -> Iterator[BinaryIO]:
    """Open a regular file, or a link to one, for reading.

    Args:
        path: the file.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: it cannot be read, or is a folder, a pipe, a device or a socket.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({_reason(error)}); {remedy}") from error
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        raise DataError(f"{path}: {_kind(kind)}, expected a file; {remedy}")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def read_file(path: str | Path, limit: str = "metadata", remedy: str = "check the path") -> bytes:
    """Return a regular file's content.

    Args:
        path: the file.
        limit: the name of the limit of its size, see :data:`skelact.limits.LIMITS`.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: it cannot be read, is no regular file, or has more bytes than the limit.
    """
    with open_regular(path, remedy) as file:
        size = os.fstat(file.fileno()).st_size
        check_limit(limit, size, str(path))
        try:
            content = file.read(size + 1)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({_reason(error)}); {remedy}") from error
    if len(content) > size:
        raise DataError(f"{path}: grew while it was read; read it again once it is written")
    return content


def _reason(error: Exception) -> str:
    """Return why the operating system refused a path."""
    return (isinstance(error, OSError) and error.strerror) or printable(str(error))


def _kind(mode: int) -> str:
    """Return what stands where a file was expected."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


@overload
def read_json(
    path: str | Path, remedy: str = ..., schema: None = None, *, special_numbers: bool = ...
) -> Any: ...
@overload
def read_json(path: str | Path, remedy: str = ..., *, schema: type[T], special_numbers: bool = ...) -> T: ...
def read_json(
    path: str | Path,
    remedy: str = "check the path",
    schema: type[T] | None = None,
    *,
    special_numbers: bool = True,
) -> Any:
    """Return what a JSON file holds.

    Args:
        path: the file; at most as large as the limit ``metadata``.
        remedy: what the message of an error says at its end.
        schema: what it must hold: a msgspec structure, a typed dictionary, a data class or a type made of
            these, see :func:`checked`; None: anything.
        special_numbers: whether the texts ``.inf``, ``-.inf`` and ``.nan`` are numbers; a class may be called
            so where no such number can stand.

    Raises:
        DataError: it cannot be read, is not JSON, or does not fit; the message names the place.
    """
    content = parse_json_bytes(
        read_file(path, remedy=remedy), str(path), remedy, special_numbers=special_numbers
    )
    return content if schema is None else checked(content, schema, str(path), remedy)


def parse_json_bytes(data: bytes | str, where: str, remedy: str, *, special_numbers: bool = True) -> Any:
    """Return what JSON text holds.

    Raises:
        DataError: it is not JSON, or nested deeper than the limit ``depth``; the message begins with
            ``where`` and names the line and the column.
    """
    try:
        content = json.loads(data.decode() if isinstance(data, bytes) else data, parse_int=whole_number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{where}: {place}: not JSON ({error.msg}); {remedy}") from error
    except RecursionError as error:
        raise DataError(f"{where}: not JSON that can be read ({beyond('depth')}); {remedy}") from error
    except ValueError as error:  # not UTF-8, or a number that no array holds
        raise DataError(f"{where}: not JSON ({error}); {remedy}") from error
    check_limit("depth", _depth(content), where)
    return _with_infinities(content) if special_numbers else content


def whole_number(digits: str) -> int:
    """Return the whole number that decimal digits write.

    Raises:
        ValueError: it has more than 64 bits.
    """
    if len(digits) > 20 or not -(1 << 63) <= (value := int(digits)) < 1 << 63:
        raise ValueError(f"the number {digits[:20]}{'...' * (len(digits) > 20)} has more than 64 bits")
    return value


def _depth(content: Any) -> int:
    """Return how many tables and lists lie inside each other."""
    depth, level = 0, [content]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [value for each in level for value in (each.values() if isinstance(each, dict) else each)]
    return depth


def checked(content: Any, schema: type[T], where: str, remedy: str) -> T:
    """Return ``content`` as ``schema`` describes it, every key and every type compared.

    Args:
        content: tables, lists, texts and numbers, as JSON and YAML give them.
        schema: a msgspec structure, a typed dictionary, a data class, or a type made of these.
        where: how errors call it.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: it does not fit; the message names the place: ``arrays.joints.shape[0]``.
    """
    import msgspec  # here, for a command that reads no such file

    try:
        return msgspec.convert(content, schema, strict=True)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `")
        place = re.sub(r"^\$\.?", "", place.rstrip("`"))
        text = text[:1].lower() + text[1:].replace("`", "")[:MOST_SAID]
        raise DataError(f"{where}: {f'{place}: ' if place else ''}{printable(text)}; {remedy}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise DataError(f"{where}: does not fit ({printable(str(error))}); {remedy}") from error


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_infinities(content: object) -> object:
    if isinstance(content, Mapping):
        return {key: _without_infinities(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_infinities(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return ".nan" if math.isnan(content) else ".inf" if content > 0 else "-.inf"
    return content


def _with_infinities(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _with_infinities(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_with_infinities(value) for value in content]
    return NOT_FINITE.get(content, content) if isinstance(content, str) else content
