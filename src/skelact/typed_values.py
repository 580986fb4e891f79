"""Values and annotations: what a function, a file of settings or a command line gives is checked in one way.

:func:`fitted` takes a value from Python or from a file, :func:`from_text` one that was typed. Where it does
not fit, the message says what was met and what is expected: ``epochs is 'x', expected a whole number``.
"""

from __future__ import annotations

import math
import numbers
import os
import reprlib
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from skelact.errors import ConfigurationError, printable
from skelact.yaml_files import parse_yaml

_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    type(None): "null",
    Path: "a path",
}
_PLURALS: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "texts"}
_OTHER = "another type"
_LISTS = (list, Sequence, Collection, Iterable)
LARGEST = 3.4e38
"""No setting is a larger number, infinity excepted: networks compute in float32."""
_MOST_NAME = 255
"""Bytes of a name in a folder, on the file systems in use."""
_MOST_PATH = 4095
"""Bytes of a path."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def fitted(value: Any, hint: Any, where: str) -> Any:
    """Return ``value`` as the annotation has it: a whole number where a number is expected becomes a float.

    What an annotation says of arrays and tensors is left to the function that takes them.

    Args:
        value: what was given.
        hint: the annotation, resolved.
        where: what the message calls the value.

    Raises:
        ConfigurationError: it does not fit.
    """
    found, reason = _fit(value, hint)
    if reason:
        raise ConfigurationError(f"{where} is {shown(value)}, {reason}")
    return found


def from_text(text: str, hint: Any, where: str) -> Any:
    """Return what was typed as the annotation has it; what is no text is typed as in YAML: ``[1,2]``.

    Of a list of numbers the brackets may be left out: ``1,2``.

    Raises:
        ConfigurationError: it does not fit.
    """
    kinds = _kinds(hint)
    if str in kinds:
        return None if text == "null" and type(None) in kinds else fitted(text, hint, where)
    if any(get_origin(kind) is Literal for kind in kinds) and text != "null":
        return fitted(text, hint, where)
    takes_texts = any(get_origin(kind) in _LISTS and get_args(kind) == (str,) for kind in kinds)
    try:
        value = parse_yaml(text, where, only_texts=takes_texts and text != "null") if text.strip() else text
    except ConfigurationError:
        value = text
    found, reason = _fit(value, hint)
    if reason and text.strip() and not takes_texts and not text.lstrip().startswith(("[", "{")):
        try:
            listed = _fit(parse_yaml(f"[{text}]", where), hint)
        except ConfigurationError:
            listed = (None, reason)
        found, reason = listed if not listed[1] else (found, reason)
    if reason:
        typed = f"; type it as '[{text}]'" if takes_texts and text.strip() and "[" not in text else ""
        raise ConfigurationError(f"{where} is {shown(text)}, {reason}{typed}")
    return found


def shown(value: Any) -> str:
    """Return a value as a message shows it: short, on one line."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, str | int | float | list | tuple | Mapping | Path | bytes | None):
        return printable(_SHORT.repr(str(value) if isinstance(value, Path) else value))
    return f"a {type(value).__name__}"


def described(hint: Any) -> str:
    """Return what an annotation takes, in words: ``a whole number or null``."""
    kinds = _kinds(hint)
    if Path in kinds:
        kinds = [kind for kind in kinds if kind is not str]
    words = list(dict.fromkeys(word for kind in kinds for word in _described(kind)))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _described(kind: Any) -> list[str]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return list(map(repr, inner))
    if origin is tuple and inner[-1] is not Ellipsis:
        return [f"a list of {len(inner)} values, {described(inner[0])} each"]
    if origin in _LISTS or origin is tuple:
        return [f"a list of {_PLURALS.get(inner[0]) or f'{described(inner[0])} each'}"]
    if _is_table(kind):
        return ["a table of settings"]
    return [_NAMES[kind] if kind in _NAMES else f"a {getattr(kind, '__name__', kind)}"]


def _kinds(hint: Any) -> list[Any]:
    """Return the annotations of which a value has to fit one."""
    if get_origin(hint) is Annotated:
        return _kinds(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [kind for each in get_args(hint) for kind in _kinds(each)]
    return [hint]


def _is_table(kind: Any) -> bool:
    return get_origin(kind) in (Mapping, dict) or kind in (Mapping, dict)


def _fit(value: Any, hint: Any) -> tuple[Any, str]:
    """Return the value as the annotation has it, and why it does not fit, empty where it does."""
    kinds = _kinds(hint)
    if Path in kinds and isinstance(value, str | os.PathLike):
        return value, _fault_of_path(value)
    reasons = set()
    for kind in kinds:
        found, reason = _fit_one(value, kind)
        if not reason:
            return found, ""
        reasons.add(reason)
    special = sorted(reasons - {_OTHER})
    return value, special[0] if special else f"expected {described(hint)}"


def _fit_one(value: Any, kind: Any) -> tuple[Any, str]:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is type(None):
        return value, "" if value is None else _OTHER
    if kind is Path:
        return value, _OTHER  # paths are told apart before
    if kind is bool:
        is_one = isinstance(value, bool) or f"{type(value)}".startswith("<class 'numpy.bool")
        return (bool(value), "") if is_one else (value, _OTHER)
    if kind in (int, float):
        return _number(value, kind)
    if kind is str:
        return value, "" if isinstance(value, str) else _OTHER
    if origin is Literal:
        text = str(value) if type(value) is int and abs(value) < 1 << 63 else value  # precision: 32
        return text, "" if isinstance(text, str) and text in inner else _OTHER
    if origin in _LISTS or origin is tuple:
        return _list(value, origin, inner)
    if _is_table(kind):
        return value, "" if isinstance(value, Mapping) else _OTHER
    if isinstance(kind, type) and kind.__module__.startswith("skelact."):
        return value, "" if isinstance(value, kind) else _OTHER
    return value, ""  # arrays, tensors and functions


def _number(value: Any, kind: type) -> tuple[Any, str]:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value, _OTHER
    if isinstance(value, numbers.Integral):
        whole = int(value)
        if not -(1 << 63) <= whole < 1 << 63:
            return value, "expected one of at most 64 bits"
        return kind(whole), ""
    if kind is int:
        return value, _OTHER
    found = float(value)
    if math.isfinite(found) and abs(found) > LARGEST:
        return value, f"expected a number of at most {LARGEST:g}, as float32 holds"
    return found, "expected a number" if math.isnan(found) else ""


def _list(value: Any, origin: Any, inner: tuple[Any, ...]) -> tuple[Any, str]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection):
        return value, _OTHER
    if origin is tuple and inner[-1] is not Ellipsis and len(value) != len(inner):
        return value, _OTHER
    found = []
    for number, each in enumerate(value):
        kind = inner[number] if origin is tuple and inner[-1] is not Ellipsis else inner[0]
        fit, reason = _fit(each, kind)
        if reason:
            return value, f"and holds {shown(each)}: {reason}"
        found.append(fit)
    return (tuple(found) if origin is tuple else found), ""


def _fault_of_path(value: str | os.PathLike[str]) -> str:
    """Return what no file system takes of a path; empty for nothing."""
    text = os.fspath(value)
    if not isinstance(text, str) or not text:
        return "expected a path"
    if "\0" in text:
        return "expected a path, which has no NUL character"
    try:
        longest = max(len(os.fsencode(part)) for part in text.split("/"))
    except UnicodeEncodeError:
        return "expected a path, and this one has half a character"
    if len(os.fsencode(text)) > _MOST_PATH:
        return f"expected a path of up to {_MOST_PATH} bytes"
    return "" if longest <= _MOST_NAME else f"expected a path whose names have up to {_MOST_NAME} bytes"
