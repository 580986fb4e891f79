"""Checkpoints written by ``torch.save``, read without running what they hold.

A pickle is a program, so nothing but tensors, numbers, text and plain containers is let in
(``weights_only=True``), and two things besides. ``argparse.Namespace``, in which published checkpoints keep
their command line, has attributes and no code of its own, so building one runs nothing. NumPy's numbers,
such as a best accuracy, are put together here from checked types and bytes: no code of NumPy runs on a file's
word.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from skelact.compat.torch_bounds import UnboundedError, check_bounds
from skelact.errors import DataError, printable
from skelact.files import open_regular
from skelact.limits import check_limit

STATE_DICT_KEYS = ("model", "state_dict", "model_state_dict", "net", "weights")
"""Keys under which a checkpoint may keep its parameters, perhaps one within another."""
_QUERY = "encoder_q."
"""What stands in names of the encoder that learns where a momentum encoder stands beside it."""
_FIRST = "joints_embed.proj.weight"
"""A parameter of every published encoder; what stands before it stands before all of the model's."""
NUM_HEADS = "num_heads"
"""Key under which our exports state the number of heads, which the parameters do not show."""


@dataclass(frozen=True)
class Checkpoint:
    """What is used of a checkpoint."""

    path: Path
    """Where it lies."""
    sha256: str
    """SHA-256 of the file."""
    parameters: Mapping[str, Any]
    """By published names, without what all names begin with; not checked any further."""
    num_heads: int | None
    """Attention heads, where the file states them."""


def read_torch_file(path: str | Path) -> Checkpoint:
    """Read a ``.pth`` or ``.pt`` file.

    Raises:
        DataError: it cannot be read, is damaged or no such file, holds objects that could run code, or no
            parameters.
    """
    path = Path(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        check_limit("weights", size, str(path))
        content = _load(path, file)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    if not isinstance(content, Mapping):
        raise DataError(
            f"{path}: holds a {type(content).__name__}, expected parameters by name; save the model's "
            "state_dict()"
        )
    num_heads = content.get(NUM_HEADS)
    if not (num_heads is None or (type(num_heads) is int and num_heads > 0)):
        raise DataError(
            f"{path}: {NUM_HEADS} is {num_heads!r:.60}, expected a positive number; export it again"
        )
    parameters = _parameters(path, content)
    tensors = [value for value in parameters.values() if isinstance(value, torch.Tensor)]
    if sum(_storages(tensors).values()) > size:
        raise DataError(f"{path}: refused, for its parameters have more bytes than the file; fetch it again")
    return Checkpoint(path, digest, parameters, num_heads)


def _storages(tensors: Iterable[torch.Tensor]) -> dict[int, int]:
    """Return the bytes of every piece of memory that plain tensors lie in."""
    stored = [value.untyped_storage() for value in tensors if value.layout == torch.strided]
    return {each.data_ptr(): each.nbytes() for each in stored if each.device.type == "cpu"}


def _load(path: Path, file: IO[bytes]) -> object:
    try:
        check_bounds(file, os.fstat(file.fileno()).st_size)
        with warnings.catch_warnings(), torch.serialization.safe_globals(SAFE):
            warnings.simplefilter("ignore")  # what is wrong is said below
            return torch.load(file, map_location="cpu", weights_only=True)
    except UnboundedError as error:
        raise DataError(
            f"{path}: refused, for {error}; load it where it comes from, and save its state_dict() alone"
        ) from error
    except Exception as error:  # the file could be read; on damaged bytes PyTorch raises all kinds of errors
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        if refused:
            raise DataError(
                f"{path}: refused, for it names {refused[1][:100]}, and building that could run code; "
                "where you trust the file, load it there and save its model's state_dict() alone"
            ) from error
        raise DataError(
            f"{path}: not a whole file of torch.save ({type(error).__name__}); fetch or copy it again"
        ) from error


def _parameters(path: Path, content: Mapping[Any, Any]) -> Mapping[str, Any]:
    for _ in STATE_DICT_KEYS:  # no deeper: a mapping can hold itself
        inner = [content[key] for key in STATE_DICT_KEYS if isinstance(content.get(key), Mapping)]
        content = inner[0] if inner else content
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    if not any(isinstance(value, torch.Tensor) for value in named.values()):
        keys = ", ".join(printable(str(key)[:40]) for key in list(content)[:5]) or "nothing"
        raise DataError(
            f"{path}: no parameters in it, nor under {' or '.join(map(repr, STATE_DICT_KEYS))} (it holds "
            f"{keys}); expected a checkpoint of MAMP or STJD-MP"
        )
    while len(named) > 1 and len(firsts := {name.partition(".")[:2] for name in named}) == 1:
        first, dot = firsts.pop()  # of training on several devices, of Lightning, or of a contrastive method
        if not dot:
            break
        named = {name.removeprefix(first + dot): value for name, value in named.items()}
    prefixes = {name.removesuffix(_FIRST) for name in named if name.endswith(_FIRST)}
    chosen = {prefix for prefix in prefixes if _QUERY in prefix} or prefixes
    if len(chosen) == 1:  # beside what is none of the model's, as a loss's scale or a queue
        (prefix,) = chosen
        named = {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}
    return named


class _NumberType:
    """What stands for ``numpy.dtype``: the kind and size of a number, the byte order given by a state."""

    def __init__(self, code: object, *flags: object) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = str(state[1])


def _number(kind: object, data: object) -> object:
    """Return one of NumPy's numbers as Python's."""
    if not (isinstance(kind, _NumberType) and re.fullmatch(r"[biuf][1248]", kind.code)):
        raise ValueError("a number of no known type")
    if kind.order not in ("<", ">", "|", "=") or not isinstance(data, bytes):
        raise ValueError("a number of no known form")
    order = "" if kind.order == "|" else kind.order
    (value,) = np.frombuffer(data, np.dtype(order + kind.code))
    return value.item()


SAFE: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    argparse.Namespace,
    (_NumberType, "numpy.dtype"),
    (_number, "numpy.core.multiarray.scalar"),
    (_number, "numpy._core.multiarray.scalar"),
]
"""What a checkpoint may name besides tensors, with what is built in its place."""
