"""How long it takes to teach a model 10 classes by 10 recordings each, and to ask it about one, both ways.

    python benchmarks/bench_teaching.py [RUN]

Both are commands, started anew. The recordings are synthetic, written as NTU RGB+D text. Without a run whose
encoder is taken (of NTU RGB+D's skeletons), an untrained one of size small is. The model is asked as a
package by PyTorch, and as an ONNX file, with float32 and with 8-bit weights, by ONNX Runtime.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skelact
from skelact.synthetic import write_data_set

ACTIONS = ("A001", "A006", "A007", "A008", "A010", "A022", "A023", "A024", "A026", "A044")
TIMES = 3


def seconds(*words: object) -> float:
    """Return how long a command takes."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "skelact.cli.main", *map(str, words)], check=True, capture_output=True
    )
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
            run = Path(sys.argv[1])
        else:
            run = folder / "run"
            store = skelact.prepare("ntu60", folder / "gestures", folder / "store", workers=1)
            skelact.pretrain(
                store, out=run, size="small", epochs=1, quiet=True, training={"tensorboard": False}
            )
        taught = [
            seconds("teach", folder / "gestures", "--from", run, "--out", folder / "model", "--overwrite")
            for _ in range(TIMES)
        ]
        (one, *_) = sorted((folder / "gestures" / "A010").iterdir())
        models = {"PyTorch": folder / "model"}
        for name, words in (("ONNX", ()), ("ONNX int8", ("--quantize", "int8"))):
            models[name] = folder / f"{name.replace(' ', '-')}.onnx"
            seconds("export", folder / "model", models[name], *words)
        print(f"{len(files)} recordings of {len(ACTIONS)} classes, best of {TIMES}")
        print(f"teach    {min(taught):.2f} s")
        for name, model in models.items():
            asked = min(seconds("predict", model, one) for _ in range(TIMES))
            size = sum(path.stat().st_size for path in ([model] if model.is_file() else model.iterdir()))
            print(f"predict  {asked:.2f} s, one recording, the whole command; {name}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
