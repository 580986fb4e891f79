"""Files of named tensors, such as weights and checkpoints: written whole, and checked when they are read.

A safetensors file, with one text in its header: JSON that tells what the tensors are, and a SHA-256 of that
and of every name, type, shape and number. Files of earlier versions have no such digest and are read as they
are.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from skelact.errors import DataError, printable
from skelact.files import MAKE_ROOM, open_regular, parse_json_bytes, replacing
from skelact.limits import check_limit

_ABOUT, _DIGEST = "skelact", "sha256"
_KEYS = {_ABOUT, "progress", "format"}
"""Texts that a header may have: ours, that of our earlier checkpoints, that of the library."""


@dataclass(frozen=True)
class TensorFile:
    """What a file held."""

    tensors: Mapping[str, Tensor]
    """By their names, on the CPU."""
    about: Mapping[str, Any]
    """What it told of them."""

    @property
    def size(self) -> int:
        """Numbers in all tensors."""
        return sum(value.numel() for value in self.tensors.values())


def write_tensors(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    about: Mapping[str, Any] | None = None,
    remedy: str = MAKE_ROOM,
) -> None:
    """Write tensors to ``path`` so that the file is there whole or not at all.

    Args:
        path: the file.
        tensors: by their names, on any device.
        about: what the file tells of them: tables, lists, texts and finite numbers.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: the file cannot be written.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    table = dict(about or {})
    # one text alone: the library writes several in any order, and equal content is to be equal bytes
    text = json.dumps({**table, _DIGEST: digest(plain, table)}, sort_keys=True)
    try:
        with replacing(path, remedy) as partial:
            partial.touch()
            as_any_new_file = partial.stat().st_mode
            save_file(plain, partial, {_ABOUT: text})
            partial.chmod(as_any_new_file)  # the library makes files that nobody else may read
    except SafetensorError as error:  # what it makes of an error of the operating system
        raise DataError(f"{path}: cannot be written ({error}); {remedy}") from error


def read_tensors(path: str | Path, remedy: str) -> TensorFile:
    """Return what a file of :func:`write_tensors` holds, its content compared with the digest in it.

    Args:
        path: the file; at most as large as the limit ``weights``.
        remedy: what the message of an error says at its end.

    Raises:
        DataError: it cannot be read, is no such file, or holds something else than was written.
    """
    where = str(path)
    with open_regular(path, remedy) as file:
        size = os.fstat(file.fileno()).st_size
        check_limit("weights", size, where)
        length = int.from_bytes(file.read(8), "little")
        check_limit("metadata", min(length, size), where)
        header = parse_json_bytes(file.read(min(length, size)), f"{where}: unreadable (its header)", remedy)
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no dict)
        texts = header.get("__metadata__") or {}
        about = parse_json_bytes(texts.get(_ABOUT, texts.get("progress", "{}")), where, remedy)
        if not isinstance(about, dict):
            raise DataError(f"{where}: unreadable (its header tells of no table); {remedy}")
        expected = about.pop(_DIGEST, None)
        is_checked = _ABOUT in texts or expected is not None
        if not texts.keys() <= _KEYS or (is_checked and expected != digest(tensors, about)):
            raise DataError(f"{where}: damaged (the bytes are not those that were written); {remedy}")
    except (OSError, SafetensorError, RuntimeError, ValueError, TypeError) as error:
        raise DataError(f"{where}: unreadable ({printable(str(error))}); {remedy}") from error
    return TensorFile(tensors, about)


def digest(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of tensors on the CPU and of what is told of them, in hexadecimal digits."""
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        found.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def difference(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], says: str = "expected"
) -> str | None:
    """Return the first name, shape or type in which tensors are not those of ``expected``, in words.

    Args:
        found: what was read.
        expected: what it must be like.
        says: comes before what is expected: ``the card says``.
    """
    for name, value in expected.items():
        if name not in found:
            return f"{name!r} is missing"
        if found[name].shape != value.shape:
            return f"{name!r} has shape {tuple(found[name].shape)}, {says} {tuple(value.shape)}"
        if found[name].dtype != value.dtype:
            return f"{name!r} holds {found[name].dtype}, {says} {value.dtype}"
    unknown = [name for name in found if name not in expected]
    return f"{unknown[0][:80]!r} is not among its parameters" if unknown else None
