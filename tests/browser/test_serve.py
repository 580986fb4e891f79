"""The page of a service in a real browser: what comes back of a file is shown, notes as well."""

from skelact.reports.page import fill_page

FOUND = {"recordings": [], "notes": ["<b>positions</b> are taken for mm"], "problems": ["b: 0 bodies"]}


def test_notes_and_problems_of_a_file_are_shown_as_text(open_page):
    data = {"classes": ["waving"], "token": False}
    page = open_page(fill_page("serve", ["serve"], title="skelact", data=data, asks_server=True))
    page.evaluate("found => { fetch = async () => ({ ok: true, json: async () => found }); }", FOUND)
    page.set_input_files("#file", {"name": "a.json", "mimeType": "", "buffer": b"{}"})
    assert page.locator("#answers .soft").inner_text() == "a.json: <b>positions</b> are taken for mm"
    assert page.locator("#answers .warn").inner_text() == "b: 0 bodies"
