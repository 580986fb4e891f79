"""Reading raw files in several processes: every file's result in the order of the files, few at a time."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from skelact.errors import DataError
from skelact.preparation.account import Exclusion
from skelact.preparation.centring import centre
from skelact.preparation.data_set import DataSet
from skelact.preparation.reading import Named
from skelact.sources.archives import RawFile
from skelact.sources.unusable import UnusableRecordingError

ALL_ZERO = "all joints zero"
BAD_POSITIONS = "positions that cannot be used"

_CHUNK = 16  # files a task
_AHEAD = 4  # tasks a worker that may be done or under way before their turn to be written


@dataclass(frozen=True)
class FileResult:
    """What one raw file gave."""

    file: str
    items: Iterable[Named | Exclusion]


def read_file(data_set: DataSet, file: RawFile, centred: bool) -> Iterator[Named | Exclusion]:
    """Read one file: yield its sequences, centred if wanted, and what of it cannot be used, and why."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for item in data_set.read(file):
                if isinstance(item, Exclusion):
                    yield item
                    continue
                named = item if isinstance(item, Named) else Named(item)
                if not named.sequence.present.any():
                    detail = "all joints of all bodies are zero; expected a body in at least one frame"
                    place = "" if named.sequence.name == file.stem else named.sequence.name
                    yield Exclusion(file.name, ALL_ZERO, place, detail)
                    continue
                yield replace(named, sequence=centre(named.sequence)) if centred else named
    except UnusableRecordingError as error:
        yield Exclusion.of(error)
    except DataError as error:  # what SkeletonSequence itself refuses
        yield Exclusion(file.name, BAD_POSITIONS, "", str(error))


_worker_data_set: DataSet | None = None  # a worker's own, set once when it starts


def _start_worker(data_set: DataSet) -> None:
    """Give a worker its data set; keep it quiet on Ctrl-C and end it when its parent is gone."""
    global _worker_data_set
    _worker_data_set = data_set
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Wait until the process behind ``sentinel`` has ended, then end this one."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _read_chunk(files: Sequence[RawFile], centred: bool) -> list[FileResult]:
    assert _worker_data_set is not None
    return [FileResult(file.name, list(read_file(_worker_data_set, file, centred))) for file in files]


def read_files(
    data_set: DataSet, files: Sequence[RawFile], centred: bool, num_workers: int
) -> Generator[FileResult, None, None]:
    """Yield one result a file, in order, with a bounded number of them in memory."""
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    if num_workers == 1 or len(chunks) <= 1:
        for file in files:
            yield FileResult(file.name, read_file(data_set, file, centred))
        return
    under_way: deque[Future[list[FileResult]]] = deque()
    waiting = iter(chunks)
    pool = ProcessPoolExecutor(min(num_workers, len(chunks)), initializer=_start_worker, initargs=(data_set,))
    try:
        for _ in range(len(chunks)):
            while len(under_way) < _AHEAD * num_workers and (chunk := next(waiting, None)):
                under_way.append(pool.submit(_read_chunk, chunk, centred))
            yield from under_way.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
