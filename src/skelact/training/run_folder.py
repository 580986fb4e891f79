"""The folder of a run: made once, and checked when the run goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from skelact.configuration import flatten
from skelact.errors import ConfigurationError, DataError, SkelactError
from skelact.files import partial_of, write_file, writing
from skelact.locks import LOCK, FolderLock, holder_of
from skelact.training.config import NUMERICALLY_NEUTRAL, ROUNDING_ONLY, Resume
from skelact.yaml_files import read_yaml, yaml_text

CONFIG = "config.yaml"
SECONDS_TO_END = 60.0
"""How long a command that is repeated waits for the run folder: what it replaces may still be ending."""


def beginning(out: str | Path, resume: Resume, fabric: Fabric) -> tuple[bool, bool]:
    """Return whether the run in ``out`` goes on, and whether from a checkpoint, as the first process sees."""
    if resume == "auto" and fabric.global_rank == 0:
        until = time.monotonic() + SECONDS_TO_END
        while holder_of(Path(out)) is not None and time.monotonic() < until:
            time.sleep(0.2)
    goes_on = (Path(out) / CONFIG).exists() if resume == "auto" else resume
    has_checkpoint = goes_on and any((Path(out) / "checkpoints").glob("step-*.safetensors"))
    return fabric.broadcast((goes_on, has_checkpoint))


@contextmanager
def run_folder(
    out: str | Path,
    config: Mapping[str, Any],
    resume: bool,
    fabric: Fabric,
    defaults: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Open the run folder as :func:`open_folder` does, and keep other runs away from it until the block ends.

    Of several processes of a run the first does so; all go on, or none.

    Args:
        out: the folder.
        config: what decides the run.
        resume: go on with the run in the folder.
        fabric: the processes of the run.
        defaults: settings that an older version did not write, as it had them.

    Raises:
        DataError: as of :func:`open_folder`; or another run is at work in the folder.
        ConfigurationError: as of :func:`open_folder`.
    """
    lock: FolderLock | None = None
    problem: SkelactError | None = None
    try:
        if fabric.global_rank == 0:
            try:
                lock = _lock(Path(out), resume)
                open_folder(out, config, resume, defaults)
            except SkelactError as error:
                problem = error
        problem = fabric.broadcast(problem)
        if problem is not None:
            problem.is_told_elsewhere = fabric.global_rank != 0
            raise problem
        yield
    finally:
        if lock is not None:
            lock.release()


def _lock(out: Path, resume: bool) -> FolderLock | None:
    """Lock a run folder; one that is not for this run is left alone, and :func:`open_folder` says why."""
    is_foreign = _is_taken(out) and not (out / LOCK).exists() and not (out / CONFIG).exists()
    if is_foreign or (resume and not (out / CONFIG).exists()):
        return None

    def refusal(holder: str) -> DataError:
        return DataError(f"{out}: {holder} is at work in this run; wait for it, or choose another --out")

    with writing(out, "choose another --out"):
        return FolderLock(out, refusal)


def _is_taken(out: Path) -> bool:
    """Return whether a folder holds more than what a command that was killed at once leaves, or is none."""
    left = (LOCK, partial_of(out / CONFIG).name)
    return out.exists() and (not out.is_dir() or any(each.name not in left for each in out.iterdir()))


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
        if _is_taken(out):
            raise DataError(
                f"{out}: exists already; choose another --out, or --resume to go on with that run"
            )
        write_file(out / CONFIG, yaml_text(config), "choose another --out")
        return
    before = {**flatten(defaults or {}), **flatten(read_settings(out))}
    now = flatten(config)
    free = {f"training.{name}" for name in (*NUMERICALLY_NEUTRAL, *ROUNDING_ONLY)}
    if before.get("data_hash") is not None and before["data_hash"] == now.get("data_hash"):
        free.add("data")  # the same, whatever its path
    for key in sorted({*before, *now} - free):
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
