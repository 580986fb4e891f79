"""Checkpoints written by ``torch.save``, read without running what they hold.

A pickle is a program, so nothing but tensors, numbers, text and plain containers is let in
(``weights_only=True``), and one class besides: ``argparse.Namespace``, in which published checkpoints keep
their command line. It has attributes and no code of its own, so building one runs nothing.
"""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from skelact.errors import DataError
from skelact.files import sha256

NESTS = ("model", "state_dict")
"""Keys under which a checkpoint may keep its parameters."""
WRAPPER = "module."
"""What several-device training puts before every name."""
NUM_HEADS = "num_heads"
"""Key under which our exports state the number of heads, which the parameters do not show."""


@dataclass(frozen=True)
class TorchFile:
    """What is used of a checkpoint."""

    path: Path
    """Where it lies."""
    sha256: str
    """SHA-256 of the file."""
    parameters: Mapping[str, Any]
    """By published names, nests and wrappers taken off; not checked any further."""
    num_heads: int | None
    """Attention heads, where the file states them."""


def read_torch_file(path: Path) -> TorchFile:
    """Read a ``.pth`` or ``.pt`` file.

    Raises:
        DataError: it cannot be read, is damaged or no such file, holds objects that could run code, or no
            parameters.
    """
    try:
        digest = sha256(path)
        with path.open("rb") as file:
            content = _load(path, file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    if not isinstance(content, Mapping):
        raise DataError(
            f"{path}: holds a {type(content).__name__}, expected parameters by name; save the model's "
            "state_dict()"
        )
    num_heads = content.get(NUM_HEADS)
    if not (num_heads is None or (type(num_heads) is int and num_heads > 0)):
        raise DataError(f"{path}: {NUM_HEADS} is {num_heads!r}, expected a positive number; export it again")
    return TorchFile(path, digest, _parameters(path, content), num_heads)


def _load(path: Path, file: IO[bytes]) -> object:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore")  # what is wrong is said below
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # the file could be read; on damaged bytes PyTorch raises all kinds of errors
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        if refused:
            raise DataError(
                f"{path}: refused, for it names {refused[1]}, and building that could run code; where you "
                "trust the file, load it there and save its model's state_dict() alone"
            ) from error
        raise DataError(
            f"{path}: not a whole file of torch.save ({type(error).__name__}); fetch or copy it again"
        ) from error


def _parameters(path: Path, content: Mapping[Any, Any]) -> Mapping[str, Any]:
    for nest in NESTS:
        if isinstance(content.get(nest), Mapping):
            content = content[nest]
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    if not any(isinstance(value, torch.Tensor) for value in named.values()):
        keys = ", ".join(str(key)[:40] for key in list(content)[:5]) or "nothing"
        raise DataError(
            f"{path}: no parameters in it, nor under {' or '.join(map(repr, NESTS))} (it holds {keys}); "
            "expected a checkpoint of MAMP or STJD-MP"
        )
    if all(name.startswith(WRAPPER) for name in named):
        named = {name.removeprefix(WRAPPER): value for name, value in named.items()}
    return named
