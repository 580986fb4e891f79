"""Feed damaged files to a reader: its answer is whole sequences or a DataError, and never anything else.

A case is a valid file that was damaged (or random bytes), made from the reader's name, the seed and its
number alone, so each one can be made again: ``make_case(target, target.samples(), number, seed)``.
"""

import math
import signal
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

import numpy as np

from fuzzing.damage import DAMAGES, grown
from fuzzing.targets import TARGETS, Target
from skelact.errors import DataError
from skelact.skeleton.sequence import SkeletonSequence

MEMORY = 16_000_000  # bytes that a reader may take whatever the file,
MEMORY_PER_BYTE = 200  # and for each byte of it
MEMORY_EVERY = 40  # cases of which one is measured
SECONDS = 60  # after which a case counts as one without end; the slowest takes a few hundredths of a second


class NoEndError(BaseException):
    """A case that runs and runs; no reader takes it for a fault of its file."""


@dataclass
class Findings:
    """What cases of one reader gave."""

    reader: str
    seed: int
    cases: int
    counts: dict[str, int] = field(default_factory=lambda: {"sequence": 0, "error": 0})
    """Cases that gave sequences alone, and cases that gave an error."""
    wrong: list[str] = field(default_factory=list)
    """Every case that gave something else, ran without end or took too much memory, a line each."""

    def __str__(self) -> str:
        return (
            f"{self.reader}: seed {self.seed}: {self.cases:,} cases, {self.counts['sequence']:,} read, "
            f"{self.counts['error']:,} refused, {len(self.wrong)} wrong"
        )


def readers() -> list[str]:
    """Return the names of all readers."""
    return [target.name for target in TARGETS]


def find_target(reader: str) -> Target:
    """Return what is known of the reader called ``reader``."""
    return next(target for target in TARGETS if target.name == reader)


def fuzz(reader: str, seed: int = 0, cases: int | None = None, folder: Path | None = None) -> Findings:
    """Feed ``cases`` damaged files to a reader.

    Args:
        reader: one of :func:`readers`.
        seed: other seeds give other cases.
        cases: how many; None: as many as the table says.
        folder: where files are written; None: a folder of its own.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as own:
            return fuzz(reader, seed, cases, Path(own))
    target = find_target(reader)
    valid, path = target.samples(), folder / "file"
    findings = Findings(reader, seed, target.cases if cases is None else cases)
    if "sequence" not in {answer(target, sample, path) for sample in valid}:
        findings.wrong.append("not one valid file is read")
    for number in range(findings.cases):
        data = make_case(target, valid, number, seed)
        is_measured = number % MEMORY_EVERY == 0
        if is_measured:
            tracemalloc.start()
        try:
            with deadline():
                findings.counts[answer(target, data, path)] += 1
            if is_measured:
                peak, allowed = tracemalloc.get_traced_memory()[1], MEMORY + MEMORY_PER_BYTE * len(data)
                assert peak <= allowed, f"took {peak:,} bytes of memory for a file of {len(data):,}"
        except (Exception, NoEndError) as error:
            findings.wrong.append(f"case {number}: {type(error).__name__}: {error} for {data[:200]!r}")
        finally:
            if is_measured:
                tracemalloc.stop()
    return findings


def fuzz_sizes(reader: str, seed: int = 0, cases: int = 6, size: int = 1_000_000) -> Findings:
    """Feed a reader files of which one piece stands there over and over: no time may grow with its square.

    Args:
        reader: one of :func:`readers`.
        seed: other seeds give other cases.
        cases: how many.
        size: bytes of each.
    """
    target, findings = find_target(reader), Findings(reader, seed, cases)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(cases):
            random = Random(f"{reader} {number} of {size} seed {seed}")
            data = grown(random, random.choice(target.samples()), size)
            try:
                with deadline():
                    findings.counts[answer(target, data, Path(folder) / "file")] += 1
            except (Exception, NoEndError) as error:
                findings.wrong.append(f"case {number}: {type(error).__name__}: {error} for {data[:200]!r}")
    return findings


@contextmanager
def deadline() -> Iterator[None]:
    """Raise NoEndError in the block when it runs without end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise NoEndError(f"no end after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def make_case(target: Target, valid: list[bytes], number: int, seed: int = 0) -> bytes:
    """Return the content of one damaged file."""
    random = Random(f"{target.name} {number}" + (f" seed {seed}" if seed else ""))
    if target.rewrite and random.random() < 0.5:
        return target.rewrite(random)
    data = random.choice(valid)
    for _ in range(random.choice([1, 1, 1, 2])):
        data = random.choice(DAMAGES)(random, data) if data else data
    if random.random() < 0.05:
        other = random.choice(valid)  # two files run into one
        data = data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other)) :]
    return data


def answer(target: Target, data: bytes, path: Path) -> str:
    """Read one case; returns ``sequence`` or ``error``, or what is wrong with the answer."""
    errors = 0
    try:
        for item in target.read(data, path):
            if isinstance(item, SkeletonSequence):
                check_sequence(item)
            else:
                assert isinstance(item, DataError), f"gave {item!r:.100}"
                check_error(item)
                errors += 1
    except DataError as error:
        check_error(error)
        errors += 1
    return "error" if errors else "sequence"


def check_sequence(sequence: SkeletonSequence) -> None:
    shape = sequence.positions.shape
    assert shape[2] == sequence.topology.num_joints
    assert shape[1] >= 1
    assert shape[3] in (2, 3)
    assert sequence.positions.dtype == np.float32
    assert np.isfinite(sequence.positions).all()
    assert sequence.present.shape == shape[:2]
    assert sequence.fps is None or 0 < sequence.fps < math.inf
    assert sequence.label is None or sequence.label >= 0


def check_error(error: DataError) -> None:
    assert len(str(error)) < 1_000, "an error of more than 1000 characters"
    assert str(error).isprintable(), f"an error that is not one printable line: {error}"
