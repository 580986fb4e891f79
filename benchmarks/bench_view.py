"""How large pages of recordings are, and how smoothly a browser plays them and steps through them."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import skelact
from skelact.skeleton.sequence import SkeletonSequence
from skelact.synthetic import write_data_set

LENGTHS = (300, 10_000)
PLAYING = """async () => {
  skelact.play();
  let pictures = 0;
  const start = performance.now();
  while (performance.now() - start < 4000) { await new Promise(requestAnimationFrame); pictures++; }
  skelact.pause();
  return (1000 * pictures) / (performance.now() - start);
}"""
STEPPING = """async () => {
  const times = [];
  for (let i = 0; i < 60; i++) {
    const start = performance.now();
    skelact.seek((i * 7919) % skelact.recording.frames);
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - start);
  }
  return times.sort((one, other) => one - other)[30];
}"""


def longer(sequence: SkeletonSequence, num_frames: int) -> SkeletonSequence:
    """Return a recording of so many frames: the same one again and again."""
    frames = np.arange(num_frames) % sequence.num_frames
    return replace(sequence, positions=sequence.positions[:, frames], present=sequence.present[:, frames])


def main() -> None:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        print("needs a browser: apt-get install chromium")
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_data_set(Path(folder) / "raw", sequences=62, seed=1)
        store = skelact.prepare("synthetic", f"{folder}/raw", f"{folder}/store", workers=1)
        pair = store.sequence(int(np.flatnonzero(store.array("num_bodies") == 2)[0]))
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        print("two people, 25 joints    size     pictures a second   a step and its picture")
        for length in LENGTHS:
            page_file = skelact.view(longer(pair, length)).save(f"{folder}/view.html").path
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(page_file.as_uri())
            page.wait_for_timeout(3000)  # all is drawn once
            size = page_file.stat().st_size / 1e6
            played, step = page.evaluate(PLAYING), page.evaluate(STEPPING)
            print(f"{length:>6,} frames       {size:>6.2f} MB {played:>15.1f} {step:>20.0f} ms")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
