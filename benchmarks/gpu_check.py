"""Does everything work on this GPU, and how fast is it? One script, about seven minutes, no network.

Every method trains ten steps in float32, in bfloat16 and compiled, is stopped and resumed, embeds and is
evaluated; each is compared with the same on the CPU in float32, and a check that fails does not end the
others. Beside that clips a second, share of the peak and memory at the published sizes against the plain
baselines of this folder, what steps spend their time on, the rate at which the host makes batches, and what
all that comes to: hours of NTU-60, and whether the aims are reached. The data is synthetic.

The tables go into ``benchmarks/results/``. The exit status is 1 if anything failed. ``--device cpu`` does all
of it with tiny sizes and proves the script, not the CPU: there ``torch.compile`` traces models, no more.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import carried_wheels

if TYPE_CHECKING:
    from gpu_comparisons import Check
    from gpu_speeds import Aim, Measured, Measurement, Spent

RESULTS = Path(__file__).resolve().parent / "results"
OK, FAILED = "ok", "FAILED"


class Progress:
    """One line for everything that is done, with the time that is left as far as one can tell."""

    def __init__(self, total: int) -> None:
        self.done, self.total, self.begun = 0, total, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.begun

    def add(self, text: str, outcome: str) -> None:
        """Say what came of the next thing."""
        self.done += 1
        left = self.seconds / self.done * (self.total - self.done)
        place = f"[{self.done:>{len(str(self.total))}}/{self.total}"
        print(f"{place}  {self.seconds:4.0f} s, about {left:3.0f} s left]  {text}: {outcome}", flush=True)


class Report:
    """What was found, and the tables that say it."""

    def __init__(self, progress: Progress, budget: float) -> None:
        self.progress, self.budget, self.failed = progress, budget, 0
        self.comparisons: list[list[str]] = []
        self.measured: list[Measured] = []
        self.spent: list[Spent] = []
        self.remarks: list[str] = []

    def check(self, checks: Sequence[Check]) -> None:
        """Do comparisons; one that raises has failed, and the next is done."""
        for method, name, compare in checks:
            try:
                found = compare()
            except Exception as error:
                self.failed += 1
                self.comparisons.append([method, name, "-", "-", "-", FAILED])
                self.remarks.append(f"{method}, {name}: {in_one_line(error)}")
                self.progress.add(f"{method}, {name}", f"{FAILED} ({in_one_line(error)})")
                continue
            for each in found:
                row = [method, name, each.what, f"{each.deviation:.1e}", f"{each.tolerance:.1e}"]
                self.comparisons.append([*row, OK if each.is_ok else FAILED])
            wrong = [each.what for each in found if not each.is_ok]
            self.failed += len(wrong)
            self.progress.add(f"{method}, {name}", f"{FAILED}: {', '.join(wrong)}" if wrong else OK)

    def measure(self, measurements: Sequence[Measurement]) -> None:
        """Measure, as long as there is time."""
        for name, measure in measurements:
            if self.progress.seconds > self.budget:
                self.remarks.append(f"{name}: skipped, for {self.budget:.0f} seconds were over")
                self.progress.add(name, "skipped")
                continue
            try:
                found = measure()
            except Exception as error:
                out_of_memory = isinstance(error, torch.OutOfMemoryError)
                self.failed += not out_of_memory
                outcome = (
                    "does not fit into the memory" if out_of_memory else f"{FAILED} ({in_one_line(error)})"
                )
                self.remarks.append(f"{name}: {outcome}")
                self.progress.add(name, outcome)
            else:
                self.measured += (rates := [each for each in found if hasattr(each, "clips_per_second")])
                self.spent += (spent := [each for each in found if hasattr(each, "busy")])
                told = [f"{each.clips_per_second:,.0f} clips/s" for each in rates]
                self.progress.add(name, ", ".join(told + [f"computes {each.busy:.0%}" for each in spent]))
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def text(self, title: str, size: str, peaks: dict[str, float], aims: Callable[..., Sequence[Aim]]) -> str:
        """Return the report."""
        passed = sum(row[-1] == OK for row in self.comparisons)
        rates = ", ".join(f"{name} {rate / 1e12:,.1f} TFLOP/s" for name, rate in peaks.items())
        parts = [
            f"# GPU check, {title}",
            f"{passed} of {len(self.comparisons)} comparisons within tolerance, {self.failed} failures; "
            f"{self.progress.seconds:.0f} s. Written by `make gpu-check`.",
            "## Against the CPU in float32",
            "Largest deviation over ten steps as a share of the largest value; of weights, of the way they "
            "went. `resumed` is compared with the run on this device that was not stopped. Where the "
            "tolerances come from stands in `benchmarks/gpu_comparisons.py`.",
            table(["method", "check", "of what", "deviation", "tolerance", "result"], self.comparisons, 3),
            f"## What it comes to, at size {size}",
            table(
                ["what", "found", "aim", "reached"],
                [
                    [each.what, each.found, each.aim, "yes" if each.is_reached else "NO"]
                    for each in aims(self.measured, self.spent)
                ],
                1,
            ),
            "Hours are epochs times clips by the rate of the training loop in bfloat16; loops train on "
            "synthetic recordings, a sixth of two people, about as in NTU RGB+D. An aim that is missed is no "
            "failure.",
            "## Speed and memory",
            f"Large matrix products here: {rates or 'not measured'}. Shares are of the product in the same "
            "arithmetic. The baselines are the plain ones of `bench_pretraining_step.py` and "
            "`bench_contrastive_step.py`, in float32. Memory is what a step takes beyond weights and "
            "optimiser; of the training loop, all of it. `-`: does not apply, or the baseline does not fit.",
            table(
                ["what", "clips", "arithmetic", "clips/s", "baseline x", "of peak", "MiB", "baseline MiB"],
                [row_of(each) for each in self.measured],
                1,
            ),
            "## What steps spend their time on",
            "The operators that take most, as shares of what the device computes.",
            *(
                f"- {each.what}, {1e3 * each.seconds:,.1f} ms: "
                + (", ".join(f"{name} {cost:.0%}" for name, cost in each.costs) or "nothing was told")
                for each in self.spent
            ),
        ]
        if self.remarks:
            parts += ["## Remarks", "\n".join(f"- {remark}" for remark in self.remarks)]
        return "\n\n".join(parts) + "\n"


def in_one_line(error: Exception) -> str:
    """Return an error's kind and the beginning of what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def row_of(measured: Measured) -> list[str]:
    """Return a measurement as a row of the table."""

    def text(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return [
        measured.what,
        str(measured.clips),
        measured.arithmetic,
        text(measured.clips_per_second, ",.0f"),
        text(measured.times_baseline, ".1f"),
        text(measured.share_of_peak, ".0%"),
        text(measured.mebibytes, ",.0f"),
        text(measured.baseline_mebibytes, ",.0f"),
    ]


def table(head: list[str], rows: list[list[str]], num_left: int) -> str:
    """Return an aligned Markdown table; columns from ``num_left`` on stand to the right."""
    widths = [max(3, *(len(row[column]) for row in [head, *rows])) for column in range(len(head))]

    def line(row: list[str]) -> str:
        cells = [
            text.ljust(width) if column < num_left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = [
        "-" * width if place < num_left else "-" * (width - 1) + ":" for place, width in enumerate(widths)
    ]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="what is checked")
    parser.add_argument(
        "--budget", type=float, default=400, help="seconds after which no speed is measured any more"
    )
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="check these alone; default: all")
    parser.add_argument("--out", type=Path, help="the report; default: DATE-DEVICE.md in benchmarks/results")
    parser.add_argument("--fetch-wheels", action="store_true", help="only download what a bare machine needs")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not options.fetch_wheels and not torch.cuda.is_available():
        parser.error("torch finds no GPU here; --device cpu proves the script without one")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, measure, write the report; return the exit status."""
    options = parse(arguments)
    if options.fetch_wheels:
        wheels = carried_wheels.fetch()
        size = sum(wheel.stat().st_size for wheel in wheels) / 2**20
        print(f"{carried_wheels.WHEELS}: {len(wheels)} wheels, {size:.1f} MiB")
        return 0
    carried = carried_wheels.provide()
    import gpu_comparisons
    import gpu_speeds
    from skelact.errors import SkelactWarning
    from skelact.processor import keep_large_blocks
    from skelact.provenance import code_version

    methods = options.methods or list(gpu_comparisons.METHODS)
    if unknown := sorted({*methods} - {*gpu_comparisons.METHODS}):
        known = ", ".join(map(repr, gpu_comparisons.METHODS))
        print(f"--methods: no {unknown[0]!r}; there are {known}", file=sys.stderr)
        return 2
    keep_large_blocks()
    on_gpu = options.device == "cuda"
    name, today = torch.cuda.get_device_name() if on_gpu else "cpu", datetime.date.today().isoformat()
    versions = f"torch {torch.__version__}, Python {sys.version.split()[0]}, skelact {code_version()}"
    title = f"{name}, {today} ({versions})"
    out = options.out or RESULTS / f"{today}-{re.sub('[^a-z0-9]+', '-', name.lower())}.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    compiling = contextlib.nullcontext() if on_gpu else tracing_only()
    temporary = tempfile.TemporaryDirectory(prefix="gpu-check-")
    with compiling, warnings.catch_warnings(), temporary as folder:
        warnings.simplefilter("ignore", SkelactWarning)  # of few sequences, which are meant
        progress = Progress(0)
        store = gpu_comparisons.make_store(Path(folder))
        plain, compiled = gpu_comparisons.checks(store, options.device, Path(folder), methods)
        sizes = gpu_speeds.PUBLISHED if on_gpu else gpu_speeds.TINY
        peaks, speeds, compiled_speeds = gpu_speeds.measurements(options.device, sizes, Path(folder))
        progress.total = len(plain) + len(compiled) + len(speeds) + len(compiled_speeds)
        report = Report(progress, options.budget)
        if carried:
            report.remarks.append(f"from carried wheels: {', '.join(carried)}")
        for do, what in (
            (report.check, plain),
            (report.measure, speeds),
            (report.measure, compiled_speeds),
            (report.check, compiled),
        ):
            do(what)
            out.write_text(
                report.text(title, sizes.size, peaks, gpu_speeds.aims)
            )  # whatever becomes of the next stage
    print(f"{out}: {report.failed} failures, {progress.seconds:.0f} s")
    return 1 if report.failed else 0


@contextlib.contextmanager
def tracing_only() -> Iterator[None]:
    """Let ``torch.compile`` trace models and run what it traced; a C++ compiler would take minutes."""
    compile_: Callable[..., Any] = torch.compile
    torch.compile = functools.partial(compile_, backend="eager")  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compile = compile_  # type: ignore[assignment]


if __name__ == "__main__":
    sys.exit(main())
