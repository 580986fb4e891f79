"""The page of one run or several: what it is made of, and how that is found."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skelact.errors import SkelactError, printable
from skelact.evaluation.prime_joints import load_detector
from skelact.models.pretrained import load_pretrained
from skelact.reports.of_runs.features import Indices, bandwidth_data, map_data, pose_data, prime_data
from skelact.reports.of_runs.recordings import hold
from skelact.reports.of_runs.results import Judged, RunResults, examples_of
from skelact.reports.of_runs.runs import RunFolder, density_of_run
from skelact.reports.page import fill_page
from skelact.reports.player import Played, player_frame
from skelact.store.store import Store

SCRIPTS = (
    *("elements", "recording", "colours", "scene", "charts", "thumbnails", "curves", "bodies"),
    *("examples", "confusions", "feature-map", "report"),
)
STYLES = ("view", "thumbnails", "report")
EXAMPLES = 500
"""Recordings of each method that the page wants to play, beside those of the map."""


@dataclass(frozen=True, eq=False)
class TestSide:
    """The data on which runs are looked at."""

    store: Store
    protocol: str
    sequences: Indices
    """(N,) the test sequences of the map, and of prime joints."""
    labelled: Indices
    """Those that have a class."""
    recordings: Callable[[int], Played]
    """Gives the recording with a number of the store."""
    account: Sequence[tuple[str, str]]
    """What the store holds: words and values."""
    sides: tuple[Indices, Indices]
    """All sequences that train, and all that test."""


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a page of runs is made of."""

    folders: Sequence[RunFolder]
    states: Sequence[Mapping[str, Any]]
    """Of each: state, epochs, epochs_done, clips_per_second, remark."""
    results: RunResults
    test: TestSide | None
    """None where the data is not there."""
    notes: list[str] = field(default_factory=list)
    """What is missing, and why."""

    def page(self, *, whole: bool) -> str:
        """Return the page as HTML.

        Args:
            whole: hold the recordings; otherwise the page asks the server that it came from.
        """
        data = self.data()
        player, code = player_frame()
        data["player"], data["held"], data["shared"] = player, None, None
        if whole and self.test is None:
            data["held"], data["shared"] = {}, {}
        elif whole:
            assert self.test is not None
            wanted = self.wanted(data)
            held = hold(self.test.store, self.test.recordings, wanted)
            data["held"], data["shared"] = held.data, held.shared
            data["notes"] += [held.remark] if held.remark else []
        return fill_page(
            "report",
            SCRIPTS,
            title=data["title"],
            data=data,
            styles=STYLES,
            inside=(code,),
            asks_server=not whole,
        )

    def data(self) -> dict[str, Any]:
        """Return what the page is told, without recordings."""
        results = self.results.data()
        notes = [*self.notes, *(problem for each in self.folders for problem in each.problems)]
        runs = [
            {**folder.data_for_page(printable(str(folder.path))), **_state(folder, state)}
            for folder, state in zip(self.folders, self.states, strict=True)
        ]
        for folder, run in zip(self.folders, runs, strict=True):
            density = density_of_run(folder)
            if density is not None and folder.card is not None:
                run["bandwidths"] = bandwidth_data(density, load_pretrained(folder.path).topology)
        maps, prime = self._maps(notes), self._prime(notes)
        test = self.test
        names = [] if test is None else test.store.names
        places = {name: place for place, name in enumerate(names)}
        of_test = {each.key: each for each in self.results.judged if each is not None}
        for key, judged in of_test.items():
            results["tests"][key]["places"] = self._places(judged, places)
        used = {place for each in results["tests"].values() for place in each["places"]} - {-1}
        used |= set(maps["sequences"]) if maps else set()
        labels = () if test is None else np.asarray(test.store.labels).tolist()
        one = len(runs) == 1
        return {
            "title": f"Report: {runs[0]['name']}" if one else f"Report: {len(runs)} runs",
            "facts": self._facts(),
            "notes": [printable(note) for note in dict.fromkeys([*notes, *self.results.problems])],
            "runs": runs,
            **results,
            "names": {} if test is None else {place: test.store.names[place] for place in sorted(used)},
            "labels": {place: int(labels[place]) for place in sorted(used)},
            "classes": [] if test is None else test.store.class_names,
            "maps": maps,
            "prime": prime,
            "account": None if test is None else self._account(test),
            "command": printable(
                shlex.join(["skelact", "report", *(str(each.path) for each in self.folders)])
            ),
        }

    def wanted(self, data: Mapping[str, Any]) -> list[int]:
        """Return the recordings that the page shows, the most telling first, those of the map at last."""
        test = self.test
        assert test is not None
        places = {name: place for place, name in enumerate(test.store.names)}
        found: dict[int, None] = {}
        lists = [examples_of(each, EXAMPLES) for each in self.results.judged if each is not None]
        for turn in range(EXAMPLES):
            found |= {places[each[turn]]: None for each in lists if turn < len(each) and each[turn] in places}
        if data["maps"]:
            found |= dict.fromkeys(data["maps"]["sequences"])
        return list(found)

    def _facts(self) -> list[tuple[str, str]]:
        test = self.test
        if test is None:
            return []
        return [
            ("data set", test.store.data_set),
            ("protocol", test.protocol),
            ("training", f"{len(test.sides[0]):,} recordings"),
            ("test", f"{len(test.sides[1]):,} recordings"),
        ]

    def _places(self, judged: Judged, places: Mapping[str, int]) -> list[int]:
        """Return where the store has a method's test sequences, -1: nowhere, as where classes are others."""
        found = [places.get(name, -1) for name in judged.names]
        if self.test is None:
            return found
        own = np.asarray(self.test.store.labels)
        fits = [place < 0 or own[place] == label for place, label in zip(found, judged.labels, strict=True)]
        return found if all(fits) else [-1] * len(found)

    def _finished(self) -> list[RunFolder]:
        """Return the first run of every method that has a model."""
        found: dict[str, RunFolder] = {}
        for folder in self.folders:
            if folder.card is not None:
                found.setdefault(folder.identity, folder)
        return list(found.values())

    def _maps(self, notes: list[str]) -> dict[str, Any] | None:
        test = self.test
        if test is None:
            return None
        if len(test.sequences) < 3:
            notes.append(f"No map of features: {len(test.sequences)} test sequences, and a map needs 3.")
            return None
        made = []
        for folder in self._finished():
            try:
                pretrained = load_pretrained(folder.path)
                found = map_data(pretrained, test.store, test.sequences, "features")
            except SkelactError as error:
                notes.append(f"No map of features: {error}")
                continue
            made.append({"run": printable(str(folder.path)), **found})
        if not made:
            return None
        total = len(test.sides[1])
        is_whole = len(test.sequences) == total
        drawn = f"All {total:,}" if is_whole else f"{len(test.sequences):,} of {total:,}, by chance,"
        about = f"{drawn} test recordings; the first seed of every method."
        return {
            "about": about,
            "sequences": test.sequences.tolist(),
            "labels": np.asarray(test.store.labels)[test.sequences].tolist(),
            "runs": made,
        }

    def _prime(self, notes: list[str]) -> dict[str, Any] | None:
        test = self.test
        if test is None or not len(test.labelled):
            return None
        sets = []
        try:
            sets.append(
                {"name": "by the density of positions", **prime_data(None, test.store, test.labelled)}
            )
            pose = pose_data(test.store, test.labelled, test.recordings(int(test.labelled[0])))
        except SkelactError as error:
            notes.append(f"No prime joints by class: {error}")
            return None
        if pose is None:
            notes.append("No prime joints by class: in no frame all joints of a body are seen.")
            return None
        for folder in self._finished():
            try:
                model = load_detector(folder.path)
                if model is None:
                    continue
                clips = load_pretrained(folder.path).clips
                sets.append(
                    {
                        "name": printable(f"by {folder.path}"),
                        **prime_data(model, test.store, test.labelled, clips),
                    }
                )
            except SkelactError as error:
                notes.append(f"No prime joints by {folder.path}: {error}")
        sets.reverse()  # a run's own, where there are any, come first
        return {"pose": pose, "joints": list(test.store.topology.joints), "sets": sets}

    def _account(self, test: TestSide) -> dict[str, Any]:
        labels = np.asarray(test.store.labels)
        counts = [
            np.bincount(labels[side][labels[side] >= 0], minlength=len(test.store.class_names))
            for side in test.sides
        ]
        rows = [
            [name, int(train), int(tested)]
            for name, train, tested in zip(test.store.class_names, *counts, strict=True)
            if train or tested
        ]
        return {"rows": [list(row) for row in test.account], "classes": rows}


def _state(folder: RunFolder, state: Mapping[str, Any]) -> dict[str, Any]:
    seconds = [each["seconds"] for each in folder.epochs if "seconds" in each]
    told = ("state", "epochs", "epochs_done", "clips_per_second")
    return {**{key: state[key] for key in told}, "seconds": sum(seconds) if seconds else None}
