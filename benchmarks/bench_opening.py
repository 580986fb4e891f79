"""How long opening a large store takes: reading ``meta.json`` and comparing the small arrays with each other.

    python benchmarks/bench_opening.py [NUM_SEQUENCES]

Every sequence has one or two bodies in one to eight frames, one in four a gap. The positions are a hole in a
sparse file: opening does not read them.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from skelact.skeleton.tables import NTU_25
from skelact.store.metadata import FORMATS
from skelact.store.packing import frame_rows
from skelact.store.store import Store

NUM_KINDS = 64
"""So many different sequences are made, and repeated."""


def write_store(folder: Path, num_sequences: int) -> None:
    """Write a store whose index arrays are sound and whose positions are all 0."""
    random = np.random.default_rng(0)
    shapes = [(int(random.integers(1, 3)), int(random.integers(1, 9))) for _ in range(NUM_KINDS)]
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


def main() -> None:
    num_sequences = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        write_store(path, num_sequences)
        seconds = {True: [], False: []}
        for _ in range(5):
            for check in seconds:
                begin = time.perf_counter()
                store = Store.open(path, check=check)
                seconds[check].append(time.perf_counter() - begin)
        rows = store.meta["arrays"]["frame_rows"]["shape"][0]
        print(f"{num_sequences:,} sequences, {rows:,} frames of bodies, best of 5")
        print(f"opening        {min(seconds[True]):.3f} s")
        print(f"without check  {min(seconds[False]):.3f} s")


if __name__ == "__main__":
    main()
