"""A whole store as a page: its recordings by class, person and fault, and marks on those that are bad."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from skelact.api.recordings import recording_of_store
from skelact.api.viewing import View, check_only_written, check_page_name
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.store.store import Data, as_store


@checked_arguments
def browse(
    store: Data,
    *,
    out: PathLike | None = None,
    port: Annotated[int, Option(special=True)] = 0,
    browser: bool = True,
) -> View | None:
    """Look through a store on a page: filter its recordings, play them, mark bad ones, correct classes.

    Recordings can be filtered by what is odd about them: joints that jump, frames that are frozen, sides that
    swap, bones whose lengths vary. The page saves the list of bad recordings, which --without of pretrain,
    evaluate and data prepare takes, and the corrected classes as a manifest.

    Without --out the page is shown at an address of this machine alone, until Ctrl-C, and asks for recordings
    as they are looked at. Marks are kept by the browser, for every store apart.

    Args:
        store: the store
        out: write the page with all recordings into this file (.html) instead
        port: of the address; 0 takes the store's own, under which the browser finds its marks again
        browser: open the page in a browser (--no-browser: print the address alone)

    Raises:
        DataError: no store, one too large for a file, or a page that cannot be written.
        ConfigurationError: options of an address with ``out``.
    """
    from skelact.reports.browser import answer, browser_page
    from skelact.reports.serving import own_port, serve

    if out is not None:
        check_page_name(out)
        check_only_written(port, browser)
    opened = as_store(store)
    recordings = partial(recording_of_store, opened)
    page = browser_page(opened, recordings, whole=out is not None)
    if out is not None:
        return View(opened.path.name, page).save(out)
    port = port or own_port(opened.content_hash)
    serve(page, port, browser=browser, answer=partial(answer, opened, recordings))
    return None
