"""Stores that lie elsewhere: their files are fetched once, into a folder of this machine, by fsspec.

What was fetched is a copy of the store as it was written: every file has the size and the SHA-256 that
``meta.json`` tells, and that of a store has those of its parts beside it. A copy is there complete or not at
all; a stopped one goes on with the files that it has. An address whose store has changed since is fetched
again, and where it cannot be reached the newest copy serves.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from skelact.errors import ConfigurationError, DataError, SkelactError, SkelactWarning, install, printable
from skelact.files import parse_json_bytes, sha256, writing
from skelact.formats.exclusions import error_text
from skelact.limits import check_limit, limit
from skelact.locks import FolderLock
from skelact.progress import Step, progress
from skelact.store.linked import IN_PARTS
from skelact.store.metadata import META, StoreMeta, check_meta, size_of

CACHE_VARIABLE = "SKELACT_CACHE"
"""The environment variable that names the folder of what was fetched; without it, ``~/.cache/skelact``."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]{1,20})://(.+)", re.S)
_BLOCK = 1 << 20
_MEGABYTE = 1_000_000


class _UnreachableError(DataError):
    """A store that is perhaps there, but not now."""


class _WaitError(SkelactError):
    """Another process fetches the same."""


def is_remote(name: object) -> bool:
    """Tell whether something names a store elsewhere: ``s3://...``, ``https://...``."""
    return isinstance(name, str) and _ADDRESS.match(name) is not None


def fetched(address: str) -> Path:
    """Return the folder of this machine that holds a copy of a store, which is fetched if need be.

    Args:
        address: of the store's folder, e.g. ``s3://bucket/stores/ntu60``.

    Raises:
        ConfigurationError: no such kind of address, one with a password, or a package is missing.
        DataError: there is no store, it may not be read, it cannot be reached and was never fetched, a file
            is not what ``meta.json`` tells, or the copy cannot be written.
    """
    remote = _Remote.of(address.rstrip("/"))
    copies = cache_folder() / "stores" / f"{remote.name}-{_short(remote.address.encode())}"
    try:
        meta = remote.read_meta("")
    except _UnreachableError as error:
        newest = max(
            copies.glob(f"*/{remote.name}/{META}"), key=lambda path: path.stat().st_mtime, default=None
        )
        if newest is None:
            raise
        said = str(error).removesuffix("; try again")
        warnings.warn(f"{said}; the copy {newest.parent} is used", SkelactWarning, stacklevel=3)
        return newest.parent
    copy = copies / _short(meta)
    _fetch(remote, meta, copy)
    return copy / remote.name


def cache_folder() -> Path:
    """Return the folder of what was fetched."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "skelact")


@dataclass(frozen=True)
class _Remote:
    """The folder of a store elsewhere."""

    address: str
    name: str
    """The last part of the address."""
    files: Any
    """A file system of fsspec."""
    path: str
    """Where the folder is there."""
    kind: str
    """The address's first word."""

    @classmethod
    def of(cls, address: str) -> _Remote:
        match = _ADDRESS.match(address)
        assert match is not None
        kind, rest = match.groups()
        shown = printable(address)
        if "@" in rest.split("/")[0]:
            raise ConfigurationError(
                f"{kind}://...: a name or password does not belong into an address; leave it out, and give "
                "it by the environment"
            )
        name = rest.rsplit("/", 1)[-1]
        if not re.fullmatch(r"[\w.-]{1,100}", name) or set(name) <= {"."}:
            raise ConfigurationError(
                f"{shown}: expected the address of a store's folder, whose name has letters, digits, '.', "
                "'-' and '_' alone"
            )
        try:
            import fsspec  # type: ignore[import-untyped]
        except ImportError as error:
            raise ConfigurationError(f"{shown}: needs fsspec; {install('remote')}") from error
        try:
            files, path = fsspec.core.url_to_fs(address)
        except ImportError as error:
            more = {"gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}.get(kind)
            raise ConfigurationError(
                f"{shown}: {kind}:// needs another package; {install('remote', more)}"
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"{shown}: no way to read {kind}://; expected s3://, gs://, https:// or a folder"
            ) from error
        return cls(address, name, files, path, kind)

    def read_meta(self, folder: str) -> bytes:
        """Return the content of a ``meta.json``: the store's own, or that of a part beside it."""
        most = limit("metadata")
        content = b"".join(self.blocks(folder, META, most))
        check_limit("metadata", len(content), f"{self.place(folder)}/{META}")
        return content

    def blocks(self, folder: str, name: str, most: int) -> Iterator[bytes]:
        """Yield what a file holds, until it is a little more than ``most`` bytes."""
        place = f"{self._path(folder)}/{name}"
        options = {"block_size": 0} if self.kind in ("http", "https") else {}  # as it comes, in one piece
        num = 0
        with self._said(folder, name), self.files.open(place, "rb", **options) as file:
            while num <= most and (block := file.read(min(_BLOCK, most + 1 - num))):
                num += len(block)
                yield block

    @contextmanager
    def _said(self, folder: str, name: str) -> Iterator[None]:
        """Turn what file systems raise into one line."""
        place = f"{self.place(folder)}/{name}"
        try:
            yield
        except SkelactError:
            raise
        except Exception as error:  # each file system has its own
            cause = error.__cause__ or error  # aiohttp's, behind a file that "is not found"
            found = {type(error), type(cause)}
            status = getattr(cause, "status", 404 if FileNotFoundError in found else 0)
            why = error_text(cause)
            if "credentials" in f"{type(cause).__name__} {cause}".lower():
                said = f"no credentials ({why}); set them as for any use of {self.kind}"
            elif status in (401, 403) or PermissionError in found:
                said = f"may not be read ({why}); check your credentials"
            elif status == 404 and (cause is error or not isinstance(cause, OSError)):
                said = "there is no such store; check the address"
                said = said if name == META else "is missing; upload it again"
            else:
                raise _UnreachableError(f"{place}: cannot be reached ({why}); try again") from error
            raise DataError(f"{place}: {said}") from error

    def _path(self, folder: str) -> str:
        return f"{self.path.rsplit('/', 1)[0]}/{folder}" if folder else self.path

    def place(self, folder: str) -> str:
        """Return how errors call a folder."""
        return printable(f"{self.address.rsplit('/', 1)[0]}/{folder}" if folder else self.address)


def _fetch(remote: _Remote, meta: bytes, copy: Path) -> None:
    """Make the folder ``copy`` of a store and its parts, unless it is there."""
    remedy = f"make room, or name another folder by {CACHE_VARIABLE}"
    unfinished = copy.with_name(copy.name + ".partial")
    while not copy.is_dir():
        with writing(copy, remedy):
            try:
                lock = FolderLock(unfinished, _WaitError)
            except _WaitError:
                time.sleep(0.2)
                continue
            lock.has_made = True  # it goes once it is empty, whoever made it
            try:
                if not copy.is_dir():
                    within = unfinished / "stores"
                    _fetch_into(remote, meta, within)
                    os.replace(within, copy)
            finally:
                lock.release()


def _fetch_into(remote: _Remote, meta: bytes, within: Path) -> None:
    """Fetch all files that are not there yet, ``meta.json`` last of each store."""
    table = _table(meta, remote.place(""))
    wanted = [("", meta, table)]
    for entry in table.parts or ():
        of_part = remote.read_meta(entry.folder)
        wanted.append((entry.folder, of_part, _table(of_part, remote.place(entry.folder))))
    files = [
        (folder, name, size, digest)
        for folder, _, of_one in wanted
        for name, size, digest in _files_of(of_one)
    ]
    total = math.ceil(sum(size or 0 for _, _, size, _ in files) / _MEGABYTE)
    done = 0
    with progress(f"fetching {remote.name}", total, "MB") as step:
        for folder, name, size, digest in files:
            target = within / (folder or remote.name) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not (target.is_file() and sha256(target) == digest):
                _fetch_file(remote, folder, target, size, digest, partial(_say, step, done))
            done += size or 0
    for folder, content, _ in wanted:
        (within / (folder or remote.name) / META).write_bytes(content)


def _fetch_file(
    remote: _Remote, folder: str, target: Path, size: int | None, digest: str, step: Callable[[int], None]
) -> None:
    """Fetch one file; it stays only where its bytes are those that ``meta.json`` tells."""
    found, num = hashlib.sha256(), 0
    with target.open("wb") as file:
        for block in remote.blocks(folder, target.name, limit("metadata") if size is None else size):
            num += len(block)
            found.update(block)
            file.write(block)
            step(num)
        file.flush()
        os.fsync(file.fileno())
    if found.hexdigest() != digest:
        target.unlink()
        wrong = "other bytes" if size in (None, num) else f"{'more' if num > (size or 0) else 'fewer'} bytes"
        raise DataError(
            f"{remote.place(folder)}/{printable(target.name)}: has {wrong} than {META} tells; upload the "
            "store again"
        )


def _say(step: Step, before: int, now: int) -> None:
    step((before + now) // _MEGABYTE)


def _table(content: bytes, folder: str) -> StoreMeta:
    where = f"{folder}/{META}"
    table = parse_json_bytes(content, where, "upload the store again", special_numbers=False)
    return check_meta(table, folder, where)


def _files_of(table: StoreMeta) -> list[tuple[str, int | None, str]]:
    """Return the files of a store beside ``meta.json``: names, sizes (None: any small one) and hashes."""
    arrays = [
        (f"{name}.bin", size_of(entry), entry.sha256)
        for name, entry in table.arrays.items()
        if table.parts is None or name not in IN_PARTS
    ]
    return [*arrays, *((name, None, digest) for name, digest in table.attached.items())]


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
