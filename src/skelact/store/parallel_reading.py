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
from dataclasses import dataclass

import numpy as np

from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence
from skelact.formats.exclusions import Exclusion, UnusableRecordingError
from skelact.formats.known import hint
from skelact.formats.notes import Note
from skelact.formats.settings import GIVEN_ORDER
from skelact.skeleton.main_bodies import crowd_in_order
from skelact.skeleton.view import centre
from skelact.store.packing import PackedSequence, pack

OTHER_FORMAT = "a file of another format"
ALL_ZERO = "all joints zero"
BAD_POSITIONS = "positions that cannot be used"

_CHUNK = 32  # files a task
_AHEAD = 3  # tasks a worker that may be done or under way before their turn to be written


Outcome = PackedSequence | Exclusion | Note


@dataclass(frozen=True)
class FileResult:
    """What one raw file gave."""

    file: str
    items: Iterable[Outcome]


@dataclass(frozen=True)
class ReadJob:
    """What is to be read, and how."""

    data_set: DataSet
    files: Sequence[RawFile]
    centred: bool
    """Whether to move every sequence's origin to its first body's centre joint."""
    position_type: str
    """How the store keeps positions."""

    def read(self, file: RawFile) -> Iterator[Outcome]:
        """Read one file: yield its sequences, packed, what of it cannot be used, and why, and notes on it."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for item in self.data_set.read(file):
                    yield self._packed(file, item)
        except UnusableRecordingError as error:
            instead = hint(file, self.data_set.name)
            yield Exclusion(file.name, OTHER_FORMAT, "", instead) if instead else Exclusion.of(error)
        except DataError as error:  # what SkeletonSequence itself refuses
            yield Exclusion(file.name, BAD_POSITIONS, "", str(error))

    def _packed(self, file: RawFile, item: Item) -> Outcome:
        if isinstance(item, Exclusion | Note):
            return item
        named = item if isinstance(item, LabelledSequence) else LabelledSequence(item)
        sequence = named.sequence
        if not sequence.present.any():
            detail = "all joints of all bodies are zero; expected a body in at least one frame"
            return Exclusion(file.name, ALL_ZERO, "" if sequence.name == file.stem else sequence.name, detail)
        if self.data_set.settings.get("body_order") != GIVEN_ORDER:
            sequence = crowd_in_order(sequence)
        if self.centred:
            sequence = centre(sequence)
        try:
            return pack(sequence, named.names, position_type=self.position_type)
        except UnusableRecordingError as error:
            return Exclusion(file.name, error.reason, "", str(error))


_worker_job: ReadJob | None = None  # a worker's own, set once when it starts


def _start_worker(job: ReadJob) -> None:
    """Give a worker its work; keep it quiet on Ctrl-C and end it when its parent is gone."""
    global _worker_job
    _worker_job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Wait until the process behind ``sentinel`` has ended, then end this one."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _read_chunk(start: int) -> list[FileResult]:
    """Read the files from number ``start`` on. Only that number and the packed bytes cross to and fro."""
    assert _worker_job is not None
    files = _worker_job.files[start : start + _CHUNK]
    return [FileResult(file.name, list(_worker_job.read(file))) for file in files]


def read_files(job: ReadJob, num_workers: int) -> Generator[FileResult, None, None]:
    """Yield one result a file, in order, with a bounded number of them in memory."""
    starts = range(0, len(job.files), _CHUNK)
    if num_workers == 1 or len(starts) <= 1:
        for file in job.files:
            yield FileResult(file.name, job.read(file))
        return
    under_way: deque[Future[list[FileResult]]] = deque()
    waiting = iter(starts)
    pool = ProcessPoolExecutor(min(num_workers, len(starts)), initializer=_start_worker, initargs=(job,))
    try:
        for _ in starts:
            while len(under_way) < _AHEAD * num_workers and (start := next(waiting, None)) is not None:
                under_way.append(pool.submit(_read_chunk, start))
            yield from under_way.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
