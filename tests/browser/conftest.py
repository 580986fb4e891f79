"""A real browser for the tests of pages: headless Chromium, driven by Playwright."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""What the browser is called, on Debian first."""


def find_chromium():
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: make setup")
    path = find_chromium()
    if path is None:
        pytest.skip("needs a browser: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []  # root has no other way
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Return a function that opens HTML as a file in a window of its own; the browser must not complain.

    It takes the options of Playwright's contexts. Whatever the page asks of a network, and whatever it
    writes to the console, fails the test in the end. How each page looked then is kept as a picture in the
    test's temporary folder.
    """
    contexts, complaints, asked = [], [], []

    def open_one(html, width=1280, height=1000, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        file = tmp_path / f"page{len(contexts)}.html"
        file.write_text(html)
        own = file.as_uri()
        page.on("request", lambda request: asked.append(request.url) if request.url != own else None)
        page.goto(own)
        return page

    yield open_one
    for number, context in enumerate(contexts, 1):
        context.pages[0].screenshot(path=tmp_path / f"page{number}.png", full_page=True)
        context.close()
    assert complaints == []
    assert asked == []
