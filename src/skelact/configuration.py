"""Configurations: a data class's defaults, then the named files, then the user's file, then what is given.

Named files ship with the package (``configs/<kind>/<name>.yaml``) and set only what they are about. A layer
is a table (a mapping) of settings and inner tables; :func:`merge` lays them over each other,
:func:`instantiate` makes the checked data class of what comes out.
"""

from __future__ import annotations

import inspect
import json
import math
import typing
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, wraps
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from skelact.errors import ConfigurationError, printable, suggest
from skelact.typed_values import fitted, shown
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
        shipped: kind and name of the file that gives the defaults where the classes do not.
        varying: what gives the defaults where that is not one file, in words.
    """

    def __init__(
        self,
        *schemas: type,
        skip: Collection[str] = (),
        shipped: tuple[str, str] | None = None,
        varying: str = "",
    ) -> None:
        self.schemas, self.skip, self.shipped, self.varying = schemas, frozenset(skip), shipped, varying


class IdleSettingError(ConfigurationError):
    """A setting that was given and does nothing beside the others."""

    def __init__(self, name: str) -> None:
        super().__init__(f"--{name} has no effect beside the other settings; leave it out")
        self.name = name


class Option:
    """Marks how a parameter is typed on the command line, where its annotation does not say it.

    Args:
        kind: type of a value; default: that of the annotation, and of a path or a store its name.
        repeat: the option may be given several times; its values make a list.
        words: it takes one value or more.
        hidden: it cannot be typed.
        special: few need it, so that ``--help`` leaves it to ``--help-all``.
    """

    def __init__(
        self,
        kind: Any = None,
        *,
        repeat: bool = False,
        words: bool = False,
        hidden: bool = False,
        special: bool = False,
    ) -> None:
        self.kind, self.repeat, self.words, self.hidden = kind, repeat, words, hidden
        self.special = special


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


def checked_arguments(function: F) -> F:
    """Let a function check what it is called with, before it begins.

    A keyword that it does not have is answered with the closest that it has, and a value of another type with
    what its annotation expects; the error is a ConfigurationError that names the function and the argument.
    """

    called = function.__name__ if function.__name__ != "__init__" else function.__qualname__.split(".")[-2]

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        signature, hints = _checks_of(function)
        known = {name for name in hints if name != "self"}
        for name in keywords:
            if name not in known:
                raise ConfigurationError(
                    f"{called}: no setting {printable(name[:60])!r}{suggest(name, known)}"
                )
        try:
            bound = signature.bind(*arguments, **keywords)
        except TypeError as error:
            raise ConfigurationError(f"{called}: {error}") from error
        for name, value in bound.arguments.items():
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                for key, each in value.items():
                    value[key] = fitted(each, hints[key], f"{called}: {key}")
            elif hints[name] is not Any:
                bound.arguments[name] = fitted(value, hints[name], f"{called}: {name}")
        return function(*bound.args, **bound.kwargs)

    return call  # type: ignore[return-value]


@cache
def _checks_of(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """Return a function's signature and the annotation of each keyword, see :func:`keywords_of`."""
    signature, own = inspect.signature(function), typing.get_type_hints(function, include_extras=True)
    hints: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (keys,) = typing.get_args(own[name])
            hints |= typing.get_type_hints(keys, include_extras=True)
        else:
            hints[name] = own.get(name, Any)
    return signature, hints


def named_config(kind: str, name: str) -> dict[str, Any]:
    """Return the shipped configuration ``configs/<kind>/<name>.yaml``.

    Raises:
        ConfigurationError: there is none of this name; the message names the closest.
    """
    return deepcopy(_shipped(kind, name))


@cache
def _shipped(kind: str, name: str) -> dict[str, Any]:
    folder = files("skelact") / "configs" / kind
    known = [entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")]
    if name not in known:
        what = {"pretrain": "method"}.get(kind, kind)
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


@cache
def _types_of(schema: type) -> Mapping[str, Any]:
    """Return the types of a data class's fields; kept, for a suite of results asks thousands of times."""
    return typing.get_type_hints(schema)


def check_keys(content: Mapping[str, Any], schema: type, where: str, prefix: str = "") -> None:
    """Raise ConfigurationError for the first key that the data class does not have or cannot have as null."""
    types = _types_of(schema)
    known = [field.name for field in fields(schema)]
    for key, value in content.items():
        if key not in known:
            raise ConfigurationError(f"{where}: unknown key {prefix + str(key)!r}{suggest(str(key), known)}")
        if is_dataclass(types[key]):
            if not isinstance(value, Mapping):
                raise ConfigurationError(
                    f"{where}: {prefix}{key} is {shown(value)}, expected a table of settings"
                )
            check_keys(value, types[key], where, f"{prefix}{key}.")
        elif value is None and type(None) not in typing.get_args(types[key]):
            raise ConfigurationError(f"{where}: {prefix}{key} is null, which it cannot be; leave it out")


def instantiate(schema: type[T], content: Mapping[str, Any], where: str | None = None, prefix: str = "") -> T:
    """Return ``schema`` with the values of ``content``, every key and every type checked.

    Args:
        schema: a data class; its fields may be data classes.
        content: values of its fields; tables for inner data classes. Fields left out keep their defaults.
        where: what errors call ``content``; default: the class's name.
        prefix: what errors put before a key, where ``content`` is an inner table.

    Raises:
        ConfigurationError: an unknown key (the closest is named), a missing one, a value of another type, or
            one outside its range.
    """
    check_keys(content, schema, where or schema.__name__, prefix)
    for field in fields(schema):  # type: ignore[arg-type]
        if field.default is MISSING and field.default_factory is MISSING and field.name not in content:
            raise ConfigurationError(f"{where or schema.__name__}: needs {field.name!r}")
    where = where or schema.__name__
    hints, built = _types_of(schema), {}  # type: ignore[arg-type]
    for key, value in content.items():
        hint = hints[key]
        if is_dataclass(hint) and isinstance(value, Mapping):
            built[key] = instantiate(hint, value, where, f"{prefix}{key}.")  # type: ignore[arg-type]
        else:
            plain = str(value) if isinstance(value, Path) else value
            built[key] = fitted(plain, hint, f"{where}: {prefix}{key}")
    return schema(**built)


def name_file(error: ConfigurationError, path: Path | str | None, build_alone: Callable[[], object]) -> None:
    """Put the file's name before an error of settings, where the file by itself has the same.

    Args:
        error: what was wrong with the settings of the file and those that were given.
        path: the file, None where there was none.
        build_alone: builds the same from the file's settings alone.
    """
    if path is None:
        return
    try:
        build_alone()
    except ConfigurationError as alone:
        if str(alone) == str(error):
            error.args = (f"{path}: {error}",)


def _word_for(content: Any) -> str:
    """Return what a file holds instead of a table."""
    words = {type(None): "nothing", list: "a list", str: "a text", bool: "true or false"}
    return words.get(type(content), "a number")


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layers laid over each other, later ones on top, tables key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def refuse_two_values(short: Mapping[str, Any], table: Mapping[str, Any], name: str = "training") -> None:
    """Refuse a setting that is given twice, by its short name and in its table, with two values.

    Raises:
        ConfigurationError: the first such setting.
    """
    for key, value in short.items():
        if key in table and table[key] != value:
            raise ConfigurationError(
                f"--{key} {option_text(value)} and --{name}.{key} {option_text(table[key])}: give one of them"
            )


def refuse_without_effect(config: Any, given: Mapping[str, Any], shipped: Mapping[str, Any]) -> None:
    """Refuse settings that were given and do nothing beside the others.

    Data classes tell which these are by a method ``without_effect``. A setting that is given as it would have
    been without it is let through, for a file may hold them all.

    Args:
        config: a data class.
        given: the user's settings of it, with inner tables.
        shipped: all settings as they would be without those.

    Raises:
        IdleSettingError: one does nothing; the message names it as it is typed.
    """
    own, usual = flatten(given), flatten(shipped)
    for name in sorted(_idle_settings(config) & own.keys()):
        value, default = _held(config, name)
        if value != _as_held(usual.get(name, default)):
            raise IdleSettingError(name)


def _idle_settings(config: Any, prefix: str = "") -> set[str]:
    """Return the dotted names of the settings that do nothing, those of inner data classes included."""
    idle = {prefix + name for name in getattr(config, "without_effect", set)()}
    for field in fields(config):
        if is_dataclass(inner := getattr(config, field.name)):
            idle |= _idle_settings(inner, f"{prefix}{field.name}.")
    return idle


def _held(config: Any, name: str) -> tuple[Any, Any]:
    """Return the value of a setting by its dotted name, and its class's default."""
    *outer, last = name.split(".")
    for part in outer:
        config = getattr(config, part)
    return getattr(config, last), next(field.default for field in fields(config) if field.name == last)


def _as_held(value: Any) -> Any:
    """Return a value of a file as a data class holds it."""
    return tuple(value) if isinstance(value, list) else value


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
