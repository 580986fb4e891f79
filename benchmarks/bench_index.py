"""What an index costs: opening a store of many sequences, and the order of an epoch, in seconds and memory.

    python benchmarks/bench_index.py [NUM_SEQUENCES] [FRAMES]

Every sequence has one or two bodies in half to all of FRAMES frames (default 80), one in four a gap. The
positions are a hole in a sparse file: none of this reads them. Seconds are those of the clock and of the
processor, which tell whether others ran beside it. Memory is what a process has of its own (RssAnon), more
than before the step; what is mapped is shared by all processes of a machine, and gives way.
"""

import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skelact.skeleton.tables import NTU_25
from skelact.store.metadata import FORMATS
from skelact.store.packing import frame_rows
from skelact.store.store import Store

NUM_KINDS = 64
"""So many different sequences are made, and repeated."""


def write_store(folder: Path, num_sequences: int, num_frames: int) -> None:
    """Write a store whose index arrays are sound and whose positions are all 0."""
    random = np.random.default_rng(0)
    shapes = [
        (int(random.integers(1, 3)), int(random.integers(num_frames // 2, num_frames + 1)))
        for _ in range(NUM_KINDS)
    ]
    presences = [np.ones(shape, np.bool_) for shape in shapes]
    for present in presences[::4]:
        if len(present) == 2 and present.shape[1] > 1:
            present[1, 0] = False
    rows = [frame_rows(present).reshape(-1) for present in presences]
    kinds = np.arange(num_sequences) % NUM_KINDS

    def starts(lengths: list[int]) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(np.array(lengths)[kinds])]).astype("<i8")

    def repeated(parts: list[np.ndarray]) -> np.ndarray:
        whole, rest = divmod(num_sequences, NUM_KINDS)
        return np.concatenate([np.tile(np.concatenate(parts), whole), *parts[:rest]]).astype("<i4")

    names = [f"S{number:09}" for number in range(num_sequences)]
    arrays = {
        "frame_rows": repeated(rows),
        "frame_numbers": repeated([np.arange(frames) for _, frames in shapes]),
        "joint_start": starts([int(present.sum()) for present in presences]),
        "row_start": starts([bodies * frames for bodies, frames in shapes]),
        "frame_start": starts([frames for _, frames in shapes]),
        "num_bodies": np.array([bodies for bodies, _ in shapes], "<i4")[kinds],
        "num_frames": np.array([frames for _, frames in shapes], "<i4")[kinds],
        "label": (np.arange(num_sequences) % 60).astype("<i4"),
        "attribute_subject": (np.arange(num_sequences) % 40).astype("<i4"),
        "names": np.array(names, np.bytes_),
    }
    folder.mkdir()
    for name, array in arrays.items():
        array.tofile(folder / f"{name}.bin")
    joints = (int(arrays["joint_start"][-1]), 25, 3)
    with (folder / "joints.bin").open("wb") as file:
        file.truncate(4 * int(np.prod(joints)))
    entries = {name: (array.dtype.str, list(array.shape)) for name, array in arrays.items()}
    entries["joints"] = ("<f4", list(joints))
    meta = {
        "format": FORMATS["float32"],
        "data_set": "synthetic",
        "options": {},
        "protocols": [],
        "topology": NTU_25.to_dict(),
        "class_names": [f"action {number}" for number in range(60)],
        "attribute_values": {},
        "fps": 30.0,
        "arrays": {
            name: {"dtype": dtype, "shape": shape, "sha256": "0" * 64}
            for name, (dtype, shape) in entries.items()
        },
        "attached": {},
        "content_hash": "0" * 64,
    }
    (folder / "meta.json").write_text(json.dumps(meta))


def own_memory() -> int:
    """Return the bytes that this process does not share."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def measure(path: Path) -> None:
    """Do what a training process does with an index, step by step, and print what it costs."""
    from skelact.clips.mixture import MixedSource
    from skelact.clips.settings import ClipSettings
    from skelact.clips.source import ClipSource
    from skelact.store.protocols import training_side
    from skelact.training.steps import epoch_batches

    kept: dict[str, Any] = {}

    def source() -> None:
        kept["source"] = MixedSource([ClipSource(kept["store"], ClipSettings())])

    def side() -> None:
        sides = training_side(kept["store"], "all").train
        kept["train"] = kept["source"].joined([sides])

    def order() -> None:
        number = len(kept["train"])
        draw = partial(kept["source"].epoch_order, kept["train"])
        kept["order"] = epoch_batches(number, 256, 0, 0, draw)

    steps = {
        "opening": lambda: kept.update(store=Store.open(path)),
        "source of clips": source,
        "sequences that train": side,
        "order of an epoch": order,
        "names": lambda: kept["store"].names,
    }
    start, num_sequences = own_memory(), 0
    for name, step in steps.items():
        before, begin, of_processor = own_memory(), time.perf_counter(), time.process_time()
        step()
        seconds, of_processor = time.perf_counter() - begin, time.process_time() - of_processor
        num_sequences = num_sequences or len(kept["store"])
        more = own_memory() - before
        print(
            f"{name:<22}{seconds:8.3f} s {of_processor:8.3f} s {more / 1e6:8.1f} MB "
            f"{more / num_sequences:8.1f} bytes a sequence"
        )
    print(f"{'together':<22}{'':21} {(own_memory() - start) / 1e6:8.1f} MB")


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
        return
    num_sequences = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    num_frames = int(sys.argv[2]) if len(sys.argv) > 2 else 80
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        write_store(path, num_sequences, num_frames)
        rows = json.loads((path / "meta.json").read_text())["arrays"]["frame_rows"]["shape"][0]
        print(f"{num_sequences:,} sequences, {rows:,} frames of bodies", flush=True)
        for _ in range(2):  # the first brings the files into the page cache
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    main()
