"""How long it takes to teach a model 10 classes by 10 recordings each, and what asking it costs.

    python benchmarks/bench_teaching.py [RUN]

The recordings are synthetic, written as NTU RGB+D text. Without a run whose encoder is taken (of NTU
RGB+D's skeletons), an untrained one of size small is. The model is asked by PyTorch, with float32 and
bfloat16, and as an ONNX file, with float32 and with 8-bit weights, by ONNX Runtime: the whole command for
one recording, and, in a process that has the model open, one recording and 32 together, and the most memory
that this process had.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skelact
from skelact.synthetic import write_data_set

ACTIONS = ("A001", "A006", "A007", "A008", "A010", "A022", "A023", "A024", "A026", "A044")
TIMES = 3
BATCHES = (1, 32)
OPEN = """
import contextlib, json, resource, sys, time
import numpy as np
import skelact
model, frames, joints = skelact.load(sys.argv[1]), 80, 25
precision = contextlib.nullcontext()
if sys.argv[2] == "bfloat16":
    import torch
    precision = torch.autocast("cpu", torch.bfloat16)
found = {}
walk = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (frames, joints, 3)), 0).astype(np.float32)
for batch in json.loads(sys.argv[3]):
    best = 1e9
    for _ in range(4):
        begin = time.perf_counter()
        with precision:
            model.predict([walk] * batch)
        best = min(best, time.perf_counter() - begin)
    found[batch] = best
found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(found))
"""


def run(*words: object) -> str:
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


def seconds(*words: object) -> float:
    """Return how long a command takes."""
    begin = time.perf_counter()
    run(sys.executable, "-m", "skelact.cli.main", *words)
    return time.perf_counter() - begin


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_data_set(folder / "raw", sequences=100, seed=0, actions=ACTIONS)
        for file in files:
            place = folder / "gestures" / file.stem[-4:]
            place.mkdir(parents=True, exist_ok=True)
            file.rename(place / file.name)
        if len(sys.argv) > 1:
            encoder = Path(sys.argv[1])
        else:
            encoder = folder / "run"
            store = skelact.prepare("synthetic", folder / "gestures", folder / "store", workers=1)
            skelact.pretrain(
                store, out=encoder, size="small", epochs=1, quiet=True, training={"tensorboard": False}
            )
        gestures, taught = folder / "gestures", folder / "model"
        teach = ("teach", gestures, "--from", encoder, "--out", taught, "--overwrite")
        print(f"{len(files)} recordings of {len(ACTIONS)} classes, best of {TIMES}")
        print(f"teach    {min(seconds(*teach) for _ in range(TIMES)):.2f} s")
        (one, *_) = sorted((gestures / "A010").iterdir())
        ways = [("PyTorch", taught, "float32"), ("PyTorch bfloat16", taught, "bfloat16")]
        for kind, words in (("ONNX", ()), ("ONNX int8", ("--quantize", "int8"))):
            path = folder / f"{kind.replace(' ', '-')}.onnx"
            seconds("export", taught, path, *words)
            ways.append((kind, path, "float32"))
        print(f"{'':<18}{'size, MB':>10}{'command, s':>12}{'1, ms':>9}{'32, ms':>9}{'memory, MB':>12}")
        for kind, model, precision in ways:
            size = sum(path.stat().st_size for path in ([model] if model.is_file() else model.iterdir()))
            command = "" if precision != "float32" else f"{best_of_asking(model, one):.2f}"
            found = json.loads(run(sys.executable, "-c", OPEN, model, precision, json.dumps(BATCHES)))
            shown = "".join(f"{1000 * found[str(batch)]:>9.1f}" for batch in BATCHES)
            print(
                f"{kind:<18}{size / 1e6:>10.1f}{command:>12}{shown}{found['memory'] / 1e6:>12.0f}", flush=True
            )


def best_of_asking(model: Path, one: Path) -> float:
    return min(seconds("predict", model, one) for _ in range(TIMES))


if __name__ == "__main__":
    main()
