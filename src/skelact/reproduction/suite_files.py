"""Reads suites: ``configs/suite/<name>.yaml``, or a file of one's own.

Nothing is written twice: what belongs to a data set stands in ``configs/data``, to a method in
``configs/pretrain``, to an evaluation in ``configs/evaluate``; rows and settings that suites share in
``configs/rows`` and ``configs/variant``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from skelact.configuration import check_keys, named_config, read_table
from skelact.errors import ConfigurationError, suggest
from skelact.pretraining.methods import family_of, find_method
from skelact.reproduction.evaluations import EVALUATIONS, Settings
from skelact.reproduction.recipes import (
    DatasetSpec,
    MethodRow,
    SettingsVariant,
    SuiteDefaults,
    Table,
    TableSpec,
)
from skelact.typed_values import fitted

T = TypeVar("T")
_KEYS: dict[str, Any] = {
    "include": list[str],
    "size": str,
    "variant": str | None,
    "data": Settings,
    "rows": str | Settings,
    "tables": Settings,
}
"""What a suite's file may say."""
_NAME = re.compile(r"\w[\w.+-]*")
"""Names of rows and data sets are those of folders."""


def read_data_recipe(name: str) -> DatasetSpec:
    """Read ``configs/data/<name>.yaml``.

    Raises:
        ConfigurationError: there is none of this name, or a key in it is missing or not known.
    """
    return _data_recipe(name, named_config("data", name), f"configs/data/{name}.yaml")


def read_suite(name: str) -> tuple[Table, ...]:
    """Read a suite with those that it includes.

    Args:
        name: of a shipped suite, or the path of a file that ends in ``.yaml``.

    Raises:
        ConfigurationError: there is none of this name, a key is missing or not known, or it names what does
            not exist.
    """
    return _read_suite(name, ())


def _read_suite(name: str, includes: tuple[str, ...]) -> tuple[Table, ...]:
    if name.endswith(".yaml"):
        where, content = name, read_table(Path(name))
    else:
        where, content = f"configs/suite/{name}.yaml", named_config("suite", name)
    if where in includes:
        raise ConfigurationError(f"{where}: includes itself ({' -> '.join((*includes, where))})")
    _check_known(content, _KEYS, where)
    content = {key: fitted(value, _KEYS[key], f"{where}: {key}") for key, value in content.items()}
    included = [
        table for other in content.get("include", ()) for table in _read_suite(other, (*includes, where))
    ]
    if "tables" not in content:
        return tuple(included)
    for key in ("rows", "size"):
        if not content.get(key):
            raise ConfigurationError(f"{where}: {key!r} is missing")
    _named("size", content["size"], where)
    shared = SuiteDefaults(
        content["size"], _variant(content.get("variant"), where), _rows(content["rows"], where)
    )
    data = {
        key: _data_recipe(key, recipe, f"{where}: data {key}")
        for key, recipe in content.get("data", {}).items()
    }
    tables = content["tables"].items()
    return (*included, *(_table(key, plan, shared, data, f"{where}: table {key}") for key, plan in tables))


def _named(kind: str, name: str, where: str) -> dict[str, Any]:
    """Return a shipped configuration that a file names."""
    try:
        return named_config(kind, name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _data_recipe(name: str, content: Settings, where: str) -> DatasetSpec:
    recipe = _build(DatasetSpec, content, where, name=name, fold_of="")
    _check_settings(recipe.pretrain, where)
    both = [way for each in EVALUATIONS.values() for way in (each, each.from_scratch)]
    shares = {name: each for name, each in EVALUATIONS.items() if each.share is not None}
    by_key = {**{each.file or each.name: each for each in both}, **shares}
    _check_known(recipe.evaluate, by_key, where)
    for key, settings in recipe.evaluate.items():
        settings = fitted(settings, Settings, f"{where}: evaluate.{key}")
        check_keys(settings, by_key[key].schema, where, f"evaluate.{key}.")
    return recipe


def _variant(name: str | None, where: str) -> SettingsVariant:
    if name is None:
        return SettingsVariant()
    content, where = _named("variant", name, where), f"configs/variant/{name}.yaml"
    variant = _build(SettingsVariant, content, where)
    _check_settings(variant.pretrain, where)
    return variant


def _rows(rows: str | Settings, where: str) -> dict[str, MethodRow]:
    """Return a suite's rows by name; they are given in the suite, or are those of ``configs/rows``."""
    if isinstance(rows, str):
        where, rows = f"configs/rows/{rows}.yaml", _named("rows", rows, where)
    found = {name: _row(name, content, f"{where}: row {name}") for name, content in rows.items()}
    for name, row in found.items():
        if row.method is None:
            _check_settings(row.pretrain, f"{where}: row {name}")
        else:
            try:
                schema = find_method(row.method).family.settings
            except ConfigurationError as error:
                raise ConfigurationError(f"{where}: row {name}: {error}") from error
            check_keys(row.pretrain, schema, f"{where}: row {name}", "pretrain.")
        for part in row.sum_of or ():
            if part not in found or found[part].method is None:
                raise ConfigurationError(f"{where}: row {name}: adds up {part!r}, no row with a method")
        seen, other = [name], row.start or row.untrained_of
        while other is not None:
            if other in seen:
                raise ConfigurationError(f"{where}: row {name}: needs itself ({' -> '.join([*seen, other])})")
            if other not in found or found[other].method is None:
                raise ConfigurationError(f"{where}: row {name}: needs {other!r}, no row with a method")
            seen.append(other)
            other = found[other].start
    return found


def _row(name: str, content: Any, where: str) -> MethodRow:
    content = fitted(content, Settings, where)
    return _build(MethodRow, {"title": name, **content}, where, name=name)


def _table(
    name: str, content: Settings, shared: SuiteDefaults, own_data: Mapping[str, DatasetSpec], where: str
) -> Table:
    plan = _build(TableSpec, content, where)
    _check_settings(plan.pretrain, where)
    for wanted, known in ((plan.rows or (), shared.rows), (plan.evaluate, EVALUATIONS)):
        _check_known(wanted, known, where)

    def recipe(data: str) -> DatasetSpec:
        if data in own_data:
            return own_data[data]
        return _data_recipe(data, _named("data", data, where), f"configs/data/{data}.yaml")

    on = None if plan.evaluate_on is None else recipe(plan.evaluate_on)
    if on is not None and len(on.folds()) > 1:
        raise ConfigurationError(f"{where}: evaluate_on {on.name} has several folds; give one protocol")
    data = tuple(fold for each in plan.data for fold in recipe(each).folds())
    table = Table(name, plan, shared, data, on)
    untrained = [row.name for row in table.rows if row.untrained_of]
    if untrained and any(evaluation.command == "transfer" for evaluation in table.evaluations):
        raise ConfigurationError(
            f"{where}: row {untrained[0]} has learned nothing that could be transferred; leave it out"
        )
    return table


def _build(schema: type[T], content: Settings, where: str, **given: str) -> T:
    """Return the data class ``schema`` of a table of a file, its keys and types checked."""
    content = fitted(content, Settings, where)
    if not _NAME.fullmatch(given.get("name", "any")):
        raise ConfigurationError(f"{where}: a name of letters, digits, '_', '-', '.' and '+' is expected")
    own = [each for each in fields(schema) if each.name not in given]  # type: ignore[arg-type]
    _check_known(content, [each.name for each in own], where)
    for each in own:
        needed = each.default is MISSING and each.default_factory is MISSING
        if needed and each.name not in content:
            raise ConfigurationError(f"{where}: {each.name!r} is missing")
    hints = get_type_hints(schema)
    fit = {key: fitted(value, hints[key], f"{where}: {key}") for key, value in content.items()}
    try:
        return schema(**given, **fit)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _check_settings(pretrain: Settings, where: str) -> None:
    """Check settings that are for all methods: each family takes the tables that it knows."""
    for key, value in pretrain.items():
        check_keys({key: value}, family_of({key: value}).settings, where, "pretrain.")


def _check_known(names: Iterable[str], known: Iterable[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise ConfigurationError(f"{where}: no {name!r}{suggest(str(name), known)}")
