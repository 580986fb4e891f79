"""The page of a store in a real browser: filters, pictures, marks, lists, and who it must serve."""

import csv
import threading
from functools import partial

import numpy as np
import pytest

from skelact.api.browsing import browse
from skelact.api.recordings import recording_of_store
from skelact.reports.browser import answer, browser_page
from skelact.reports.serving import PageServer
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.store.left_out import LeftOut
from skelact.store.writer import StoreWriter
from somebody import HOSTILE, a_person, until

pytestmark = pytest.mark.slow
CLASSES = ["wave", HOSTILE, '=1+1, "quoted"']
LENGTHS = (30, 12, 48, 30, 30, 20)
JUMPS, FREEZES = 1, 2


def write(path, num=6, num_frames=LENGTHS):
    with StoreWriter(
        path, data_set="made", topology=NTU_25, class_names=CLASSES, fps=30.0, options={}, up="y", unit="m"
    ) as writer:
        people = [a_person(num_frames[seed % len(num_frames)], seed) for seed in range(min(num, 20))]
        for number in range(num):
            positions = people[number % len(people)][None].copy()
            positions[:, :, NTU_25.index("HandRight"), 1] *= 0.1  # its bones keep their lengths
            if number == JUMPS and num == 6:
                positions[0, 6, NTU_25.index("HandLeft"), 1] += 2
            if number == FREEZES and num == 6:
                positions[0, 10:40] = positions[0, 10]
            attributes = {"subject": number % 2 + 1, "camera": 1}
            writer.add(
                SkeletonSequence(
                    f"rec{number:05d}",
                    positions,
                    np.ones(positions.shape[:2], bool),
                    NTU_25,
                    fps=30.0,
                    label=number % 3,
                    attributes=attributes,
                )
            )
        return writer.finish()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write(tmp_path_factory.mktemp("browse") / "store")


@pytest.fixture(scope="module")
def html(store, tmp_path_factory):
    return browse(store, out=tmp_path_factory.mktemp("pages") / "page.html").page


def test_filters_show_what_they_say(open_page, html):
    page = open_page(html)

    def shown():
        return [int(name[3:]) for name in page.evaluate("skelact.shown")]

    assert shown() == list(range(6))
    for label, value, expected in (
        ("Class", "wave", [0, 3]),
        ("subject", "2", [1, 3, 5]),
        ("Odd", "jump", [JUMPS]),
        ("Odd", "any", [JUMPS, FREEZES]),
        ("Odd", "none", [0, 3, 4, 5]),
    ):
        page.locator("#fields").get_by_label(label, exact=True).select_option(value)
        assert shown() == expected, (label, value)
        assert page.locator(".card").count() == len(expected)
        page.get_by_role("button", name="Show all").first.click()
    page.get_by_label("Frames from").fill("21")
    page.get_by_label("Frames to").fill("40")
    assert shown() == [0, 3, 4]
    page.get_by_label("Name", exact=True).fill("REC00003")
    assert shown() == [3]
    page.get_by_label("Name", exact=True).fill("nothing")
    assert page.locator("#none").is_visible()
    page.locator("#none-reset").click()
    page.locator("#sort").select_option("fewest frames")
    assert shown()[:2] == [1, 5]
    assert page.locator(".card .words span").first.inner_text() == "rec00001"


def test_a_thumbnail_plays_while_it_is_pointed_at_or_focused(open_page, html):
    page = open_page(html)
    until(page, "skelact.recordings.size === 6")
    first = page.locator(".card").first
    picture = "document.querySelector('.card canvas').toDataURL()"
    still = page.evaluate(picture)
    first.hover()
    until(page, f"{picture} !== {still!r}")
    page.mouse.move(2, 2)
    until(page, f"{picture} === {still!r}")
    first.locator(".thumb").focus()
    until(page, f"{picture} !== {still!r}")


def test_a_press_plays_the_recording_in_the_player(open_page, html, store):
    page = open_page(html)
    page.get_by_role("button", name="Play rec00002").click()
    frame = page.frame_locator("#player")
    assert frame.locator("#title").inner_text() == "rec00002"
    frame.get_by_role("button", name="One frame on").click()
    assert frame.locator("#readout").inner_text().startswith("2 / 48")
    assert "frames are frozen: 30 frames from frame 11" in page.locator("#odd").inner_text()
    page.get_by_role("button", name="Next").click()
    until(page, "document.getElementById('dialog-title').textContent === 'rec00003'")
    assert frame.locator("#title").inner_text() == "rec00003"
    page.get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    assert not page.locator("#dialog").is_visible()
    until(page, "document.activeElement.getAttribute('aria-label') === 'Play rec00003'")


def test_marks_are_kept_and_the_saved_lists_are_right(open_page, html, store, tmp_path):
    page = open_page(html)
    page.get_by_role("button", name="Bad: rec00004").click()
    page.get_by_label("Odd", exact=True).select_option("any")
    page.get_by_role("button", name="Mark the 2 shown as bad").click()
    page.get_by_role("button", name="Show all").first.click()
    page.get_by_role("button", name="Play rec00000").click()
    page.locator("#relabel").select_option(CLASSES[2])
    page.get_by_role("button", name="Close").click()
    page.reload()
    assert page.locator("#marks").inner_text() == "3 recordings are bad, 1 has another class."
    page.get_by_label("Marks", exact=True).select_option("bad")
    assert page.evaluate("skelact.shown") == ["rec00001", "rec00002", "rec00004"]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save bad recordings").click()
    assert saved.value.suggested_filename == "without.csv"
    saved.value.save_as(tmp_path / "without.csv")
    listed = LeftOut.read(tmp_path / "without.csv")
    listed.check([store])
    assert listed.names == ("rec00001", "rec00002", "rec00004")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save classes").click()
    saved.value.save_as(tmp_path / "manifest.csv")
    rows = list(csv.DictReader((tmp_path / "manifest.csv").open(newline="")))
    assert {row["file"]: row["label"] for row in rows} == {
        f"rec{number:05d}": CLASSES[2] if number == 0 else CLASSES[number % 3] for number in range(6)
    }


def test_hostile_class_names_are_text(open_page, html):
    page = open_page(html)
    assert HOSTILE in page.locator(".card b").all_inner_texts()
    page.get_by_role("button", name="Play rec00001").click()
    assert page.locator("#relabel").input_value() == HOSTILE
    assert "class" in page.frame_locator("#player").locator("#facts").inner_text()
    assert page.locator("img").count() == 0


def test_ten_thousand_recordings_scroll_and_are_asked_for_as_they_are_seen(browser, tmp_path):
    large = write(tmp_path / "large", 10_000, (2,))
    recordings, asked = partial(recording_of_store, large), []
    page_text = browser_page(large, recordings, whole=False)

    def answering(what):
        asked.append(what)
        return answer(large, recordings, what)

    complaints = []
    with PageServer(page_text, answer=answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(server.address)
        until(page, "skelact.recordings.size >= 20")
        for share in (0.3, 0.6, 1):
            page.evaluate(f"scrollTo(0, document.body.scrollHeight * {share})")
            page.wait_for_timeout(150)
            assert 0 < page.locator(".card").count() < 80
        until(page, "skelact.cards.has(9999) && skelact.recordings.has(9999)")
        assert page.evaluate("skelact.recordings.size") <= 150
        page.get_by_role("button", name="Play rec09999").click()
        assert page.frame_locator("#player").locator("#title").inner_text() == "rec09999"
        page.close()
        server.shutdown()
    assert len(asked) < 400
    assert complaints == []


def test_a_phone_has_everything_within_its_width(open_page, html):
    page = open_page(html, width=400, height=800, has_touch=True)
    page.locator("#filters summary").tap()
    page.locator("#marking summary").tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    places = page.evaluate(
        """[...document.querySelectorAll('button, select, input, canvas')]
        .map((each) => each.getBoundingClientRect())
        .filter((box) => box.width).map((box) => [box.left, box.right])"""
    )
    assert len(places) > 20
    assert all(left >= 0 and right <= 400 for left, right in places)
    page.locator(".thumb").first.tap()
    assert page.locator("#dialog").bounding_box()["width"] == 400


def test_the_tab_key_reaches_filters_cards_and_marks(open_page, html):
    page = open_page(html)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(document.activeElement.getAttribute('aria-label') || document.activeElement.id || "
                "document.activeElement.textContent).trim()"
            )
        )
    wanted = {"theme", "Name", "Class", "Odd", "Marks", "subject", "Frames from", "sort", "reset"}
    wanted |= {"Play rec00005", "Bad: rec00005"}
    assert wanted <= reached


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_axe_finds_nothing_that_keeps_anybody_out(open_page, html, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: make setup").Axe()
    page = open_page(html, width=width, color_scheme=scheme, bypass_csp=True)
    until(page, "skelact.recordings.size === 6")
    page.get_by_role("button", name="Bad: rec00001").click()
    page.wait_for_timeout(300)  # its colour changes within a moment
    found = axe.run(page)
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
    page.get_by_role("button", name="Play rec00001").click()
    page.wait_for_timeout(300)
    found = axe.run(page)
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
