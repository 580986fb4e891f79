"""A recording as a page that plays it: in a file, in a notebook, or in the browser of who asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, Unpack

import numpy as np

from skelact.api.evaluating import Run
from skelact.api.model import as_model
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, printable
from skelact.files import ELSEWHERE, check_new, write_file
from skelact.models.card import CARD
from skelact.skeleton.sequence import SkeletonSequence, stretch
from skelact.skeleton.tables import TOPOLOGIES
from skelact.skeleton.topology import Topology
from skelact.skeleton.topology_file import find_topology
from skelact.store.metadata import META
from skelact.store.overview import grouping_attributes
from skelact.store.packing import check_reach
from skelact.store.remote import is_remote
from skelact.store.store import Store, as_store

if TYPE_CHECKING:
    from skelact.reports.player import Played

HEIGHT = 1150
"""Pixels of a page in a notebook."""
ENDINGS = (".html", ".htm")
FILMS = (".gif", ".mp4")
FASTEST = 1e6
"""Frames a second that no recording reaches."""


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
        where = "not written; .save(path) does it" if self.path is None else str(self.path)
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
            path: the file: .html is the page; .gif and .mp4 are films, of which mp4 needs ``skelact[video]``.

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

        serve(
            self.page,
            port,
            browser=browser,
            tell=lambda address: print(f"{address}  (Ctrl-C ends it)", flush=True),
        )


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
        browser: print the address, and do not open it

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
    if ending in FILMS:
        from skelact.reports.film import check_can_film

        check_can_film(path)
    elif ending not in ENDINGS:
        raise DataError(
            f"{path}: pages are written as .html, films as .gif or .mp4; give the file such an ending"
        )
    check_new(path, makes_folders=False)


def check_page_name(path: str | Path) -> None:
    """Raise DataError unless a page can get this name; called before the work that it would show."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: pages are written as .html; give the file this ending")
    check_new(path, makes_folders=False)


def check_only_written(port: int, browser: bool) -> None:
    """Raise ConfigurationError for options of an address where the page is only written into a file."""
    for option, is_typed in (("--port", port != 0), ("--no-browser", not browser)):
        if is_typed:
            raise ConfigurationError(f"{option} has no effect with --out; leave it out")


def run_of(source: Any) -> tuple[Path, str | None] | None:
    """Return the run folder, and the recording, that ``RUN`` or ``RUN:RECORDING`` names; None: no run."""
    if not isinstance(source, str | Path):
        return None
    path, index = split_source(source)
    return (path, index) if (path / CARD).is_file() else None


def recording_of(run: Path, index: str | None) -> str:
    """Return ``STORE:RECORDING`` of the first store that a run learned from.

    Raises:
        DataError: it does not say which, or the store is not there.
    """
    told = as_model(run).card.get("config", {}).get("data")
    store = told[0] if isinstance(told, list) and told else told
    if not isinstance(store, str) or not (is_remote(store) or (Path(store) / META).is_file()):
        where = (
            "does not say where its data is"
            if not isinstance(store, str)
            else f"learned from {store}, not there"
        )
        raise DataError(f"{run}: {where}; name the recording: skelact view STORE:0 --model {run}")
    return f"{store}:{index or 0}"


def find_recording(source: Any, options: Mapping[str, Any]) -> Played:
    """Return the recording that ``source`` names or is, as :func:`view` takes it.

    Raises:
        DataError: as of :func:`view`.
        ConfigurationError: as of :func:`view`.
    """
    of_files = {"data_set", "scale", "image_size"} & options.keys()
    if isinstance(source, str | Path):
        if is_remote(source):
            _refuse(of_files | {"topology", "fps"} & options.keys(), "a store, which tells it")
            address, colon, name = str(source).rpartition(":")
            has_name = bool(colon) and "/" not in name  # behind the colon after the last slash
            return _of_store(Store.open(address if has_name else str(source)), name if has_name else "0")
        path, index = split_source(source)
        if (path / META).is_file() or (index is not None and not path.is_file()):
            _refuse(of_files | {"topology", "fps"} & options.keys(), "a store, which tells it")
            return _of_store(as_store(path), "0" if index is None else index)
        if index is not None:
            raise ConfigurationError(
                f"{source}: only recordings of a store are chosen by name or number, and {path} is none; "
                f"prepare it first (skelact data prepare), or leave out ':{printable(index)[:60]}'"
            )
        return _of_file(path, options)
    _refuse(of_files, "positions")
    if isinstance(source, Store):
        return _of_store(source, "0")
    if isinstance(source, SkeletonSequence):
        _refuse({"topology"} & options.keys(), "a sequence, which tells it")
        found = source if "fps" not in options else replace(source, fps=float(options["fps"]))
        return _of_sequence(found)
    return _of_sequence(_of_positions(source, options))


def split_source(source: str | Path) -> tuple[Path, str | None]:
    """Return the path of ``PATH`` or ``PATH:RECORDING``, and the recording.

    Raises:
        DataError: a name too long for any file.
        ConfigurationError: nothing after the colon.
    """
    text = str(source)
    if not _is_there(text) and ":" in text:
        place = text.rpartition(":")[0]
        while ":" in place and not _is_there(place):  # a recording may be called a:b
            place = place.rpartition(":")[0]
        if place and _is_there(place):
            name = text[len(place) + 1 :]
            if not name:
                raise ConfigurationError(f"{text}: no recording after the colon; name one, as {place}:0")
            return Path(place), name
    try:
        Path(text).exists()
    except (OSError, ValueError) as error:
        raise DataError(f"{printable(text)[:60]}: cannot be the path of a file; check it") from error
    return Path(text), None


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a file
        return False


def _refuse(names: set[str], what: str) -> None:
    if names:
        name = sorted(names)[0].replace("_", "-")
        raise ConfigurationError(f"--{name} says how a file is read, and this is {what}; leave it out")


def _of_store(store: Store, index: str) -> Played:
    from skelact.api.figures import find_sequence

    return recording_of_store(store, find_sequence(store, index))


def recording_of_store(store: Store, place: int) -> Played:
    """Return the recording with this number, and what a page says of it."""
    from skelact.reports.player import Played

    sequence = store.sequence(place)
    facts = []
    if sequence.label is not None:
        facts.append(("class", store.class_names[sequence.label]))
    facts.append(("data set", store.data_set))
    for name in grouping_attributes(store):
        value = sequence.attributes.get(name)
        if value is not None:
            names = store.attribute_values(name)
            facts.append((name, str(value) if names is None else names[value]))
    return Played(
        replace(sequence, name=printable(sequence.name)),
        place=str(store.path),
        up=store.up,
        unit=store.unit,
        facts=[
            *facts,
            *_facts(sequence),
            *measures(store.unit, store.up),
            ("store", f"{store.path.name}, number {place}"),
        ],
    )


def _of_file(path: Path, options: Mapping[str, Any]) -> Played:
    from skelact.api.checking import check
    from skelact.reports.player import Played

    told = check(path, **{name: value for name, value in options.items() if name != "frames"})
    facts = [(word, str(value)) for word, value in told.names.items()]
    label = told.sequence.label
    if "label" not in told.names and label is not None:
        classes = told.data_set.class_names
        facts.append(("class", classes[label] if classes and label < len(classes) else str(label)))
    facts = [("class" if word == "label" else word, value) for word, value in facts]
    for name, number in told.sequence.attributes.items():
        if name not in told.names:
            values = told.data_set.attribute_values.get(name)
            facts.append((name, str(number) if values is None else values[number]))
    notes = list(told.notes)
    if told.num_sequences > 1:
        notes.append(f"The first of {told.num_sequences} recordings in the file.")
    return Played(
        replace(told.sequence, name=printable(told.sequence.name)),
        place=str(path),
        up=told.data_set.up,
        unit=told.unit or None,
        facts=[
            *facts,
            ("format", told.data_set.name),
            *_facts(told.sequence),
            *measures(told.unit, told.data_set.up),
            ("file", told.file),
        ],
        notes=[printable(note) for note in notes],
    )


def _of_sequence(sequence: SkeletonSequence) -> Played:
    from skelact.reports.player import Played

    check_reach(sequence, sequence.name)
    return Played(sequence, facts=_facts(sequence))


def _of_positions(positions: Any, options: Mapping[str, Any]) -> SkeletonSequence:
    """Return positions as a sequence; where they are not finite, nothing was seen."""
    try:
        array = np.asarray(positions, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"positions are no array of numbers ({printable(str(error))})") from error
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[3] not in (2, 3) or 0 in array.shape:
        raise DataError(
            f"positions have shape {np.shape(positions)}, expected (frames, joints, 2 or 3 coordinates) or "
            "(bodies, frames, joints, coordinates)"
        )
    seen = np.asarray(np.isfinite(array).all(3))  # (M, T, V)
    present = np.asarray(seen.any(2))
    return SkeletonSequence(
        name="positions",
        positions=np.where(seen[..., None], array, 0),
        present=present,
        topology=_skeleton(array.shape[2], options.get("topology")),
        joint_present=None if (seen | ~present[..., None]).all() else seen,
        fps=options.get("fps"),
    )


def _skeleton(num_joints: int, name: str | Path | None) -> Topology:
    if name is not None:
        found = find_topology(name)
        if found.num_joints != num_joints:
            raise ConfigurationError(
                f"positions have {num_joints} joints, and the topology {found.name} has {found.num_joints}"
            )
        return found
    known = [topology for topology in TOPOLOGIES.values() if topology.num_joints == num_joints]
    if len(known) != 1:
        which = f"{' or '.join(repr(each.name) for each in known)}" if known else "a .yaml file"
        raise ConfigurationError(f"positions have {num_joints} joints; say which with topology={which}")
    return known[0]


def _facts(sequence: SkeletonSequence) -> list[tuple[str, str]]:
    return [
        ("skeleton", f"{sequence.topology.name}, {sequence.topology.num_joints} joints"),
        ("people", str(sequence.num_bodies)),
        ("frames", f"{sequence.num_frames:,}"),
        ("rate", "not told, played at 30 a second" if sequence.fps is None else f"{sequence.fps:g} a second"),
    ]


def measures(unit: str | None, up: str | None) -> list[tuple[str, str]]:
    """Return the unit of positions and the axis that points up, as far as they are told."""
    return [(name, value) for name, value in (("unit", unit), ("up", up)) if value]


def chosen_frames(sequence: SkeletonSequence, frames: str) -> slice:
    """Return the frames START:END of a sequence, counted from 0, the last not included.

    Raises:
        ConfigurationError: not written so, or no frame of the sequence.
    """
    start, colon, end = frames.partition(":")
    numbers = [part for part in (start, end) if part]
    if not colon or not all(part.isascii() and part.isdecimal() and len(part) < 12 for part in numbers):
        raise ConfigurationError(f"--frames is {frames[:60]!r}, expected START:END in frames, as 0:300")
    part = slice(int(start or 0), int(end or sequence.num_frames))
    if not len(range(sequence.num_frames)[part]):
        raise ConfigurationError(
            f"--frames {frames}: {sequence.name} has the frames 0 to {sequence.num_frames - 1}; give "
            "START:END, the first and the one after the last"
        )
    return part
