"""The way from raw files to a store: list, read and clean in parallel, write in order.

The store depends on the raw files alone: sequences stand in the order of their names, however many processes
worked. A recording that cannot be used goes to the account; the others go on.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skelact.errors import ConfigurationError, DataError
from skelact.preparation import cleaning
from skelact.preparation.account import FILE_NAME, Exclusion, count_by_reason, to_csv
from skelact.preparation.centring import centre
from skelact.preparation.data_sets import DataSet, find_data_set
from skelact.preparation.store import Store
from skelact.preparation.store_writer import StoreWriter
from skelact.skeleton.sequence import SkeletonSequence
from skelact.sources.archives import RawFile, raw_files
from skelact.sources.unusable import UnusableRecordingError

ALL_ZERO = "all joints zero"
BAD_POSITIONS = "positions that cannot be used"
LISTED = "listed as missing or incomplete"
REPEATED = "a recording of this name came before"

_CHUNK = 16  # files a task
_AHEAD = 4  # tasks a worker that may be done or under way before their turn to be written

Result = SkeletonSequence | Exclusion


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
    """The files among them that were not used."""


def default_workers() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(
    data_set_name: str,
    raw: Path,
    store: Path,
    *,
    centred: bool = True,
    num_workers: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Turn the raw recordings in ``raw`` into a store.

    Args:
        data_set_name: one of the known data sets.
        raw: a folder, searched recursively, or an archive.
        store: folder to write; it appears when it is complete.
        centred: move every sequence's origin to its first body's centre joint.
        num_workers: processes that read and clean; default: one a CPU.
        strict: raise at the first recording that belongs to the data set, is not listed as missing, and still
            cannot be used.
        overwrite: replace a store that is there already.
        on_progress: called after every few files.

    Raises:
        ConfigurationError: unknown data set, or a number of workers below 1.
        DataError: ``raw`` is missing, empty or without a recording of the data set; no recording can be used;
            ``store`` exists or cannot be written; with ``strict``, a recording cannot be used.
    """
    data_set = find_data_set(data_set_name)
    num_workers = default_workers() if num_workers is None else num_workers
    if num_workers < 1:
        raise ConfigurationError(f"--workers is {num_workers}; expected 1 or more")
    with raw_files(raw) as files:
        wanted, exclusions = select(data_set, files)
        if not wanted:
            raise DataError(_nothing_wanted(data_set, raw, exclusions))
        writer = StoreWriter(
            store,
            data_set=data_set.name,
            topology=data_set.topology,
            class_names=data_set.class_names,
            fps=data_set.fps,
            options={"centred": centred, "cleaning": cleaning.VERSION},
            overwrite=overwrite,
        )
        with writer:
            results = _results(data_set, wanted, centred, num_workers)
            try:
                for done, result in enumerate(results, 1):
                    if isinstance(result, SkeletonSequence):
                        writer.add(result)
                    elif strict:
                        raise DataError(f"{result} (stopped by --strict)")
                    else:
                        exclusions.append(result)
                    if on_progress and (done % _CHUNK == 0 or done == len(wanted)):
                        on_progress(Progress(done, len(wanted), len(exclusions)))
                if len(writer) == 0:
                    reason, count = next(iter(count_by_reason(exclusions).items()))
                    raise DataError(
                        f"{raw}: none of {len(wanted)} recordings can be used; {count} times: {reason}, "
                        f"e.g. {exclusions[-1]}"
                    )
                writer.attach(FILE_NAME, to_csv(exclusions))
                return Outcome(writer.finish(), len(files), sorted(exclusions, key=lambda entry: entry.file))
            except OSError as error:
                raise DataError(f"{store}: cannot be written ({error.strerror or error})") from error
            finally:
                results.close()


def select(data_set: DataSet, files: Sequence[RawFile]) -> tuple[list[RawFile], list[Exclusion]]:
    """Tell the data set's recordings from all other files, by their names alone.

    Returns:
        The files to read, ordered as ``files``, and an entry for every other one.
    """
    wanted: dict[str, RawFile] = {}
    exclusions = []
    for file in files:
        try:
            if file.suffix != data_set.suffix:
                exclusions.append(Exclusion(file.name, f"not a {data_set.suffix} file"))
            elif not data_set.belongs(file.stem):
                exclusions.append(Exclusion(file.name, f"not part of {data_set.name}"))
            elif file.stem in data_set.missing:
                exclusions.append(Exclusion(file.name, LISTED))
            elif file.stem in wanted:
                exclusions.append(Exclusion(file.name, REPEATED, "", f"used: {wanted[file.stem].name}"))
            else:
                wanted[file.stem] = file
        except UnusableRecordingError as error:
            exclusions.append(Exclusion(file.name, error.reason, error.place, error.detail))
    return list(wanted.values()), exclusions


def read_file(data_set: DataSet, file: RawFile, centred: bool) -> Result:
    """Read and clean one recording, or say why it cannot be used."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            sequence = data_set.read(file.name, file.stem, file.read())
            if not sequence.present.any():
                detail = "all joints of all bodies are zero; expected a body in at least one frame"
                return Exclusion(file.name, ALL_ZERO, "", detail)
            return centre(sequence) if centred else sequence
    except UnusableRecordingError as error:
        return Exclusion.of(error)
    except DataError as error:  # what SkeletonSequence itself refuses
        return Exclusion(file.name, BAD_POSITIONS, "", str(error))


def _leave_interrupts_to_parent() -> None:
    """Keep a worker quiet on Ctrl-C: the parent stops it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read_chunk(data_set_name: str, files: Sequence[RawFile], centred: bool) -> list[Result]:
    data_set = find_data_set(data_set_name)
    return [read_file(data_set, file, centred) for file in files]


def _results(
    data_set: DataSet, files: Sequence[RawFile], centred: bool, num_workers: int
) -> Generator[Result, None, None]:
    """Yield one result a file, in order, with a bounded number of them in memory."""
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    if num_workers == 1 or len(chunks) == 1:
        for file in files:
            yield read_file(data_set, file, centred)
        return
    under_way: deque[Future[list[Result]]] = deque()
    waiting = iter(chunks)
    pool = ProcessPoolExecutor(min(num_workers, len(chunks)), initializer=_leave_interrupts_to_parent)
    try:
        for _ in range(len(chunks)):
            while len(under_way) < _AHEAD * num_workers and (chunk := next(waiting, None)):
                under_way.append(pool.submit(_read_chunk, data_set.name, chunk, centred))
            yield from under_way.popleft().result()
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process was killed, perhaps for want of memory; try again with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _nothing_wanted(data_set: DataSet, raw: Path, exclusions: Sequence[Exclusion]) -> str:
    reasons = "; ".join(f"{count} {reason}" for reason, count in count_by_reason(exclusions).items())
    return (
        f"{raw}: no recording of {data_set.name} in {len(exclusions)} files ({reasons}); expected files like "
        f"{data_set.example}, so check the path and the data set's name"
    )
