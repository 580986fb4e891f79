"""How large the page of a run with 2,000 test sequences is, and how fast a browser opens it."""

import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import skelact
from skelact.api.reporting import report
from skelact.store.store import Store
from skelact.store.writer import StoreWriter
from skelact.synthetic import write_data_set

NUM_TRAIN, NUM_TEST, OPENED = 248, 2000, 5
PROTOCOL = "by-subject-2-of-2"
SHOWN = "[...document.querySelectorAll('#pair-examples li')].length > 0 && skelact.points.length === 2000"


def many(folder: Path) -> Store:
    """Return a store in which the second of two subjects has 2,000 recordings, few with noise."""
    write_data_set(folder / "raw", sequences=124, seed=1)
    few = skelact.prepare("synthetic", folder / "raw", folder / "few", workers=1)
    random = np.random.default_rng(0)
    about = {"topology": few.topology, "class_names": few.class_names, "fps": few.fps, "options": {}}
    with StoreWriter(folder / "many", data_set="many", up="y", unit="m", **about) as writer:
        for number in range(NUM_TRAIN + NUM_TEST):
            one = few.sequence(number % len(few))
            noise = random.normal(0, 0.01, (1, 1, *one.positions.shape[2:])).astype(np.float32)
            positions = np.where(one.present[..., None, None], one.positions + noise, 0)
            named = {"name": f"r{number:05d}", "attributes": {"subject": 1 + (number >= NUM_TRAIN)}}
            writer.add(replace(one, positions=positions.astype(np.float32), **named))
        return writer.finish()


def main() -> None:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        print("needs a browser: apt-get install chromium")
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store, run = many(Path(folder)), f"{folder}/run"
        settings = {"size": "tiny", "epochs": 1, "quiet": True, "training": {"tensorboard": False}}
        skelact.pretrain(store, PROTOCOL, out=run, method="mae", **settings)
        skelact.evaluate("linear-fast", run, store, PROTOCOL, l2=[0.01], max_iterations=50)
        started = time.perf_counter()
        made = report([run], out=f"{folder}/report.html")
        print(f"made in {time.perf_counter() - started:.0f} s: {made.path.stat().st_size / 1e6:.1f} MB")
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        times = []
        for _ in range(OPENED):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            started = time.perf_counter()
            page.goto(made.path.as_uri())  # until all of it is loaded, and its script has run
            assert page.evaluate(SHOWN)
            times.append(time.perf_counter() - started)
            page.close()
        print(f"opened and drawn in {sorted(times)[OPENED // 2]:.2f} s, the median of {OPENED}")
        browser.close()


if __name__ == "__main__":
    main()
