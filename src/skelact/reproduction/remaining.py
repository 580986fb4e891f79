"""What is done of a suite, and in which order the rest comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from skelact.errors import ConfigurationError, DataError
from skelact.files import read_json
from skelact.models.pretrained import CARD
from skelact.reproduction.cells import Cell, Pretraining
from skelact.reproduction.commands import Place, evaluate_words, pretrain_words
from skelact.reproduction.matching import Results, run_difference
from skelact.reproduction.recipes import DataRecipe
from skelact.results.files import FOLDER, has_scores
from skelact.store.store import Store
from skelact.training.run_folder import CONFIG

State = Literal["absent", "started", "done"]


@dataclass(frozen=True)
class Task:
    """One command that is left to do."""

    what: Pretraining | Cell
    state: State
    """Whether it was started before."""

    def words(self, place: Place, results: Results) -> list[str]:
        """Return the command's words, after ``skelact``; a sum's are of the results that are there."""
        resume = self.state == "started"
        if isinstance(self.what, Pretraining):
            return pretrain_words(self.what, place, resume=resume)
        found = {member.name: scored(member, place, results) for member in self.what.members}
        known = {name: path for name, path in found.items() if path is not None}
        return evaluate_words(self.what, place, resume=resume, found=known)

    @property
    def title(self) -> str:
        """What progress lines call it."""
        return f"pretrain {self.what.name}" if isinstance(self.what, Pretraining) else self.what.name


def check_stores(cells: Iterable[Cell], place: Place) -> dict[str, str]:
    """Return the content hash of every store that the cells need and that is there, by data set.

    Raises:
        DataError: a folder that is no store, or holds another data set.
        ConfigurationError: a store with another number of classes than the recipe's.
    """
    hashes = {}
    for data in recipes_of(cells):
        path = place.store(data)
        if not path.exists():
            continue
        store = Store.open(path)
        if store.data_set != data.data_set:
            raise DataError(f"{path}: holds {store.data_set}, expected {data.data_set}")
        if len(store.class_names) != data.num_classes:
            raise ConfigurationError(
                f"{path}: {len(store.class_names)} classes, {data.name} has {data.num_classes}; "
                "prepare the whole data set"
            )
        hashes[data.data_set] = store.content_hash
    return hashes


def missing_stores(cells: Iterable[Cell], place: Place) -> list[Path]:
    """Return the stores that the cells need and that are not there."""
    stores = {place.store(data) for data in recipes_of(cells)}
    return sorted(path for path in stores if not path.exists())


def recipes_of(cells: Iterable[Cell]) -> list[DataRecipe]:
    """Return the data sets that cells learn from and are evaluated on, each once."""
    both = [data for cell in cells for data in (cell.pretraining.data, cell.on)]
    return list({data.name: data for data in both}.values())


def results_folder(place: Place) -> Path:
    """Return where the results of all cells are."""
    return place.out / "results"


def not_collected(cell: Cell, place: Place, results: Results) -> tuple[Path, dict[str, Any]] | None:
    """Return the cell's result in its run folder, from a command that was run before, or None."""
    folder = place.out / cell.run / FOLDER
    return Results([folder], results.hashes).find(cell) if folder.is_dir() else None


def is_done(cell: Cell, place: Place, results: Results) -> bool:
    """Return whether the cell's result is there, collected or not."""
    return results.find(cell) is not None or not_collected(cell, place, results) is not None


def scored(cell: Cell, place: Place, results: Results) -> Path | None:
    """Return the cell's result file, if it is there with the class scores that sums are made of."""
    found = results.find(cell)
    if found is None or not has_scores(found[1]):
        found = not_collected(cell, place, results)
    return found[0] if found is not None and has_scores(found[1]) else None


def left_to_do(cells: Sequence[Cell], place: Place, results: Results) -> list[Task]:
    """Return the commands that are left, every pre-training right before the first cell that needs it.

    Raises:
        DataError: a run folder holds another run than the one that is expected there.
    """
    tasks: list[Task] = []
    planned: set[str] = set()
    for cell in cells:
        if is_done(cell, place, results):
            continue
        open_members = [each for each in cell.members if scored(each, place, results) is None]
        for each in [*open_members, cell]:
            if each.name not in planned:
                planned.add(each.name)
                tasks += _tasks_of(each, place, results, planned)
    return tasks


def _tasks_of(cell: Cell, place: Place, results: Results, planned: set[str]) -> list[Task]:
    """Return the pre-trainings that a cell needs and that are not planned yet, and the cell itself."""
    tasks: list[Task] = []
    for pretraining in () if cell.members else cell.line:
        if pretraining.name not in planned:
            planned.add(pretraining.name)
            state = pretraining_state(pretraining, place, results.hashes)
            if state != "done":
                tasks.append(Task(pretraining, state))
    trains = cell.evaluation.trains_encoder and not cell.members
    has_own_run = trains and (place.out / cell.run / CONFIG).exists()
    return [*tasks, Task(cell, "started" if has_own_run else "absent")]


def pretraining_state(pretraining: Pretraining, place: Place, hashes: Mapping[str, str]) -> State:
    """Return whether a pre-training's run folder is finished, interrupted or not there.

    Args:
        pretraining: the run.
        place: where.
        hashes: content hash of the store of each data set, as far as known.

    Raises:
        DataError: it holds another run.
    """
    folder = place.run(pretraining)
    if not (folder / CARD).exists():
        return "started" if (folder / CONFIG).exists() else "absent"
    try:
        card = read_json(folder / CARD, "remove the folder to train again")
        problem = run_difference(card, pretraining, hashes)
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{folder / CARD}: unreadable ({error!r}); remove the folder to train again"
        ) from error
    if problem is not None:
        raise DataError(f"{folder}: holds another run ({problem}); move it away, or choose another --out")
    return "done"
