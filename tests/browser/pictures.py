"""Takes the pictures of pages that the documents show: `make pictures`."""

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import skelact
from skelact.api.browsing import browse
from skelact.api.reporting import report
from skelact.synthetic import ACTION_NAMES, write_data_set

sys.path.insert(0, str(Path(__file__).parent))
from conftest import find_chromium

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
ACTION, FRAME = "shaking hands", 45
"""What the built-in data set shows, and when."""
REPORTED = [f"A{number:03d}" for number in sorted(ACTION_NAMES)[:12]]
"""Actions of the data set that the report is about."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        os.chdir(folder)  # so that pages show no path of this machine
        write_data_set("raw", sequences=124, seed=1)
        store = skelact.prepare("synthetic", "raw", "stores/demo", workers=1)
        take_view(browser, store)
        take_browse(browser, store)
        take_report(browser)
        browser.close()


def take_view(browser: Browser, store: skelact.Store) -> None:
    number = store.labels.tolist().index(store.class_names.index(ACTION))
    page = browser.new_page(viewport={"width": 1120, "height": 900})
    page.goto(skelact.view(f"stores/demo:{number}").save("view.html").path.resolve().as_uri())
    page.evaluate(f"skelact.play(), skelact.pause(), skelact.seek({FRAME})")
    page.locator("#facts div").last.evaluate("each => each.remove()")
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / "view.png", full_page=True)
    smaller(IMAGES / "view.png")


def take_browse(browser: Browser, store: skelact.Store) -> None:
    page = browser.new_page(viewport={"width": 1120, "height": 830})
    page.goto(browse(store, out="browse.html").path.resolve().as_uri())
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / "browse.png")
    smaller(IMAGES / "browse.png")


def take_report(browser: Browser) -> None:
    write_data_set("report/raw", sequences=240, seed=2, actions=REPORTED)
    store = skelact.prepare("synthetic", "report/raw", "report/store", workers=1)
    runs = ["runs/mae", "runs/stjd-mp-visible"]
    for run in runs:
        settings = {"method": run.removeprefix("runs/"), "size": "tiny", "epochs": 24}
        skelact.pretrain(store, "xsub", out=run, quiet=True, training={"tensorboard": False}, **settings)
        skelact.evaluate("linear-fast", run, store, "xsub")
    page = browser.new_page(viewport={"width": 1120, "height": 1100})
    page.goto(report(runs, out="report.html").path.resolve().as_uri())
    page.locator("#nav").evaluate("each => each.remove()")  # it stays over what is scrolled
    for name, section in (("report", "confusion-section"), ("report-map", "map-section")):
        page.locator(f"#{section}").scroll_into_view_if_needed()
        page.wait_for_timeout(1500)
        page.locator(f"#{section}").screenshot(path=IMAGES / f"{name}.png")
        smaller(IMAGES / f"{name}.png")


def smaller(path: Path) -> None:
    with Image.open(path) as picture:
        # the k-means keep large plain areas in their own colour
        few = picture.convert("RGB").quantize(
            256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
        )
    few.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
