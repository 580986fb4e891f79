"""Files that are there complete or not at all, JSON, and the digest of a file.

JSON has no infinity and no "not a number". They are written as YAML writes them, as the texts ``.inf``,
``-.inf`` and ``.nan``, and read back as numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from skelact.errors import DataError

NOT_FINITE = {".inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
"""How numbers that JSON does not have are written."""
MAKE_ROOM = "make room, or choose another place"


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
    stays as it was and the temporary file is removed; after a kill it stays behind as ``<path>.partial``, and
    the next write replaces it. Folders that are missing are made.

    Args:
        path: the file to write.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: the file cannot be written.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with writing(path.parent, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path, remedy):
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def new_file(path: str | Path, overwrite: bool = True, remedy: str = MAKE_ROOM) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` as :func:`replacing` says.

    Args:
        path: the file to write.
        overwrite: whether a file that is there is replaced.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: ``path`` exists (with ``overwrite``: and is no file), or cannot be written.
    """
    path = Path(path)
    if path.exists() and not (overwrite and path.is_file()):
        raise DataError(f"{path}: exists already; choose another name or overwrite the file (--overwrite)")
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
    text = json.dumps(_without_infinities(content), indent=1, allow_nan=False)
    write_file(path, text + "\n", remedy)


def read_json(path: str | Path, remedy: str = "check the path") -> Any:
    """Return what a JSON file holds.

    Args:
        path: the file.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: it cannot be read, or is not JSON; the message names the line and the column.
    """
    try:
        content = json.loads(Path(path).read_bytes().decode())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{path}: {place}: not JSON ({error.msg}); {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}); {remedy}") from error
    return _with_infinities(content)


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
