"""The page of a run while it trains, in a real browser: curves, masks, and a button that stops it."""

import json
import signal
import subprocess
import sys
import threading
from dataclasses import asdict

import numpy as np
import pytest

from skelact.api.pretraining import compose
from skelact.api.watching import Watched
from skelact.reports.serving import PageServer
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.writer import StoreWriter
from skelact.yaml_files import yaml_text
from somebody import a_person, until

pytestmark = pytest.mark.slow
HOLD = """
import sys
from pathlib import Path
from skelact.errors import DataError
from skelact.locks import FolderLock

lock = FolderLock(Path(sys.argv[1]), DataError)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path):
    """The folder of a run of 80 epochs that has done 12 of them."""
    about = {"data_set": "made", "topology": NTU_25, "class_names": ["wave"], "options": {}}
    with StoreWriter(tmp_path / "store", fps=30.0, up="y", unit="m", **about) as writer:
        for number in range(4):
            positions = a_person(30, seed=number)[None]
            present = np.ones(positions.shape[:2], bool)
            writer.add(SkeletonSequence(f"rec{number}", positions, present, NTU_25, fps=30.0, label=0))
        writer.finish()
    given = {"data": [str(tmp_path / "store")], "protocol": ["all"], "method": "stjd-mp", "size": "tiny"}
    config = asdict(compose(None, {**given, "training": {"epochs": 80}}))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml_text(json.loads(json.dumps(config))))
    lines = [{"epoch": epoch, "step": epoch, "loss": 1 / (epoch + 1), "seconds": 90.0} for epoch in range(12)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def at_work(run):
    """A process that holds the run's lock, as a training does."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(run)], **pipes)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def open_live(browser, run, tmp_path):
    """Return a function that serves the run's page and opens it; the browser must not complain."""
    complaints, servers, contexts = [], [], []

    def open_one(width=1280, **options):
        watched = Watched(run)
        page_text = watched.page()
        server = PageServer(page_text, answer=watched.answer, act=watched.act, token=watched.token)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        if not options.get("bypass_csp"):  # then the browser asks for an icon, which the page forbids
            page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.address)
        until(page, "skelact.state !== null", 60)
        return page

    yield open_one
    for number, context in enumerate(contexts):
        context.pages[0].screenshot(path=tmp_path / f"live{number}.png", full_page=True)
        context.close()
    for server in servers:
        server.shutdown()
        server.server_close()
    assert complaints == []


def test_the_page_tells_how_far_it_is_and_the_button_stops_that_process(open_live, run, at_work):
    page = open_live()
    assert page.locator("#state").inner_text() == "Training: 12 of 80 epochs"
    assert "1 h 42 left" in page.locator("#left").inner_text()
    assert page.locator("#masks-section").is_visible()
    assert page.locator("#rows span").count() == 25
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 12, "step": 12, "loss": 0.01, "seconds": 90.0}) + "\n")
    until(page, "skelact.state.epochs_done === 13", 60)
    assert page.get_by_label("Loss by epoch").get_attribute("aria-valuenow") == "13"
    page.get_by_role("button", name="Stop the run").click()
    page.get_by_role("button", name="Let it run").click()
    assert at_work.poll() is None
    page.get_by_role("button", name="Stop the run").click()
    page.get_by_role("button", name="Stop it now").click()
    assert at_work.wait(60) == -signal.SIGTERM
    until(page, "skelact.state.state === 'stopped'", 60)
    assert page.locator("#resume").inner_text().endswith("--resume")
    assert not page.locator("#stopping").is_visible()
    assert f"Process {at_work.pid} was asked to stop" in page.locator("#notes").inner_text()


def test_no_button_where_it_is_not_certain_who_trains(open_live, run, at_work):
    lock = run / ".skelact-lock"
    lock.write_text(lock.read_text().replace(str(at_work.pid), "1"))
    page = open_live()
    assert not page.locator("#stopping").is_visible()
    assert "not certain which process" in page.locator("#why").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_anybody_out(open_live, at_work, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: make setup").Axe()
    page = open_live(width=400, color_scheme=scheme, bypass_csp=True)
    page.get_by_role("button", name="Stop the run").click()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    found = axe.run(page)
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
