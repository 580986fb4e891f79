"""Configurations: a data class's defaults, then the named files, then the user's file, then what is given.

Named files ship with the package (``configs/<kind>/<name>.yaml``) and set only what they are about. A layer
is a table (a mapping) of settings and inner tables; :func:`merge` lays them over each other,
:func:`instantiate` makes the checked data class of what comes out.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache, wraps
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from jsonargparse import ArgumentError, ArgumentParser

from skelact.errors import ConfigurationError, suggest
from skelact.yaml_files import parse_yaml, read_yaml

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

PathLike = str | Path
Table = Mapping[str, Any]
"""Settings by name, with inner tables; as a keyword of a function: ``clips={"min_crop_frames": 16}``."""


class Fields:
    """Marks a parameter that takes a :data:`Table`: the data classes whose fields the table may set.

    ``training: Annotated[Table | None, Fields(TrainingConfig)] = None`` is one keyword in Python, and on the
    command line an option for each field (``--training.lr 0.1``).

    Args:
        schemas: the data classes.
        skip: fields that have no effect here.
    """

    def __init__(self, *schemas: type, skip: Collection[str] = ()) -> None:
        self.schemas, self.skip = schemas, frozenset(skip)


class Option:
    """Marks how a parameter is typed on the command line, where its annotation does not say it.

    Args:
        kind: type of a value; default: that of the annotation, and of a path or a store its name.
        repeat: the option may be given several times; its values make a list.
        words: it takes one value or more.
        hidden: it cannot be typed.
    """

    def __init__(
        self, kind: Any = None, *, repeat: bool = False, words: bool = False, hidden: bool = False
    ) -> None:
        self.kind, self.repeat, self.words, self.hidden = kind, repeat, words, hidden


def keywords_of(function: Callable[..., Any]) -> set[str]:
    """Return the names of a function's keywords; for ``**settings: Unpack[Some]`` the keys of ``Some``."""
    found: set[str] = set()
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (keys,) = typing.get_args(typing.get_type_hints(function, include_extras=True)[name])
            found |= set(typing.get_type_hints(keys))
        else:
            found.add(name)
    return found


def names_closest(function: F) -> F:
    """Let a function answer a keyword that it does not have with the closest that it has.

    The error is a ConfigurationError.
    """

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        known = keywords_of(function)
        for name in keywords:
            if name not in known:
                raise ConfigurationError(f"{function.__name__}: no setting {name!r}{suggest(name, known)}")
        try:
            inspect.signature(function).bind(*arguments, **keywords)
        except TypeError as error:
            raise ConfigurationError(f"{function.__name__}: {error}") from error
        return function(*arguments, **keywords)

    return call  # type: ignore[return-value]


def named_config(kind: str, name: str) -> dict[str, Any]:
    """Return the shipped configuration ``configs/<kind>/<name>.yaml``.

    Raises:
        ConfigurationError: there is none of this name; the message names the closest.
    """
    folder = files("skelact") / "configs" / kind
    known = [entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")]
    if name not in known:
        what = {"pretrain": "method", "size-contrast": "size for contrastive methods"}.get(kind, kind)
        raise ConfigurationError(f"no {what} {name!r}{suggest(name, known)}")
    content = parse_yaml((folder / f"{name}.yaml").read_bytes(), f"configs/{kind}/{name}.yaml")
    assert isinstance(content, dict)
    return content


def read_config(path: Path, schema: type) -> dict[str, Any]:
    """Return a user's YAML file, its keys checked against the data class ``schema``.

    Raises:
        ConfigurationError: no such file, not YAML, not a table, or an unknown key; the message names the
            closest known one.
    """
    content = read_table(path)
    check_keys(content, schema, str(path))
    return content


def read_table(path: Path) -> dict[str, Any]:
    """Return a user's YAML file as it is.

    Raises:
        ConfigurationError: no such file, not YAML as :mod:`skelact.yaml_files` reads it, or not a table.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: expected a table of settings, got {_word_for(content)}")
    return content


def check_keys(content: Mapping[str, Any], schema: type, where: str, prefix: str = "") -> None:
    """Raise ConfigurationError for the first key that the data class does not have or cannot have as null."""
    types = typing.get_type_hints(schema)
    known = [field.name for field in fields(schema)]
    for key, value in content.items():
        if key not in known:
            raise ConfigurationError(f"{where}: unknown key {prefix + str(key)!r}{suggest(str(key), known)}")
        if is_dataclass(types[key]):
            if not isinstance(value, Mapping):
                raise ConfigurationError(f"{where}: {prefix}{key} is {value!r}, expected a table of settings")
            check_keys(value, types[key], where, f"{prefix}{key}.")
        elif value is None and type(None) not in typing.get_args(types[key]):
            raise ConfigurationError(f"{where}: {prefix}{key} is null, which it cannot be; leave it out")


def instantiate(schema: type[T], content: Mapping[str, Any], where: str | None = None) -> T:
    """Return ``schema`` with the values of ``content``, every key and every type checked.

    Args:
        schema: a data class; its fields may be data classes.
        content: values of its fields; tables for inner data classes. Fields left out keep their defaults.
        where: what errors call ``content``; default: the class's name.

    Raises:
        ConfigurationError: an unknown key (the closest is named), a missing one, a value of another type, or
            one outside its range.
    """
    check_keys(content, schema, where or schema.__name__)
    for field in fields(schema):  # type: ignore[arg-type]
        if field.default is MISSING and field.default_factory is MISSING and field.name not in content:
            raise ConfigurationError(f"{where or schema.__name__}: needs {field.name!r}")
    parser = _parser_of(schema)  # type: ignore[arg-type]
    try:
        built = parser.instantiate(parser.parse_object(_plain_values(content)))
    except ArgumentError as error:
        raise ConfigurationError(f"{where or schema.__name__}: {parser_complaint(error)}") from error
    return schema(**{field.name: built[field.name] for field in fields(schema)})  # type: ignore[arg-type]


def parser_complaint(error: ArgumentError) -> str:
    """Return what the parser says of a value, in one line and in few words."""
    text = " ".join(str(error).split())
    text = re.sub(r"<class '([\w.]+)'>", r"\1", text).replace("typing.", "").replace("NoneType", "null")
    return re.sub(r'Parser key "([^"]+)":', r"\1:", text)


def _word_for(content: Any) -> str:
    """Return what a file holds instead of a table."""
    words = {type(None): "nothing", list: "a list", str: "a text", bool: "true or false"}
    return words.get(type(content), "a number")


@cache
def _parser_of(schema: type) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(schema)
    return parser


def _plain_values(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables and values as files hold them: no data classes, no tuples, no paths."""
    plain: dict[str, Any] = {}
    for key, value in content.items():
        if is_dataclass(value) and not isinstance(value, type):
            value = asdict(value)
        if isinstance(value, Mapping):
            plain[key] = _plain_values(value)
        elif isinstance(value, tuple):
            plain[key] = list(value)
        else:
            plain[key] = str(value) if isinstance(value, Path) else value
    return plain


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layers laid over each other, later ones on top, tables key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one table with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with dotted keys as nested tables."""
    tables: dict[str, Any] = {}
    for key, value in flat.items():
        *outer, name = key.split(".")
        inner = tables
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = value
    return tables


def option_text(value: Any) -> str:
    """Return ``value`` as one writes it behind an option."""
    if isinstance(value, float) and math.isinf(value):
        return ".inf" if value > 0 else "-.inf"  # as in YAML; JSON has no infinity
    return value if isinstance(value, str) else json.dumps(value)
