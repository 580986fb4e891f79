"""The page of runs in a real browser: confusions, a map whose points play, and who it must serve."""

import math
import threading

import numpy as np
import pytest

import skelact
from skelact.api.reporting import gather, report
from skelact.reports.of_runs.recordings import answer
from skelact.reports.serving import PageServer
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.writer import StoreWriter
from somebody import HOSTILE, a_person, until

pytestmark = pytest.mark.slow
CLASSES = ["wave", HOSTILE, "bow"]
PROTOCOL = "by-subject-1-of-2"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    about = {"data_set": "made", "topology": NTU_25, "class_names": CLASSES, "options": {}}
    path = tmp_path_factory.mktemp("report") / "store"
    with StoreWriter(path, fps=30.0, up="y", unit="m", **about) as writer:
        for number in range(24):
            positions = a_person(20 + number, seed=number)[None]
            looks_like = (number + (number % 5 == 0)) % 3  # one in five like another class
            positions[:, :, NTU_25.index("HandLeft"), 1] += 0.4 * looks_like
            writer.add(
                SkeletonSequence(
                    f"rec{number:02d}",
                    positions,
                    np.ones(positions.shape[:2], bool),
                    NTU_25,
                    fps=30.0,
                    label=number % 3,
                    attributes={"subject": number % 2 + 1},
                )
            )
        return writer.finish()


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    """Two methods, each with results of two evaluations."""
    made = []
    for method in ("mae", "stjd-mp"):
        run = tmp_path_factory.mktemp("runs") / method
        settings = {"epochs": 2, "clips": {"min_crop_frames": 8}, "training": {"tensorboard": False}}
        skelact.pretrain(store, PROTOCOL, out=run, method=method, size="tiny", quiet=True, **settings)
        skelact.evaluate("linear-fast", run, store, PROTOCOL, l2=[0.01])
        skelact.evaluate("knn", run, store, PROTOCOL, k=[1])
        made.append(run)
    return made


@pytest.fixture(scope="module")
def html(runs, tmp_path_factory):
    return report(runs, out=tmp_path_factory.mktemp("pages") / "page.html").page


def shown_joints(page):
    """The positions of the player's joints, as recorded, and the frame that it shows."""
    frame = page.frames[-1]
    until(frame, "window.skelact && window.skelact.joints.length > 0")
    return frame.evaluate("skelact.joints"), frame.evaluate("skelact.state.frame")


def test_a_point_of_the_map_plays_its_recording_as_the_store_has_it(open_page, html, store):
    page = open_page(html)
    page.locator("#map").scroll_into_view_if_needed()
    points, box = page.evaluate("skelact.points"), page.locator("#map").bounding_box()
    assert len(points) == 12
    far = max(
        points,
        key=lambda one: min(math.dist((one["x"], one["y"]), (o["x"], o["y"])) for o in points if o != one),
    )
    page.mouse.move(box["x"] + far["x"], box["y"] + far["y"])
    assert far["name"] in page.locator("#map-tip").inner_text()
    page.mouse.click(box["x"] + far["x"], box["y"] + far["y"])
    assert page.locator("#dialog-title").inner_text() == far["name"] == store.names[far["place"]]
    joints, frame = shown_joints(page)
    sequence = store.sequence(far["place"])
    assert len(joints) == 25
    for joint in joints:
        np.testing.assert_allclose(joint["position"], sequence.positions[0, frame, joint["joint"]], atol=1e-4)
    said = page.locator("#judgement").inner_text()
    assert store.class_names[sequence.label] in said
    assert said.count("made by-subject-1-of-2") == 4
    page.keyboard.press("Escape")
    until(page, "document.activeElement.id === 'map' || !document.getElementById('dialog').open")


def test_the_map_goes_by_keys_and_by_classes(open_page, html):
    page = open_page(html)
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    first = page.evaluate("skelact.plane.near")
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert first is not None
    name = page.locator("#map-said").inner_text().split(",")[0]
    page.keyboard.press("Enter")
    assert page.locator("#dialog-title").inner_text() == name
    page.locator("#close").click()
    page.locator("#map-legend button").first.click()
    lit = page.evaluate("skelact.plane.drawn.filter((each) => each.lit).map((each) => each.number)")
    assert [page.evaluate(f"skelact.report.maps.labels[{number}]") for number in lit] == [0] * 4
    page.locator("#map-colour").select_option(index=1)
    assert page.evaluate("skelact.plane.drawn.every((each) => each.wrong !== undefined)")
    page.get_by_role("button", name="All classes").click()
    assert page.evaluate("skelact.plane.drawn.filter((each) => each.lit).length") == 12
    page.locator("#map-run").select_option(index=1)
    assert len(page.evaluate("skelact.points")) == 12


def test_confusions_are_sorted_and_show_examples_that_play(open_page, html, runs):
    data = gather(runs, None, None).results.data()
    page = open_page(html)
    (select, *_) = page.locator(".method").all()
    select.select_option("1")  # of the table of linear-fast the second
    confusion = np.array(data["methods"][1]["confusion"])
    off = confusion - np.diag(np.diag(confusion))
    counts = [int(text.split(" of ")[0]) for text in page.locator("#pairs .number").all_inner_texts()]
    assert counts == sorted(off[off > 0].tolist(), reverse=True)
    assert counts, "the tiny run makes mistakes"
    page.locator("#pairs button").last.click()
    own, said = page.evaluate("skelact.confusions.pair")
    assert page.locator("#pair-examples li").count() == off[own, said] == counts[-1]
    assert CLASSES[own] in page.locator("#pair-title").inner_text()
    card = page.locator("#pair-examples .thumb").first
    name = card.get_attribute("aria-label").removeprefix("Play ")
    card.scroll_into_view_if_needed()
    until(page, "skelact.recordings.size > 0")
    card.click()
    assert page.frame_locator("#player").locator("#title").inner_text() == name
    page.locator("#close").click()
    page.locator("#pair-class").select_option(str(own))
    texts = page.locator("#pairs button span:first-child").all_inner_texts()
    assert texts
    assert all(CLASSES[own] in text for text in texts)
    wrong, right = (page.locator(f"#surely-{each} li").count() for each in ("wrong", "right"))
    assert wrong == off.sum()
    assert right == np.diag(confusion).sum()


def test_a_card_plays_while_it_is_focused(open_page, html):
    page = open_page(html)
    page.locator("#surely-right .thumb").first.scroll_into_view_if_needed()
    picture = "document.querySelector('#surely-right canvas').toDataURL()"
    page.wait_for_timeout(300)
    still = page.evaluate(picture)
    page.locator("#surely-right .thumb").first.focus()
    until(page, f"{picture} !== {still!r}")


def test_hostile_class_names_are_text(open_page, html):
    page = open_page(html)
    assert HOSTILE in page.locator("#map-legend").inner_text()
    assert HOSTILE in page.locator("#bodies").inner_text()
    assert page.locator("img").count() == 0


def test_curves_are_read_off_by_keys(open_page, html, runs):
    page = open_page(html)
    loss = page.get_by_label("Loss by epoch")
    loss.focus()
    page.keyboard.press("Home")
    assert loss.get_attribute("aria-valuetext").startswith("epoch 1: ")
    assert all(str(run) in loss.get_attribute("aria-valuetext") for run in runs)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_axe_finds_nothing_that_keeps_anybody_out(open_page, html, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: make setup").Axe()
    page = open_page(html, width=width, color_scheme=scheme, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.run(page)
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
    page.locator("#surely-right .thumb").first.click()
    page.wait_for_timeout(300)
    found = axe.run(page)
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []


def test_without_a_file_recordings_are_asked_for(browser, runs):
    made = gather(runs, None, None)
    complaints, asked = [], []

    def answering(what):
        asked.append(what)
        return answer(len(made.test.store), made.test.recordings, what)

    with PageServer(made.page(whole=False), answer=answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(server.address)
        page.locator("#surely-right .thumb").first.click()
        frame = page.frame_locator("#player")
        assert frame.locator("#title").inner_text() == page.locator("#dialog-title").inner_text()
        assert frame.locator("#map-title").is_visible()
        page.close()
        server.shutdown()
    assert any(each.startswith("full/") for each in asked)
    assert complaints == []
