"""Which raw files are a data set's recordings, and what tells them from those of another time."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from skelact import __version__
from skelact.errors import ConfigurationError, DataError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, any_name
from skelact.formats.exclusions import REPEATED, Exclusion, UnusableRecordingError, count_by_reason
from skelact.formats.known import AUTO, find_data_set, find_out, hint_for_all, with_settings

LISTED = "listed as missing or incomplete"
TIMES = "the times of the raw files"
"""What of a fingerprint copies of the raw files on other machines need not share."""


def fingerprint(
    data_set: DataSet, options: Mapping[str, object], raw: Path, files: Sequence[RawFile]
) -> dict[str, str]:
    """Return what a store depends on, by a few words each; a finished part counts only where it is unchanged.

    Raw files are told by names, sizes and times of change, of the archive where they lie in one.
    """
    digest, times = hashlib.sha256(), hashlib.sha256()
    containers = {raw} if raw.is_file() else {file.container for file in files}
    for container in sorted(containers, key=os.fspath):
        try:
            status = container.stat()
        except OSError:  # a link to nowhere: the account says so
            continue
        digest.update(f"{status.st_size}\n".encode())
        times.update(f"{status.st_mtime_ns}\n".encode())
    for file in files:
        digest.update(f"{file.name}\n".encode())
    return {
        "the program's version": __version__,
        "the data set": data_set.name,
        "the options": json.dumps(options, sort_keys=True),
        "the raw files": digest.hexdigest(),
        TIMES: times.hexdigest(),
    }


def recordings_of(
    name: str, raw: Path, files: Sequence[RawFile], settings: Mapping[str, object]
) -> tuple[DataSet, list[RawFile], list[Exclusion]]:
    """Return the data set as it is in its folder, the files of its recordings, and why others are none.

    Args:
        name: the data set's name, or ``auto``.
        raw: where the files lie, for errors.
        files: all of them.
        settings: what only some data sets know.

    Raises:
        ConfigurationError: no such data set or setting, or a setting that cannot be used.
        DataError: no recording; the message says what the files are instead, where that is known.
    """
    found, remark = find_out(raw, files) if name == AUTO else (find_data_set(name), "")
    data_set = with_settings(found, settings)
    try:
        if data_set.survey is not None:
            data_set = data_set.survey(data_set, files)
        wanted, exclusions = select(data_set, raw, files)
    except ConfigurationError:
        raise
    except DataError as error:
        instead = hint_for_all(files, found.name)
        if not instead:
            raise
        raise DataError(f"{error}; {instead}") from error
    if remark:
        data_set = replace(data_set, remarks=(remark, *data_set.remarks))
    return data_set, wanted, exclusions


def select(data_set: DataSet, raw: Path, files: Sequence[RawFile]) -> tuple[list[RawFile], list[Exclusion]]:
    """Tell the data set's recordings from all other files, by their names alone.

    Where names are the user's own, files of one name in several folders are several recordings, which are
    called by their paths; where names are identities, all but the first repeat it.

    Args:
        data_set: the data set, after its survey.
        raw: where the files lie, for the error.
        files: all of them.

    Returns:
        The files to read, ordered as ``files``, and an entry for every other one but the side files.

    Raises:
        DataError: there is no recording of the data set.
    """
    if data_set.recordings is not None:
        files = [*files, *data_set.recordings]
    if data_set.is_member is any_name:
        files = _called_apart(data_set, files)
    wanted: dict[str, RawFile] = {}
    exclusions = list(data_set.excluded_files)
    settled = data_set.side_files | data_set.joined_files | {entry.file for entry in data_set.excluded_files}
    for file in files:
        if file.name in settled:
            continue
        if file.name.endswith("/"):  # a folder that cannot be listed: reading it tells why
            wanted[file.name] = file
            continue
        name = data_set.recording_name(file)
        try:
            if file.suffix != data_set.suffix:
                exclusions.append(Exclusion(file.name, f"not a {data_set.suffix} file"))
            elif not data_set.is_member(name):
                exclusions.append(Exclusion(file.name, f"not part of {data_set.name}"))
            elif name in data_set.missing:
                exclusions.append(Exclusion(file.name, LISTED))
            elif name in wanted:
                exclusions.append(Exclusion(file.name, REPEATED, "", f"used: {wanted[name].name}"))
            else:
                wanted[name] = file
        except UnusableRecordingError as error:
            exclusions.append(Exclusion(file.name, error.reason, error.place, error.detail))
    if not wanted:
        raise DataError(_nothing_wanted(data_set, raw, exclusions))
    return list(wanted.values()), exclusions


def _called_apart(data_set: DataSet, files: Sequence[RawFile]) -> list[RawFile]:
    """Return the files, those whose recordings would have one name called by their paths instead."""
    names = [data_set.recording_name(file) if file.suffix == data_set.suffix else "" for file in files]
    counts = Counter(names)
    return [
        replace(file, called=file.path_stem) if name and counts[name] > 1 else file
        for file, name in zip(files, names, strict=True)
    ]


def _nothing_wanted(data_set: DataSet, raw: Path, exclusions: Sequence[Exclusion]) -> str:
    reasons = "; ".join(f"{count} {reason}" for reason, count in count_by_reason(exclusions).items())
    num_files = counted(len(exclusions), "file")
    return (
        f"{raw}: no recording of {data_set.name} in {num_files} ({reasons}); expected files like "
        f"{data_set.example}, so check the path and the data set's name"
    )


def counted(count: int, noun: str) -> str:
    """Return a count for a message: ``1 file``, ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"
