"""Configurations: a data class's defaults, then the named files, then the user's file, then the options.

Named files ship with the package (``configs/<kind>/<name>.yaml``) and set only what they are about.
"""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml

from skelact.errors import ConfigurationError, suggest

T = TypeVar("T")


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
    content = yaml.safe_load((folder / f"{name}.yaml").read_text())
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
        ConfigurationError: no such file, not YAML, or not a table.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: expected a table of settings, got {type(content).__name__}")
    return content


def check_keys(content: Mapping[str, Any], schema: type, where: str, prefix: str = "") -> None:
    """Raise ConfigurationError for the first key of ``content`` that the data class does not have."""
    types = typing.get_type_hints(schema)
    known = [field.name for field in fields(schema)]
    for key, value in content.items():
        if key not in known:
            raise ConfigurationError(f"{where}: unknown key {prefix + str(key)!r}{suggest(str(key), known)}")
        if is_dataclass(types[key]):
            if not isinstance(value, Mapping):
                raise ConfigurationError(f"{where}: {prefix}{key} is {value!r}, expected a table of settings")
            check_keys(value, types[key], where, f"{prefix}{key}.")


def instantiate(schema: type[T], content: Mapping[str, Any]) -> T:
    """Return ``schema`` with the values of ``content``, tables becoming its inner data classes.

    Raises:
        ConfigurationError: an unknown key, a missing one, or a value outside its range.
    """
    check_keys(content, schema, schema.__name__)
    for field in fields(schema):  # type: ignore[arg-type]
        if field.default is MISSING and field.default_factory is MISSING and field.name not in content:
            raise ConfigurationError(f"{schema.__name__}: needs {field.name!r}")
    types = typing.get_type_hints(schema)
    return schema(
        **{
            key: instantiate(types[key], value) if is_dataclass(types[key]) else value
            for key, value in content.items()
        }
    )


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


def option_text(value: Any) -> str:
    """Return ``value`` as one writes it behind an option."""
    if isinstance(value, float) and math.isinf(value):
        return ".inf" if value > 0 else "-.inf"  # as in YAML; JSON has no infinity
    return value if isinstance(value, str) else json.dumps(value)


def find_option(arguments: Sequence[str], name: str) -> str | None:
    """Return the last value given to the option ``name`` on a command line that is not parsed yet."""
    found = None
    for position, argument in enumerate(arguments):
        if argument == name and position + 1 < len(arguments):
            found = arguments[position + 1]
        elif argument.startswith(f"{name}="):
            found = argument.removeprefix(f"{name}=")
    return found
