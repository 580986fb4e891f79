"""Timing two ways of doing the same work, and the memory they need.

The two take turns in one process, so that whatever else the machine does hits both alike; what counts is
the ratio of each pair. Printed are the median, the smallest and the largest of the rounds.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from skelact.processor import keep_large_blocks

Work = Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """Seconds of every round, in the order they were run."""

    name: str
    ours: list[float]
    baseline: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, round by round."""
        return [slow / fast for fast, slow in zip(self.ours, self.baseline, strict=True)]


def parse_rounds(description: str | None, arguments: Sequence[str] | None = None) -> int:
    """Read ``--rounds`` (7 by default) and ``--threads`` (torch's own by default) and set the threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=7, help="how often each of the two is timed")
    parser.add_argument("--threads", type=int, default=None, help="threads of torch")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or (options.threads is not None and options.threads < 1):
        parser.error("--rounds and --threads must be at least 1")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    return int(options.rounds)


def describe_machine() -> str:
    """Return processor, threads and versions in one line."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        processor = names[0] if names else processor
    return f"{processor}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def fetch_large_blocks() -> None:
    """Undo :func:`skelact.processor.keep_large_blocks`, for a baseline that runs as processes do by default.

    glibc by default raises its thresholds with what a program frees, up to these values; larger blocks come
    from the system each time.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD
        library.mallopt(-1, 64 << 20)  # M_TRIM_THRESHOLD
        library.malloc_trim(0)


def compare(
    name: str,
    ours: Work,
    baseline: Work,
    rounds: int = 7,
    work: float | None = None,
    unit: str | None = None,
    own_allocator: bool = False,
) -> Comparison:
    """Time ``ours`` and ``baseline`` in turns, after one untimed call of each, and print a table.

    Args:
        name: what the work is.
        ours: our way; called without arguments.
        baseline: the plain way.
        rounds: how often each is timed.
        work: how many units one call does; with it, units a second are printed beside the milliseconds.
        unit: what ``work`` counts, e.g. ``"clips"``.
        own_allocator: ours keeps large blocks of memory, the baseline does not; then each timed call comes
            after an untimed one, which brings the memory to its state.
    """
    ours()
    baseline()
    taken: tuple[list[float], list[float]] = ([], [])
    allocators = (keep_large_blocks, fetch_large_blocks)
    for _ in range(rounds):
        for times, call, allocator in zip(taken, (ours, baseline), allocators, strict=True):
            if own_allocator:
                allocator()
                call()
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    result = Comparison(name, *taken)
    print(f"{name}  ({describe_machine()}, {rounds} rounds)")
    print(f"  {'':10}{'median':>14}{'min':>14}{'max':>14}")
    for label, times in (("ours", result.ours), ("baseline", result.baseline)):
        _row(f"{label}, ms", [1e3 * seconds for seconds in times], "14,.2f")
    if work is not None:
        for label, times in (("ours", result.ours), ("baseline", result.baseline)):
            rates = [work / seconds for seconds in times]
            _row(f"{label}, {unit}/s", rates, "14,.0f" if min(rates) >= 100 else "14,.1f")
    _row("ratio", result.ratios, "14,.1f")
    return result


def _row(label: str, values: list[float], form: str) -> None:
    numbers = (statistics.median(values), min(values), max(values))
    print(f"  {label:<20}" + "".join(format(number, form) for number in numbers))


def peak_memory(call: Work) -> int:
    """Return the most bytes of tensors that ``call`` held at one time beyond those that were there before.

    Counted by torch's own allocator, as its profiler reports it, so the number is exact and does not depend
    on the operating system; memory taken by numpy or inside a math library is not in it. A first call that is
    not counted fills the caches.
    """
    call()
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as record:
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        record.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    changes = sorted(
        (event["ts"], event["args"]["Bytes"]) for event in events if event.get("name") == "[memory]"
    )
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


def most_memory(call: Work, device: str = "cpu") -> int:
    """Do the same on a CPU, or on a GPU as its allocator counts it."""
    if device == "cpu":
        return peak_memory(call)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return torch.cuda.max_memory_allocated() - before
