"""Reading raw files in several processes: every file's result in the order of the files, few at a time."""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized

import numpy as np

from skelact.errors import DataError
from skelact.formats.archives import RawFile
from skelact.formats.data_set import DataSet, Item, LabelledSequence
from skelact.formats.exclusions import (
    ALL_ZERO,
    BAD_POSITIONS,
    TOO_LARGE,
    Exclusion,
    UnusableRecordingError,
    check_extent,
)
from skelact.formats.known import hint
from skelact.formats.notes import Note
from skelact.formats.settings import GIVEN_ORDER, USUAL_RATES
from skelact.limits import beyond, limit
from skelact.skeleton.main_bodies import crowd_in_order
from skelact.skeleton.resampling import resampled
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.view import centre
from skelact.store.packing import PackedSequence, check_reach, pack

OTHER_FORMAT = "a file of another format"
NO_RATE = "no frame rate"
ODD_RATE = "a frame rate that no recording of movement has"
NOBODY_LEFT = "nobody in the frames that are left"

_CHUNK = 32  # files a task
_NO_FILE = -1
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
    factor: float = 1.0
    """Metres in the unit of the raw positions, where the user gives it."""
    resample: float | None = None
    """Frames a second to bring every sequence to; None: as recorded."""

    def read(self, file: RawFile) -> Iterator[Outcome]:
        """Read one file: yield its sequences, packed, what of it cannot be used, and why, and notes on it."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for item in self.data_set.read(file):
                    yield self._packed(file, item)
        except UnusableRecordingError as error:
            instead = hint(file, self.data_set.name) if self.data_set.recognises else None
            yield Exclusion(file.name, OTHER_FORMAT, "", instead) if instead else Exclusion.of(error)
        except DataError as error:  # what SkeletonSequence itself refuses
            yield Exclusion(file.name, BAD_POSITIONS, "", str(error))
        except MemoryError:
            yield Exclusion(file.name, TOO_LARGE, "", "needs more memory than there is; try fewer --workers")

    def _packed(self, file: RawFile, item: Item) -> Outcome:
        if isinstance(item, Exclusion | Note):
            return item
        named = item if isinstance(item, LabelledSequence) else LabelledSequence(item)
        sequence = named.sequence
        if len(sequence.name) > limit("name"):
            detail = f"the length of a recording's name is {beyond('name', len(sequence.name))}"
            return Exclusion(file.name, TOO_LARGE, "", detail)
        for what, value in named.names.items():
            if len(value) > limit("name"):
                place = "" if sequence.name == file.stem else sequence.name
                detail = f"the length of {what} is {beyond('name', len(value))}"
                return Exclusion(file.name, TOO_LARGE, place, detail)
        try:
            check_extent(file.name, sequence.name, *sequence.positions.shape[:3])
            check_reach(sequence, file.name)
        except UnusableRecordingError as error:
            return Exclusion.of(error)
        if not sequence.present.any():
            detail = "all joints of all bodies are zero; expected a body in at least one frame"
            return Exclusion(file.name, ALL_ZERO, "" if sequence.name == file.stem else sequence.name, detail)
        try:
            return self._processed(file, named, sequence)
        except UnusableRecordingError as error:
            return Exclusion(file.name, error.reason, "", str(error))
        except DataError as error:
            place = "" if sequence.name == file.stem else sequence.name
            return Exclusion(file.name, BAD_POSITIONS, place, str(error))

    def _processed(self, file: RawFile, named: LabelledSequence, sequence: SkeletonSequence) -> Outcome:
        """Return a sequence with positions as the store has them, packed, or why there is none."""
        if self.factor != 1:
            sequence = replace(sequence, positions=sequence.positions * np.float32(self.factor))
        if self.resample is not None:
            if sequence.fps is None:
                detail = (
                    f"{sequence.name}: cannot be brought to {self.resample:g} frames a second; tell its own "
                    "rate by --fps, or in the file if the format has none, or leave out --resample"
                )
                return Exclusion(file.name, NO_RATE, "", detail)
            if not USUAL_RATES[0] <= sequence.fps <= USUAL_RATES[1]:
                detail = (
                    f"{sequence.name}: {sequence.fps:.3g} frames a second, not brought to {self.resample:g}: "
                    "if times are not in seconds, write them so, or tell the rate by --fps"
                )
                return Exclusion(file.name, ODD_RATE, "", detail)
            sequence = resampled(sequence, self.resample)
            if not sequence.present.any():
                detail = f"{sequence.name}: nobody is seen in any of {self.resample:g} frames a second"
                return Exclusion(file.name, NOBODY_LEFT, "", detail)
        if self.data_set.settings.get("body_order") != GIVEN_ORDER:
            sequence = crowd_in_order(sequence)
        if self.centred:
            sequence = centre(sequence)
        packed = pack(sequence, named.names, position_type=self.position_type)
        return replace(packed, record=replace(packed.record, class_number=named.class_number))


@dataclass(frozen=True)
class _Board:
    """What each worker reads: its process and the number of the file, beside each other in shared memory."""

    entries: ctypes.Array[ctypes.c_int64]
    num_taken: Synchronized[int]

    @classmethod
    def for_workers(cls, count: int) -> _Board:
        return cls(multiprocessing.RawArray(ctypes.c_int64, 2 * count), multiprocessing.Value("i", 0))

    def enter(self) -> int:
        """Take a place for this process, and return it."""
        with self.num_taken.get_lock():
            place, self.num_taken.value = self.num_taken.value, self.num_taken.value + 1
        self.entries[2 * place + 1] = _NO_FILE
        self.entries[2 * place] = os.getpid()
        return place

    def note(self, place: int, file: int) -> None:
        """Say which file the process at ``place`` begins to read, or that it waits."""
        self.entries[2 * place + 1] = file

    def files(self) -> dict[int, int]:
        """Return the file that each process reads, for those that do."""
        entries = list(self.entries)
        pairs = zip(entries[::2], entries[1::2], strict=True)
        return {process: file for process, file in pairs if process and file != _NO_FILE}


@dataclass(frozen=True)
class _Worker:
    """What a worker keeps, set once when it starts."""

    job: ReadJob
    board: _Board
    place: int


_worker: _Worker | None = None


def _start_worker(job: ReadJob, board: _Board) -> None:
    """Give a worker its work; keep it quiet on Ctrl-C and end it when its parent is gone."""
    global _worker
    _worker = _Worker(job, board, board.enter())
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
    assert _worker is not None
    results = []
    for number, file in enumerate(_worker.job.files[start : start + _CHUNK], start):
        _worker.board.note(_worker.place, number)
        results.append(FileResult(file.name, list(_worker.job.read(file))))
    _worker.board.note(_worker.place, _NO_FILE)
    return results


def read_files(job: ReadJob, num_workers: int) -> Generator[FileResult, None, None]:
    """Yield one result a file, in order, with a bounded number of them in memory.

    Raises:
        DataError: a worker was killed, or reads one file for longer than the limit ``seconds``; the message
            names the file.
    """
    starts = range(0, len(job.files), _CHUNK)
    if num_workers == 1 or len(starts) <= 1:
        for file in job.files:
            yield FileResult(file.name, job.read(file))
        return
    under_way: deque[Future[list[FileResult]]] = deque()
    waiting = iter(starts)
    num_workers = min(num_workers, len(starts))
    others, board = set(multiprocessing.active_children()), _Board.for_workers(num_workers)
    workers: set[BaseProcess] = set()
    pool = ProcessPoolExecutor(num_workers, initializer=_start_worker, initargs=(job, board))
    try:
        for _ in starts:
            while len(under_way) < _AHEAD * num_workers and (start := next(waiting, None)) is not None:
                under_way.append(pool.submit(_read_chunk, start))
                workers |= set(multiprocessing.active_children()) - others
            yield from _result(under_way.popleft(), job, board)
    except BrokenProcessPool as error:
        raise DataError(_killed(job, board, workers)) from error
    except _StalledError as error:
        for worker in workers:
            worker.kill()
        raise DataError(str(error)) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _StalledError(Exception):
    """A worker reads one file for too long."""


def _result(future: Future[list[FileResult]], job: ReadJob, board: _Board) -> list[FileResult]:
    """Wait for a chunk's results.

    Seconds are counted here, not by a clock: a program that is stopped for an hour has not read for an hour.
    """
    most = limit("seconds")
    reading: dict[int, int] = {}
    seconds: dict[int, int] = {}
    while True:
        try:
            return future.result(timeout=1)
        except TimeoutError:
            if future.done():  # since then, or the error is the reader's own
                return future.result()
        before, reading = reading, board.files()
        for process, file in reading.items():
            seconds[process] = seconds.get(process, 0) + 1 if before.get(process) == file else 0
            if seconds[process] > most:
                name = job.files[file].name
                raise _StalledError(f"{name}: the seconds that it takes to read are {beyond('seconds')}")


def _killed(job: ReadJob, board: _Board, workers: Iterable[BaseProcess]) -> str:
    """Return the line for workers of which one was killed; the pool has ended the others."""
    files = board.files()
    for worker in workers:
        worker.join(timeout=10)
    guilty = [worker for worker in workers if worker.exitcode not in (None, 0, -signal.SIGTERM)]
    names = sorted({job.files[files[worker.pid]].name for worker in guilty if worker.pid in files})
    what = f"{', '.join(names[:3])}: the process that read it" if names else "a worker process"
    return (
        f"{what} was killed, perhaps for want of memory; start the same command again, with fewer --workers "
        "or without that file"
    )
