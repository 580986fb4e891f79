"""How many requests a second the service answers, and how long they take: 1, 8 and 32 clients.

    python benchmarks/bench_service.py [SECONDS [MODEL RECORDING]]

The service is a process of its own; clients are threads of this one, each with one connection, and send the
same recording again and again for SECONDS (10). Memory is the service's, after each round. Without a model a
tiny one is taught with synthetic recordings.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

import skelact
from skelact.synthetic import write_data_set

CLIENTS = (1, 8, 32)


def make_model(folder: Path) -> tuple[Path, Path]:
    for file in write_data_set(folder / "raw", sequences=24, seed=0, actions=("A008", "A010", "A026")):
        place = folder / "gestures" / file.stem[-4:]
        place.mkdir(parents=True, exist_ok=True)
        file.rename(place / file.name)
    store = skelact.prepare("synthetic", folder / "gestures", folder / "store", workers=1)
    few = {"size": "tiny", "quiet": True, "training": {"workers": 0, "tensorboard": False}}
    run = skelact.pretrain(store, out=folder / "run", epochs=1, **few)
    made = skelact.teach(folder / "gestures", out=folder / "model", from_=run)
    return made.path, next((folder / "gestures" / "A010").iterdir())


def ask(address: str, recording: Path, end: float, seconds: list[float], refused: list[int]) -> None:
    content = recording.read_bytes()
    with httpx.Client(base_url=address, timeout=120) as client:
        while time.perf_counter() < end:
            begin = time.perf_counter()
            reply = client.post("/predict", params={"file": recording.name}, content=content)
            if reply.status_code == 200:
                seconds.append(time.perf_counter() - begin)
            else:
                refused.append(reply.status_code)


def memory(process: int) -> float:
    """Return a process's resident memory in MB; Linux."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


def main() -> None:
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory() as name:
        model, recording = map(Path, sys.argv[2:4]) if len(sys.argv) > 3 else make_model(Path(name))
        words = [sys.executable, "-m", "skelact.cli.main", "serve", str(model), "--port", "0"]
        environment = {key: value for key, value in os.environ.items() if key != "SKELACT_TOKEN"}
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().rpartition(" ")[2].strip()
            print(
                f"{'clients':>7}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'refused':>9}{'memory MB':>11}"
            )
            for num in CLIENTS:
                seconds: list[float] = []
                refused: list[int] = []
                end = time.perf_counter() + length
                given = (address, recording, end, seconds, refused)
                threads = [threading.Thread(target=ask, args=given) for _ in range(num)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                cuts = statistics.quantiles(seconds, n=100)
                print(
                    f"{num:>7}{len(seconds) / length:>12.1f}{1000 * cuts[49]:>9.0f}{1000 * cuts[98]:>9.0f}"
                    f"{len(refused):>9}{memory(server.pid):>11.0f}",
                    flush=True,
                )
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


if __name__ == "__main__":
    main()
