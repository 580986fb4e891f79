"""The way from raw files to a store: list, read and clean in parallel, write in order.

The store depends on the raw files alone: sequences stand in the order of their names, however many processes
worked. A recording that cannot be used goes to the account; the others go on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from skelact import __version__
from skelact.errors import ConfigurationError, DataError
from skelact.formats import ntu_cleaning
from skelact.formats.archives import RawFile, raw_files
from skelact.formats.data_set import DataSet
from skelact.formats.exclusions import (
    FILE_NAME,
    REPEATED,
    Exclusion,
    UnusableRecordingError,
    count_by_reason,
    read_account,
    to_csv,
)
from skelact.formats.known import find_data_set, with_settings
from skelact.store.columns import RefusedError
from skelact.store.fixed_point import FLOAT32
from skelact.store.parallel_reading import FileResult, Reading, read_files
from skelact.store.resumption import finished_store
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

LISTED = "listed as missing or incomplete"

_FILES_A_REPORT = 16


@dataclass(frozen=True)
class Progress:
    """How far a preparation is."""

    done: int
    """Files read."""
    total: int
    """Files to read."""
    excluded: int
    """Files not used so far, those that were not read included."""


@dataclass(frozen=True)
class Outcome:
    """What a preparation made."""

    store: Store
    num_files: int
    """Files in the raw folder or archive."""
    exclusions: list[Exclusion]
    """What was not used of them."""
    remarks: list[str] = field(default_factory=list)
    """What the user should know of the raw data, a line each."""


def default_workers() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(
    data_set_name: str,
    raw: Path,
    store: Path,
    *,
    centred: bool = True,
    positions: str = FLOAT32,
    num_workers: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    settings: Mapping[str, object] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_remark: Callable[[str], None] | None = None,
) -> Outcome:
    """Turn the raw recordings in ``raw`` into a store.

    Killed at any moment and called again with the same arguments, it goes on behind the last checkpoint and
    ends in the same store, byte for byte. Where the raw files or the options have changed, it starts over.

    Args:
        data_set_name: one of the known data sets.
        raw: a folder, searched recursively, an archive, or a single file.
        store: folder to write; it appears when it is complete.
        centred: move every sequence's origin to its first body's centre joint.
        positions: how the store keeps positions, exactly (``float32``) or in half the space (``int16``).
        num_workers: processes that read and clean; default: one a CPU.
        strict: raise at the first recording that belongs to the data set, is not listed as missing, and still
            cannot be used.
        overwrite: replace a store that is there already.
        settings: what only some data sets know, see ``DataSet.settings``.
        on_progress: called after every few files.
        on_remark: called with one line when an unfinished preparation is found, and whether it is of use.

    Raises:
        ConfigurationError: unknown data set, setting or type of positions, or a number of workers below 1.
        DataError: ``raw`` is missing, empty or without a recording of the data set; no recording can be used;
            ``store`` exists or cannot be written; with ``strict``, a recording cannot be used.
    """
    data_set = with_settings(find_data_set(data_set_name), settings or {})
    num_workers = default_workers() if num_workers is None else num_workers
    if num_workers < 1:
        raise ConfigurationError(f"--workers is {num_workers}; expected 1 or more")
    try:
        with raw_files(raw) as files:
            if data_set.survey is not None:
                data_set = data_set.survey(data_set, files)
            wanted, exclusions = select(data_set, files)
            if not wanted:
                raise DataError(_nothing_wanted(data_set, raw, exclusions))
            options = {"centred": centred, "cleaning": ntu_cleaning.VERSION, **data_set.settings}
            source = fingerprint(data_set, {**options, "positions": positions}, raw, files)
            if done := finished_store(store, source):
                return Outcome(done, len(files), read_account(done.path), list(data_set.remarks))
            writer = StoreWriter(
                store,
                data_set=data_set.name,
                topology=data_set.topology,
                class_names=data_set.class_names,
                fps=data_set.fps,
                options=options,
                positions=positions,
                attribute_values=data_set.attribute_values,
                protocols=[protocol.to_dict() for protocol in data_set.own_protocols],
                overwrite=overwrite,
                source=source,
            )
            with writer:
                if on_remark and (writer.num_files or writer.changed):
                    on_remark(_resumption(writer, len(wanted)))
                _refuse_if(strict, writer.exclusions)
                rest = wanted[writer.num_files :]
                results = read_files(Reading(data_set, rest, centred, positions), num_workers)
                try:
                    for result in results:
                        refused = _take(writer, result)
                        _refuse_if(strict, refused)
                        writer.file_done(refused)
                        done_now = writer.num_files
                        if on_progress and (done_now % _FILES_A_REPORT == 0 or done_now == len(wanted)):
                            left_out = len(exclusions) + len(writer.exclusions)
                            on_progress(Progress(done_now, len(wanted), left_out))
                finally:
                    results.close()
                if len(writer) == 0:
                    reason, count = next(iter(count_by_reason(writer.exclusions).items()))
                    raise DataError(
                        f"{raw}: none of {_counted(len(wanted), 'recording')} can be used; "
                        f"{_counted(count, 'time')}: {reason}, e.g. {writer.exclusions[-1]}"
                    )
                exclusions += writer.exclusions
                writer.attach(FILE_NAME, to_csv(exclusions))
                if data_set.attachments is not None:
                    for name, text in data_set.attachments(data_set, writer.names).items():
                        writer.attach(name, text)
                finished = writer.finish()
        return Outcome(
            finished, len(files), sorted(exclusions, key=lambda entry: entry.file), list(data_set.remarks)
        )
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process was killed, perhaps for want of memory; start the same command again, perhaps "
            "with fewer --workers: it goes on"
        ) from error
    except OSError as error:
        raise DataError(
            f"{store}: cannot be written ({error.strerror or error}); start the same command again to go on"
        ) from error


def fingerprint(
    data_set: DataSet, options: Mapping[str, object], raw: Path, files: Sequence[RawFile]
) -> dict[str, str]:
    """Return what a store depends on; a preparation goes on only where all of it is unchanged.

    Raw files are told by names, sizes and times of change, of the archive where they lie in one.
    """
    digest = hashlib.sha256()
    containers = {raw} if raw.is_file() else {file.container for file in files}
    for container in sorted(containers, key=os.fspath):
        try:
            status = container.stat()
        except OSError as error:
            raise DataError(f"{container}: cannot be read ({error.strerror}); was it moved?") from error
        digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    for file in files:
        digest.update(f"{file.name}\n".encode())
    return {
        "the program's version": __version__,
        "the data set": data_set.name,
        "the options": json.dumps(options, sort_keys=True),
        "the raw files": digest.hexdigest(),
    }


def _resumption(writer: StoreWriter, total: int) -> str:
    if writer.changed:
        changed = " and ".join(writer.changed)
        return f"an unfinished preparation was found, but {changed} changed since: starting over"
    return f"going on with an unfinished preparation: {writer.num_files:,} of {total:,} files were done"


def _refuse_if(strict: bool, exclusions: Sequence[Exclusion]) -> None:
    if strict and exclusions:
        raise DataError(f"{exclusions[0]} (stopped by --strict)")


def _take(writer: StoreWriter, result: FileResult) -> list[Exclusion]:
    """Put a file's sequences into the store, and return what is not used of it."""
    exclusions = []
    for item in result.items:
        if isinstance(item, Exclusion):
            exclusions.append(item)
            continue
        try:
            writer.append(item)
        except RefusedError as error:
            exclusions.append(Exclusion(result.file, error.reason, "", str(error)))
    return exclusions


def select(data_set: DataSet, files: Sequence[RawFile]) -> tuple[list[RawFile], list[Exclusion]]:
    """Tell the data set's recordings from all other files, by their names alone.

    Returns:
        The files to read, ordered as ``files``, and an entry for every other one but the side files.
    """
    wanted: dict[str, RawFile] = {}
    exclusions = list(data_set.excluded_files)
    settled = data_set.side_files | {entry.file for entry in data_set.excluded_files}
    for file in files:
        if file.name in settled:
            continue
        stem = file.stem
        try:
            if file.suffix != data_set.suffix:
                exclusions.append(Exclusion(file.name, f"not a {data_set.suffix} file"))
            elif not data_set.belongs(stem):
                exclusions.append(Exclusion(file.name, f"not part of {data_set.name}"))
            elif stem in data_set.missing:
                exclusions.append(Exclusion(file.name, LISTED))
            elif stem in wanted:
                exclusions.append(Exclusion(file.name, REPEATED, "", f"used: {wanted[stem].name}"))
            else:
                wanted[stem] = file
        except UnusableRecordingError as error:
            exclusions.append(Exclusion(file.name, error.reason, error.place, error.detail))
    return list(wanted.values()), exclusions


def _nothing_wanted(data_set: DataSet, raw: Path, exclusions: Sequence[Exclusion]) -> str:
    reasons = "; ".join(f"{count} {reason}" for reason, count in count_by_reason(exclusions).items())
    num_files = _counted(len(exclusions), "file")
    return (
        f"{raw}: no recording of {data_set.name} in {num_files} ({reasons}); expected files like "
        f"{data_set.example}, so check the path and the data set's name"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
