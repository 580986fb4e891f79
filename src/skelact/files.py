"""A file that is there when it is complete, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from skelact.errors import DataError


@contextmanager
def new_file(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a file under a temporary name, and rename it to ``path`` when the context ends without an error.

    Raises:
        DataError: ``path`` exists (with ``overwrite``: and is no file), or cannot be written.
    """
    if path.exists() and not (overwrite and path.is_file()):
        raise DataError(f"{path}: exists already; choose another name or overwrite the file (--overwrite)")
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                yield file
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error
