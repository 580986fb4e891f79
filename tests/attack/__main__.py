"""Attacks the package: edits, damaged files, mutated command lines, two of everything at once.

    python tests/attack [--minutes 10] [--seed N] [--jobs 2] [--only PART] [--case N]

``--only chaos`` are all parts that disturb commands at work: kills, full and slow disks, removed stores,
damaged checkpoints, jumps of the clock, processes that are stopped for a while.

Every case is work in a child process with a bound of time and memory. It must end in a result or in one line;
a traceback, a signal, work without end, or other bytes than those of an undisturbed run are faults. They are
printed with the seed, the part and the number of the case: ``--seed S --only PART --case N`` makes one again.
The exit status is 1 where there is a fault.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attack.disturbances import DISTURBANCES
from attack.parts import LONG, PARTS, make_world

FULL_MINUTES = 10
"""The counts of :data:`attack.parts.PARTS` are those of so many minutes, on two cores."""
ALL = {**PARTS, **DISTURBANCES}
CHAOS = "chaos"
GROUPS = {None: [*PARTS], CHAOS: [*DISTURBANCES]}
"""What is attacked without ``--only``, and with a name that stands for several parts."""


def main() -> int:
    arguments = options()
    seed = arguments.seed if arguments.seed is not None else int.from_bytes(os.urandom(4))
    if arguments.job is not None:
        print(json.dumps(work(arguments, seed)))
        return 0
    print(f"seed {seed}", flush=True)
    begun = time.monotonic()
    counts: Counter[str] = Counter()
    faults: list[str] = []
    stopped: list[tuple[float, str]] = []
    for answer in side_by_side(arguments, seed):
        counts.update(answer["counts"])
        faults += answer["faults"]
        stopped += map(tuple, answer["stopped"])
    print_table(counts, faults, time.monotonic() - begun)
    print_stopped(sorted(stopped))
    return 1 if faults else 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=FULL_MINUTES, help="about how long, on two cores")
    parser.add_argument("--seed", type=int, help="makes the same cases again (default: a new one)")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument("--only", choices=[*ALL, CHAOS], help="one part alone")
    parser.add_argument("--case", type=int, help="one case of it alone")
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def side_by_side(arguments: argparse.Namespace, seed: int) -> list[dict[str, object]]:
    """Let each of several processes do its share; return what they found."""
    jobs = 1 if arguments.case is not None else arguments.jobs
    command = [
        sys.executable,
        str(Path(__file__).parent),
        *sys.argv[1:],
        "--seed",
        str(seed),
        "--jobs",
        str(jobs),
    ]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([*command, "--job", str(job)], stdout=subprocess.PIPE, text=True, env=settings)
        for job in range(jobs)
    ]
    answers = [process.communicate()[0] for process in started]
    for process in started:
        if process.returncode:
            raise SystemExit(f"a process of the attack itself ended with {process.returncode}")
    return [json.loads(answer.splitlines()[-1]) for answer in answers]


def work(arguments: argparse.Namespace, seed: int) -> dict[str, object]:
    """Do every ``jobs``-th case of every part, from the first, second ... on."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    stopped: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        world = make_world(Path(folder))
        for name in GROUPS.get(arguments.only, [arguments.only]):
            part = ALL[name]
            total = max(1, math.ceil(part.cases * arguments.minutes / FULL_MINUTES))
            numbers = range(arguments.job, total, arguments.jobs)
            for number in numbers if arguments.case is None else [arguments.case]:
                found = part.run(world, Random(f"{seed} {name} {number}"), number)
                counts[f"{name}: cases"] += found.cases
                counts[f"{name}: {found.outcome}"] += found.cases
                if found.stopped is not None:
                    stopped.append((found.stopped, f"{name}, case {number}: {found.what}"))
                for fault in found.faults:
                    faults.append(f"{name}, case {number}: {found.what}: {fault}")
                    counts[f"{name}: faults"] += 1
                    print(faults[-1], file=sys.stderr, flush=True)
    return {"counts": dict(counts), "faults": faults, "stopped": stopped}


def print_table(counts: Counter[str], faults: list[str], seconds: float) -> None:
    print(f"\n{'part':<12} {'cases':>7} {'faults':>7}  how they ended")
    for name in ALL:
        ends = {key.split(": ", 1)[1]: count for key, count in counts.items() if key.startswith(f"{name}: ")}
        cases, wrong = ends.pop("cases", 0), ends.pop("faults", 0)
        if cases:
            words = ", ".join(f"{count:,} {end}" for end, count in sorted(ends.items()))
            print(f"{name:<12} {cases:>7,} {wrong:>7,}  {words}")
    print(f"\n{len(faults)} faults in {seconds:.0f} s")


def print_stopped(stopped: list[tuple[float, str]]) -> None:
    """Print the commands that were stopped at work, those first that did least: they may hang."""
    if stopped:
        print(f"\n{len(stopped)} commands were stopped after {LONG:.0f} s, with so many seconds of CPU time:")
    for seconds, line in stopped:
        print(f"{seconds:6.1f}  {line}")


if __name__ == "__main__":
    sys.exit(main())
