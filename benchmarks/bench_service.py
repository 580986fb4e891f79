"""How many requests a second the service answers, how long they take, and whether its memory grows.

    python benchmarks/bench_service.py [--seconds 10] [--model MODEL --recording FILE]
    python benchmarks/bench_service.py --requests 36000 [--model MODEL --recording FILE]

The service is a process of its own; clients are threads of this one, each with one connection. Without
``--requests`` 1, 8 and 32 of them send the same recording again and again; memory is the service's, after
each round. With it two clients send that many, as fast as they are answered: 36,000 are an hour of ten a
second. One in five is bad, of many kinds, and has to be refused. Beside them streams come and go, every
second one without a farewell. The first tenth is to warm up; then memory is told at the start, after each
quarter and at the end. Without a model one is taught with synthetic recordings, from the shipped encoder.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
from websockets.sync.client import connect

import skelact
from skelact.synthetic import write_data_set

CLIENTS = (1, 8, 32)
FRAMES = 150
"""Of a stream."""


def make_model(folder: Path) -> tuple[Path, Path]:
    for file in write_data_set(folder / "raw", sequences=24, seed=0, actions=("A008", "A010", "A026")):
        place = folder / "gestures" / file.stem[-4:]
        place.mkdir(parents=True, exist_ok=True)
        file.rename(place / file.name)
    made = skelact.teach(folder / "gestures", out=folder / "model")
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


def rounds(process: int, address: str, recording: Path, length: float) -> None:
    """Let 1, 8 and 32 clients ask."""
    print(f"{'clients':>7}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'refused':>9}{'memory MB':>11}")
    for num in CLIENTS:
        seconds: list[float] = []
        refused: list[int] = []
        end = time.perf_counter() + length
        given = (address, recording, end, seconds, refused)
        with ThreadPoolExecutor(num) as pool:
            for client in [pool.submit(ask, *given) for _ in range(num)]:
                client.result()
        cuts = statistics.quantiles(seconds, n=100)
        print(
            f"{num:>7}{len(seconds) / length:>12.1f}{1000 * cuts[49]:>9.0f}{1000 * cuts[98]:>9.0f}"
            f"{len(refused):>9}{memory(process):>11.0f}",
            flush=True,
        )


def bad_bodies(content: bytes) -> list[tuple[str, bytes]]:
    """Return names and bodies that no service should take."""
    return [
        ("", b""),
        ("a.json", b"{"),
        ("a.json", b'{"topology": "ntu-25", "bodies": [{"positions": [null]}]}'),
        ("a.json", b'{"bodies": ' + b"[" * 100_000),
        ("a.npz", b"PK" + bytes(1000)),
        ("a.json", b"x" * 17_000_000),
        ("cut.skeleton", content[: len(content) // 2]),
        ("nobody.skeleton", b"3\r\n0\r\n0\r\n0\r\n"),
    ]


def come_and_go(address: str, stop: threading.Event, count: Counter[str]) -> None:
    """Open streams one after the other, with frames at 30 a second of their own time."""
    places = [[0.1 * joint, 0.05 * joint, 2.0] for joint in range(25)]
    while not stop.is_set():
        with connect(f"{address.replace('http', 'ws')}stream?window=1&every=10", close_timeout=5) as stream:
            stream.send(json.dumps({"topology": "ntu-25", "fps": 30}))
            for number in range(FRAMES):
                person = {"id": number // 50, "positions": [[x, y + 0.01 * number, z] for x, y, z in places]}
                stream.send(json.dumps({"bodies": [person]}))
                with suppress(TimeoutError):  # whoever does not read is taken to have gone
                    while stream.recv(timeout=0):
                        count["events"] += 1
                if stop.is_set():
                    break
            if count["streams"] % 2:
                stream.send("end")
                count["events"] += sum(1 for _ in stream)
        count["streams"] += 1


def endure(process: int, address: str, recording: Path, num: int) -> None:
    """Send many requests, one in five bad, beside streams, and tell how memory goes."""
    content, count, stop, lock = recording.read_bytes(), Counter[str](), threading.Event(), threading.Lock()
    bad, warm = bad_bodies(content), num // 10
    begun = time.perf_counter()
    print(f"{'requests':>9}{'answered':>10}{'refused':>9}{'streams':>9}{'seconds':>9}{'memory MB':>11}")

    def tell() -> None:
        numbers = (count["asked"], count["answered"], count["refused"], count["streams"])
        places = "".join(f"{number:>{width}}" for number, width in zip(numbers, (9, 10, 9, 9), strict=True))
        print(f"{places}{time.perf_counter() - begun:>9.0f}{memory(process):>11.1f}", flush=True)

    def send() -> None:
        with httpx.Client(base_url=address, timeout=120) as client:
            while True:
                with lock:
                    number = count["asked"]
                    if number >= warm + num:
                        return
                    count["asked"] += 1
                    if number >= warm and (number - warm) % (num // 4) == 0:
                        tell()
                is_bad = number % 5 == 4
                name, body = bad[number // 5 % len(bad)] if is_bad else (recording.name, content)
                reply = client.post("/predict", params={"file": name}, content=body)
                expected = 400 <= reply.status_code < 500 if is_bad else reply.status_code == 200
                assert expected, f"{name}: {reply.status_code} {reply.text[:200]}"
                count["refused" if is_bad else "answered"] += 1

    with ThreadPoolExecutor(3) as pool:
        streams = pool.submit(come_and_go, address, stop, count)
        clients = [pool.submit(send) for _ in range(2)]
        try:
            for client in clients:
                client.result()
        finally:
            stop.set()
        streams.result()
    tell()


def main() -> None:
    parser = argparse.ArgumentParser(description="What the service answers, and how its memory goes.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each round")
    parser.add_argument("--requests", type=int, help="send so many, and tell how memory goes")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--recording", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        model, recording = given.model, given.recording
        if model is None or recording is None:
            model, recording = make_model(Path(name))
        words = [sys.executable, "-m", "skelact.cli.main", "serve", str(model), "--port", "0"]
        environment = {key: value for key, value in os.environ.items() if key != "SKELACT_TOKEN"}
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().rpartition(" ")[2].strip()
            if given.requests:
                endure(server.pid, address, recording, given.requests)
            else:
                rounds(server.pid, address, recording, given.seconds)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


if __name__ == "__main__":
    main()
