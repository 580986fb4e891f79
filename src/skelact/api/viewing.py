"""A recording as a page that plays it: in a file, in a notebook, or in the browser of who asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, Unpack

from skelact.api.model import FASTEST, Run, as_model
from skelact.api.recordings import (
    chosen_frames,
    find_recording,
    recording_of,
    run_of,
)
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, printable
from skelact.files import ELSEWHERE, check_new, write_file, writing
from skelact.skeleton.sequence import stretch

if TYPE_CHECKING:
    from skelact.reports.player import Played

HEIGHT = 1150
"""Pixels of a page in a notebook."""
ENDINGS = (".html", ".htm")
FILMS = (".gif", ".mp4")
MARK = '<meta name="generator" content="skelact">'
"""Stands in the head of a page, which another page may replace; no other file is replaced by one."""
_HEAD = 1 << 16
"""Bytes of a page that hold this line."""


@dataclass(frozen=True, repr=False)
class View:
    """A recording as a page; in a notebook it shows itself."""

    title: str
    """The recording's name."""
    page: str
    """The page, as HTML: one file that asks nothing of any network."""
    path: Path | None = None
    """Where it was written."""
    played: Played | None = None
    """The recording, for films; None of a page that shows none."""

    def __str__(self) -> str:
        where = "not written; .save(path) does it" if self.path is None else printable(str(self.path))
        size = len(self.page.encode()) if self.path is None else self.path.stat().st_size
        return f"{printable(self.title)}: {size / 1e6:.2f} MB, {where}"

    def __repr__(self) -> str:
        return f"View({self})"

    def _repr_html_(self) -> str:
        from skelact.reports.page import in_frame

        return in_frame(self.page, HEIGHT)

    @checked_arguments
    def save(self, path: PathLike) -> View:
        """Write the page, or a film of the recording, into a file; return the view that knows where it is.

        Args:
            path: the file: .html is the page; .gif and .mp4 are films, and mp4 needs the extra ``video``.

        Raises:
            DataError: another ending, or the file cannot be written; nobody to film, or a GIF too long.
            ConfigurationError: what makes .mp4 is not installed.
        """
        if self.played is None:
            check_page_name(path)
        else:
            check_view_name(path)
        if self.played is not None and Path(path).suffix.lower() in FILMS:
            from skelact.reports.film import write_film

            write_film(self.played, path)
        else:
            write_file(path, self.page, ELSEWHERE)
        return replace(self, path=Path(path))

    @checked_arguments
    def serve(self, *, port: int = 0, browser: bool = True) -> None:
        """Show the page at an address of this machine until the process is interrupted (Ctrl-C).

        Args:
            port: 0 takes a free one.
            browser: whether to open it, where there is a screen.

        Raises:
            DataError: the port cannot be used.
        """
        from skelact.reports.serving import serve

        serve(self.page, port, browser=browser)


class ViewOptions(TypedDict, total=False):
    """What of a recording is shown, and how a file of it is read."""

    frames: str
    """a stretch of it, START:END in frames from 0; default: all"""
    topology: PathLike
    """name of the skeleton, or a .yaml file with one, for files and arrays that do not tell it"""
    fps: float
    """frames a second, for files and arrays that do not tell it"""
    data_set: Annotated[str, Option(special=True)]
    """format of a file, as for data prepare (default: told by the content)"""
    scale: Annotated[float, Option(special=True)]
    """bvh: the file's unit in metres (default: 0.01)"""
    image_size: Annotated[str, Option(special=True)]
    """WIDTHxHEIGHT in pixels, for files with positions that are shares of the image"""


@checked_arguments
def view(
    source: Annotated[Any, Option(str)],
    *,
    model: Annotated[Run | None, Option(str | None)] = None,
    **options: Unpack[ViewOptions],
) -> View:
    """Make a page that plays a recording: a skeleton in space, joint density over time, curves of joints.

    The page is one file without any connection: it can be opened, printed and sent. In a notebook it shows
    itself.

    With a model it shows what the model makes of the recording: how often a masked method hides each joint,
    the prime joints of a contrastive run, the classes of a fine-tuned or taught model over time.

    Args:
        source: a raw file; a store, STORE:7 or STORE:NAME for another recording than its first; a run
            folder, RUN:7 or RUN:NAME, for the store that it learned from, with the run as the model; in
            Python also a sequence, or positions (T, V, C) of one body or (M, T, V, C) of several, NaN where a
            joint was not seen
        model: a model, its run folder or its package, whose view of the recording is shown

    Returns:
        The page; ``.save("view.html")`` writes it.

    Raises:
        DataError: nothing that can be read at the place named, or a recording too large for a page.
        ConfigurationError: an unknown setting, skeleton or recording, or a model of other skeletons.

    Example:
        >>> skelact.view("stores/msr:7").save("view.html")
    """
    from skelact.reports.player import player_page

    rate = options.get("fps", 1.0)
    if not 0 < rate < FASTEST:
        raise ConfigurationError(f"--fps is {rate:g}, expected a number above 0 and below {FASTEST:,.0f}")
    of_run = run_of(source)
    if of_run is not None:
        source, model = recording_of(*of_run), model or of_run[0]
    known = None if model is None else as_model(model)
    played = find_recording(source, options)
    if "frames" in options:
        part = chosen_frames(played.sequence, options["frames"])
        played = replace(played, sequence=stretch(played.sequence, part))
    if known is not None:
        from skelact.reports.explanation import explained

        facts = [*played.facts, ("model", f"{known.run}: {known.method}")]
        played = explained(replace(played, facts=facts), known.run, known.pretrained)
    return View(played.sequence.name, player_page(played), played=played)


@checked_arguments
def show(
    source: Annotated[str, Option(str)],
    *,
    model: str | None = None,
    out: PathLike | None = None,
    port: Annotated[int, Option(special=True)] = 0,
    browser: bool = True,
    **options: Unpack[ViewOptions],
) -> View | None:
    """Play a recording on a page: a skeleton in space, joint density over time, curves of joints.

    Without --out the page is shown at an address of this machine alone, until Ctrl-C. The page is one file
    without any connection: it can be opened, printed and sent. A film shows the same without controls.

    Args:
        source: a raw file; a store, STORE:7 or STORE:NAME for another recording than its first; or a run
            folder, RUN:7 or RUN:NAME, for the store that it learned from, with the run as the model
        model: run folder, or package, of a model: what its method hides, its prime joints, or its classes
            over time are shown as well
        out: write the page into this file (.html) instead, or a film (.gif, .mp4)
        port: of the address; 0 takes a free one
        browser: open it in a browser (--no-browser: print the address alone)

    Raises:
        DataError: as of :func:`view`; or the page cannot be written.
        ConfigurationError: as of :func:`view`; or options of an address with ``out``.
    """
    if out is not None:
        check_view_name(out)
        check_only_written(port, browser)
    made = view(source, model=model, **options)
    if out is not None:
        return made.save(out)
    made.serve(port=port, browser=browser)
    return None


def check_view_name(path: str | Path) -> None:
    """Raise unless a page, or a film, can get this name; called before the work that it would show.

    Raises:
        DataError: another ending, or it cannot be written there.
        ConfigurationError: a film, and what makes it is not installed.
    """
    ending = Path(path).suffix.lower()
    if ending in ENDINGS:
        check_page_name(path)
        return
    if ending not in FILMS:
        raise DataError(
            f"{path}: pages are written as .html, films as .gif or .mp4; give the file such an ending"
        )
    from skelact.reports.film import check_can_film, is_film

    check_can_film(path)
    check_new(path, makes_folders=False)
    film = Path(path)
    if film.is_file() and film.stat().st_size and not is_film(film):
        raise DataError(
            f"{path}: exists already and is no film of skelact; choose another name, or remove it"
        )


def check_page_name(path: str | Path) -> None:
    """Raise DataError unless a page can get this name; called before the work that it would show."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: pages are written as .html; give the file this ending")
    check_new(path, makes_folders=False)
    page = Path(path)
    if page.is_file() and page.stat().st_size and not _is_page(page):
        raise DataError(
            f"{path}: exists already and is no page of skelact; choose another name, or remove it"
        )


def _is_page(path: Path) -> bool:
    with writing(path, ELSEWHERE), path.open("rb") as file:
        return MARK.encode() in file.read(_HEAD)


def check_only_written(port: int, browser: bool) -> None:
    """Raise ConfigurationError for options of an address where the page is only written into a file."""
    for option, is_typed in (("--port", port != 0), ("--no-browser", not browser)):
        if is_typed:
            raise ConfigurationError(f"{option} has no effect with --out; leave it out")
