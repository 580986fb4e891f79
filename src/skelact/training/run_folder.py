"""The folder of a run: made once, and checked when the run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skelact.errors import ConfigurationError, DataError
from skelact.files import write_file
from skelact.training.config import NUMERICALLY_NEUTRAL
from skelact.yaml_files import read_yaml, yaml_text

CONFIG = "config.yaml"


def open_folder(
    out: str | Path, config: Mapping[str, Any], resume: bool, defaults: Mapping[str, Any] | None = None
) -> None:
    """Make the run folder and write its configuration, or with ``resume`` check the one that is there.

    Args:
        out: the folder.
        config: what decides the run.
        resume: go on with the run in the folder.
        defaults: settings that an older version did not write, as it had them.

    Raises:
        DataError: it holds a run and ``resume`` is off, it holds none and ``resume`` is on, or it cannot be
            written.
        ConfigurationError: the run in it has another configuration; the message names the key.
    """
    out = Path(out)
    if not resume:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise DataError(
                f"{out}: exists already; choose another --out, or --resume to go on with that run"
            )
        write_file(out / CONFIG, yaml_text(config), "choose another --out")
        return
    before = {**_dotted(defaults or {}), **_dotted(read_settings(out))}
    now = _dotted(config)
    for key in sorted({*before, *now} - {f"training.{name}" for name in NUMERICALLY_NEUTRAL}):
        if before.get(key) != now.get(key):
            raise ConfigurationError(
                f"{out}: was started with {key} = {before.get(key)}, not {now.get(key)}; "
                "resume with the same settings"
            )


def read_settings(out: str | Path) -> dict[str, Any]:
    """Return the configuration that a run was started with.

    Raises:
        DataError: the folder holds no run.
    """
    try:
        settings = read_yaml(Path(out) / CONFIG, "a run folder has one")
    except ConfigurationError as error:
        raise DataError(f"{out}: holds no run to resume ({error})") from error
    if not isinstance(settings, dict):
        raise DataError(f"{out}: holds no run to resume ({CONFIG} is no table of settings)")
    return settings


def _dotted(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found
