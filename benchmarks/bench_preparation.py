"""A whole preparation: one worker process against two, peak memory, the size of the store, and opening it.

Every preparation runs in a process of its own, one and two workers in turns. The raw files are synthetic NTU
recordings; at most 200 differ, the others are links to them under other names. The memory is that of the main
process at its peak and, for every worker, that of the largest worker at its peak. The size is compared with
the padded arrays of one protocol as they are published: (N, 300, 150) float32, labels one-hot in float64.

The full measurement: --sequences 20000.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DISTINCT = 200
PADDED_BYTES = 300 * 150 * 4 + 120 * 8
OPENINGS = 7


def write_raw(folder: Path, num_sequences: int) -> None:
    """Write the synthetic recordings, and link to them under the names of the further ones."""
    from skelact.synthetic.actions import choose_actions
    from skelact.synthetic.data_set import write_data_set
    from skelact.synthetic.recording import format_name, recording_name

    files = write_data_set(folder, sequences=min(num_sequences, DISTINCT), seed=0)
    actions = choose_actions(None)
    for index in range(len(files), num_sequences):
        os.link(files[index % DISTINCT], folder / f"{format_name(recording_name(index, actions))}.skeleton")


def measure_preparation(raw: str, store: str, num_workers: str) -> dict[str, float]:
    """Prepare, and return the seconds and the peak memory in MB; runs in a process of its own."""
    from skelact.store.prepare import prepare

    start = time.perf_counter()
    prepare("ntu120", Path(raw), Path(store), num_workers=int(num_workers), overwrite=True)
    seconds = time.perf_counter() - start
    own, worker = peak_memory(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": seconds, "memory": own + int(num_workers) * worker, "own": own}


def measure_opening(store: str) -> dict[str, float]:
    """Open the store, and return the median of milliseconds and MB more of resident memory."""
    from skelact.store.store import Store

    before, times = resident_memory(), []
    for _ in range(OPENINGS):
        start = time.perf_counter()
        opened = Store.open(Path(store))
        len(opened)
        times.append(1e3 * (time.perf_counter() - start))
    return {"first": times[0], "median": statistics.median(times), "memory": resident_memory() - before}


def resident_memory() -> float:
    """MB of this process that lie in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_memory() -> float:
    """MB that this process had in memory at its peak; ``getrusage`` counts what it was started from, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def in_16_bits(store: Path) -> Path:
    """Write the store once more, with positions as ``data prepare --positions int16`` keeps them."""
    from skelact.store.convert import convert_store
    from skelact.store.store import Store

    exact = Store.open(store)
    return convert_store(exact, store.with_name("fixed"), exact.topology, positions="int16").store.path


def print_size(name: str, store: Path, num_sequences: int) -> None:
    """Print a store's size beside that of the padded arrays."""
    size, padded = sum(path.stat().st_size for path in store.iterdir()), num_sequences * PADDED_BYTES
    sizes = f"{size / 1e6:,.1f} MB; padded arrays of one protocol {padded / 1e6:,.1f} MB"
    print(f"  {name}: {sizes}, {padded / size:.1f} times as much")


MEASURES: dict[str, Callable[..., dict[str, float]]] = {
    "preparation": measure_preparation,
    "opening": measure_opening,
}


def in_own_process(measure: str, *arguments: str) -> dict[str, float]:
    """Run one of ``MEASURES`` in a fresh process."""
    command = [sys.executable, __file__, "--measure", measure, *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=int, default=300, help="number of recordings")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure[0]](*options.measure[1:])))
        return
    if options.sequences < 1 or options.rounds < 1:
        parser.error("--sequences and --rounds must be at least 1")
    from alternate import describe_machine  # it imports torch, which a preparation does not need

    with tempfile.TemporaryDirectory() as folder:
        raw, store = Path(folder) / "raw", Path(folder) / "store"
        write_raw(raw, options.sequences)
        raw_bytes = sum(path.stat().st_size for path in raw.iterdir())
        print(f"{options.sequences:,} recordings, {raw_bytes / 1e6:,.0f} MB of text  ({describe_machine()})")
        found: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
        for _ in range(options.rounds):
            for num_workers, results in found.items():
                results.append(in_own_process("preparation", str(raw), str(store), num_workers))
        print(f"  {'':18}{'files/s':>12}{'peak memory':>16}{'main process':>16}")
        for num_workers, results in found.items():
            seconds = statistics.median(result["seconds"] for result in results)
            memory, own = (max(result[key] for result in results) for key in ("memory", "own"))
            rate = options.sequences / seconds
            print(f"  {num_workers + ' worker(s)':18}{rate:12,.0f}{memory:13,.0f} MB{own:13,.0f} MB")
        ratios = [one["seconds"] / two["seconds"] for one, two in zip(found["1"], found["2"], strict=True)]
        print(f"  two against one: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        print_size("store", store, options.sequences)
        print_size("store, positions int16", in_16_bits(store), options.sequences)
        opening = in_own_process("opening", str(store))
        times = f"{opening['first']:.2f} ms at first, then {opening['median']:.2f} ms"
        print(f"  opening it: {times}, {opening['memory']:.1f} MB more memory")


if __name__ == "__main__":
    main()
