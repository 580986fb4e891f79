"""Takes the pictures of pages that the documents show: `make pictures`."""

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import skelact
from skelact.synthetic import write_data_set

sys.path.insert(0, str(Path(__file__).parent))
from conftest import find_chromium

OUT = Path(__file__).resolve().parents[2] / "docs" / "images" / "view.png"
ACTION, FRAME = "shaking hands", 45
"""What the built-in data set shows, and when."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_data_set(Path(folder) / "raw", sequences=124, seed=1)
        store = skelact.prepare("ntu60", f"{folder}/raw", f"{folder}/store", workers=1)
        number = store.labels.tolist().index(store.class_names.index(ACTION))
        page_file = skelact.view(f"{folder}/store:{number}").save(f"{folder}/view.html").path
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        page = browser.new_page(viewport={"width": 1120, "height": 900})
        page.goto(page_file.as_uri())
        page.evaluate(f"skelact.play(), skelact.pause(), skelact.seek({FRAME})")
        page.locator("#facts div").last.evaluate("each => each.remove()")  # a path of this machine
        page.wait_for_timeout(300)
        page.screenshot(path=OUT, full_page=True)
        browser.close()
    Image.open(OUT).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        OUT, optimize=True
    )
    print(OUT)


if __name__ == "__main__":
    main()
