"""Runs as a page: what they found, compared; or one while it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from skelact.api.descriptions import store_account
from skelact.api.figures import draw_sequences
from skelact.api.recordings import recording_of_store
from skelact.api.runs import look
from skelact.api.viewing import View, check_only_written, check_page_name
from skelact.api.watching import Watched
from skelact.configuration import Option, PathLike, checked_arguments
from skelact.errors import ConfigurationError, DataError, SkelactError, typed
from skelact.models.card import CARD
from skelact.models.shipped import shipped_models
from skelact.results.files import FOLDER, result_files
from skelact.store.protocols import ALL, split
from skelact.store.store import Data, Store, as_store
from skelact.training.run_folder import CONFIG

if TYPE_CHECKING:
    from skelact.reports.of_runs.page import RunReport, TestSide
    from skelact.reports.of_runs.results import RunResults
    from skelact.reports.of_runs.runs import RunFolder

MOST_RUNS = 60
"""Runs of one page."""
MOST_POINTS = 2000
"""Test recordings of the map; of more so many are drawn by chance, as 'figures tsne' does."""


@checked_arguments
def report(
    runs: Annotated[Sequence[str | Path], Option(str, words=True)],
    *,
    out: PathLike | None = None,
    data: Data | None = None,
    protocol: str | None = None,
    live: bool = False,
    port: Annotated[int, Option(special=True)] = 0,
    browser: bool = True,
) -> View | None:
    """Show what one run found, or compare several, on a page: results, curves, confusions, a map of features.

    Test recordings play on it: those that were confused, those that a method was surest of, and any point of
    the map. What a run lacks, or the store where that is not there, is said on the page; the rest is shown.

    Without --out the page is shown at an address of this machine alone, until Ctrl-C, and asks for recordings
    as they are looked at. A file holds as many, and as much of each, as opens at once, and says what it left
    out.

    With --live the page shows one run while it trains: curves, time left, what its masks hide, and a button
    that stops it (SIGTERM): --resume goes on exactly.

    Args:
        runs: run folders; those that differ in their seeds alone are one method
        out: write the page into this file (.html) instead
        data: store with the test recordings; default: the first that a run learned from
        protocol: its test side is shown; default: that of the results, or of the run
        live: show one run while it trains
        port: of the address; 0 takes a free one
        browser: open it in a browser (--no-browser: print the address alone)

    Raises:
        DataError: no run at a place named, no store at the one of ``data``, or a page that cannot be written.
        ConfigurationError: no such protocol, or options of an address with ``out``, or of a page of results
            with ``live``.
    """
    from skelact.reports.of_runs.recordings import answer
    from skelact.reports.serving import serve

    if live:
        watch(runs, data, {"--out": out, "--protocol": protocol}, port, browser)
        return None
    if out is not None:
        check_page_name(out)
        check_only_written(port, browser)
    made = gather(runs, data, protocol)
    page = made.page(whole=out is not None)
    if out is not None:
        return View(Path(out).stem, page).save(out)
    test = made.test
    serve(
        page,
        port,
        browser=browser,
        answer=None if test is None else partial(answer, len(test.store), test.recordings),
    )
    return None


def watch(
    runs: Sequence[str | Path], data: Data | None, without_effect: Mapping[str, Any], port: int, browser: bool
) -> None:
    """Show one run while it trains, until the process is interrupted.

    Raises:
        DataError: as of :func:`report`; or more than one run.
        ConfigurationError: an option that has no effect.
    """
    from skelact.reports.serving import serve

    for option, value in without_effect.items():
        if value is not None:
            raise ConfigurationError(f"{option} has no effect with --live; leave it out")
    paths = find_runs(runs)
    if len(paths) > 1 or not (paths[0] / CONFIG).exists():
        problem = f"{len(paths)} runs" if len(paths) > 1 else f"{paths[0]} was not trained here"
        raise DataError(f"report --live: {problem}; name one run that trains, or leave out --live")
    watched = Watched(paths[0], data)
    serve(
        watched.page(),
        port,
        browser=browser,
        answer=watched.answer,
        act=watched.act,
        token=watched.token,
    )


def gather(runs: Sequence[str | Path], data: Data | None, protocol: str | None) -> RunReport:
    """Return what a page of runs is made of; what is missing is among its notes.

    Raises:
        DataError: as of :func:`report`.
        ConfigurationError: as of :func:`report`.
    """
    from skelact.reports.of_runs.page import RunReport
    from skelact.reports.of_runs.results import RunResults
    from skelact.reports.of_runs.runs import RunFolder

    paths = find_runs(runs)
    folders = [RunFolder.read(path) for path in paths]
    states: list[Mapping[str, Any]] = [asdict(look(path, str(path), with_results=False)) for path in paths]
    results, notes = RunResults.read(paths), []
    for folder, state in zip(folders, states, strict=True):
        if state["state"] != "finished":
            told = f" ({state['remark']})" if state["remark"] else ""
            notes.append(
                f"{folder.path} is {state['state']}{told}: there is no model yet, so no map of features."
            )
        elif not _is_evaluated(folder.path):
            notes.append(
                f"{folder.path} has no results; skelact evaluate linear-fast --run {typed(folder.path)} "
                "--data STORE --protocol NAME gives some."
            )
    notes += _foreign_results(folders, results)
    test = _test_side(folders, results, data, protocol, notes)
    return RunReport(folders, states, results, test, notes)


def _is_evaluated(run: Path) -> bool:
    """Tell whether there are results, usable or not; those that are not are told of with the results."""
    try:
        return bool(result_files(run))
    except DataError:
        return True


def _foreign_results(folders: Sequence[RunFolder], results: RunResults) -> list[str]:
    """Return a line for each result file that is of another model than the run in whose folder it lies."""
    by_path = {folder.path: folder for folder in folders}
    found: dict[str, None] = {}
    for entry in (each for method in results.methods for each in method.entries):
        folder = by_path[entry.path.parent.parent]
        difference = folder.foreign(entry.content)
        if difference is not None:
            whose = "another run's, or older than the run"
            found[f"{entry.path}: is of a model with {difference}: {whose}; evaluate {folder.path} again"] = (
                None
            )
    return list(found)


def find_runs(runs: Sequence[str | Path]) -> list[Path]:
    """Return the folders of runs, each once.

    Raises:
        DataError: no run is named, one is not there, or there are too many for a page.
    """
    found: dict[Path, Path] = {}
    for each in runs:
        path = Path(each)
        _check_can_be_entered(path)
        if not path.is_dir() or not any((path / name).exists() for name in (CONFIG, CARD, FOLDER)):
            what = "holds no run" if path.is_dir() else "is a file" if path.exists() else "no such folder"
            if str(each) in shipped_models():
                raise DataError(
                    f"{each}: comes with the package and was not evaluated here yet, so there is nothing to "
                    f"show; evaluate it first: skelact evaluate knn --run {each} --data STORE --protocol NAME"
                )
            raise DataError(f"{path}: {what}; give a folder that 'skelact pretrain --out' wrote")
        found.setdefault(path.resolve(), path)
    if not found:
        raise DataError("report: names no run; give the folder of one: skelact report RUN")
    if len(found) > MOST_RUNS:
        raise DataError(f"report: {len(found)} runs are too many for one page; give up to {MOST_RUNS}")
    return list(found.values())


def _check_can_be_entered(path: Path) -> None:
    try:
        (path / CONFIG).exists()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the path, and that you may read it"
        ) from error


def _test_side(
    folders: Sequence[RunFolder],
    results: RunResults,
    data: Data | None,
    protocol: str | None,
    notes: list[str],
) -> TestSide | None:
    """Return the data on which the runs are looked at; None, with a note, where it is not there."""
    from skelact.reports.of_runs.page import TestSide

    store = _store(folders, data, notes)
    if store is None:
        return None
    tables = [each.table for method in results.methods for each in method.entries if _is_of(each, store)]
    learned = [name for folder in folders for name in folder.protocols if name != ALL]
    named = list(dict.fromkeys([*(table[1] for table in tables), *learned]))
    sides = None
    if protocol is not None:
        named = [protocol]
        sides = split(store, protocol)
    for name in [] if sides is not None else named:
        try:
            sides, protocol = split(store, name), name
            break
        except SkelactError:  # such as one of several folds
            continue
    if sides is None or protocol is None:
        notes.append(f"{store.path}: no test side is known, so no recordings are shown; name one: --protocol")
        return None
    labels = np.asarray(store.labels)
    labelled = sides.test[labels[sides.test] >= 0]
    shown = draw_sequences(labelled if len(labelled) else sides.test, MOST_POINTS, 0)
    return TestSide(
        store=store,
        protocol=protocol,
        sequences=shown,
        labelled=shown[labels[shown] >= 0],
        recordings=partial(recording_of_store, store),
        account=store_account(store),
        sides=(sides.train, sides.test),
    )


def _is_of(entry: Any, store: Store) -> bool:
    return bool(entry.data_hash == store.content_hash)


def _store(folders: Sequence[RunFolder], data: Data | None, notes: list[str]) -> Store | None:
    """Return the store that is named, or the first that a run learned from and that is there."""
    if data is not None:
        return as_store(data)
    named = list(dict.fromkeys(path for folder in folders for path in folder.data))
    problems = []
    for path in named:
        try:
            return as_store(path)
        except SkelactError as error:
            problems.append(str(error))
    told = problems[0] if problems else "No run says which store it learned from"
    notes.append(f"{told}; so no recordings, no map and no prime joints are shown. --data STORE names one.")
    return None
