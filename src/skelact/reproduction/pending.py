"""Which results are there, which commands are left, and in which order they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from skelact.errors import ConfigurationError, DataError
from skelact.files import read_json
from skelact.models.card import CARD, read_card
from skelact.pretraining.identity import LEFT_OUT, RUN_NAMES, card_identity, card_seeds, run_settings, telling
from skelact.reproduction.cells import Cell, KnownData, Pretraining
from skelact.reproduction.commands import Workspace, evaluate_arguments, pretrain_arguments
from skelact.reproduction.recipes import DatasetSpec
from skelact.results.files import FOLDER, FORMAT, has_scores, read_result
from skelact.results.identity import result_identity, result_seeds
from skelact.store.store import Store
from skelact.training.log import METRICS, read_metrics
from skelact.training.run_folder import CONFIG

State = Literal["absent", "started", "done"]


class Results:
    """Result files, wherever they are and whatever they are called, by what they are results of.

    Args:
        folders: searched with all that is in them; files that are no results are passed over.
        hashes: content hash of the store of each data set, by its name; results of other stores do not
            count. Where a data set is not named, its results must agree.

    Raises:
        DataError: a result that cannot be read, or results of one data set from different stores.
    """

    def __init__(self, folders: Iterable[Path], hashes: Mapping[str, str] | None = None) -> None:
        self.folders, self._named = tuple(folders), set(hashes or {})
        self.known = KnownData(dict(hashes or {}))
        self.files: dict[Path, dict[str, Any]] = {}
        self._keys: dict[Path, tuple[str, list[Any]]] = {}
        self._identities: dict[str, str | None] = {}  # of cells by their names
        self._first: dict[str, Path] = {}
        self.look_again()

    def look_again(self) -> None:
        """Take in the files that came since."""
        for folder in self.folders:
            for path in sorted(folder.rglob("*.json")):
                if path not in self.files and _is_result(path):
                    self.add(path)

    def add(self, path: Path) -> None:
        """Take one more result file in, or a new one of a path that is known.

        Raises:
            DataError: it cannot be read, or is of another store than the others.
        """
        self.take(path, read_result(path))

    def take(self, path: Path, content: dict[str, Any]) -> None:
        """Take the content of a result file in, as :meth:`add` does.

        Raises:
            DataError: it is of another store of its data set than those before.
        """
        name, data_hash = content["data_set"], content["data_hash"]
        if self.known.hashes.setdefault(name, data_hash) != data_hash and name not in self._named:
            raise DataError(
                f"{path}: {name} there is another store than that of {self._first.get(name)}; "
                "keep the results of one, or name the store's folder with --stores"
            )
        self._first.setdefault(name, path)
        model = content["model"]
        if "data_set" in model:
            self.known.learned.setdefault(model["data_set"], model.get("data_hash", ""))
        subset = content.get("subset")
        size = content.get("num_train") if subset is None else subset["num_sequences"] / subset["share"]
        if size is not None and LEFT_OUT not in content and self.known.hashes[name] == data_hash:
            self.known.sizes.setdefault((name, content["protocol"]), round(size))
        self.files[path] = content
        self._keys[path] = (result_identity(content), result_seeds(content))
        self._identities.clear()

    @property
    def of_other_stores(self) -> list[Path]:
        """The files that do not count, for their store is another than the one named."""
        hashes = self.known.hashes
        return [
            path
            for path, content in self.files.items()
            if hashes[content["data_set"]] != content["data_hash"]
        ]

    def find(self, cell: Cell) -> tuple[Path, dict[str, Any]] | None:
        """Return the cell's result, or None where there is none yet.

        Raises:
            DataError: two files are results of the cell, and say different things.
        """
        if cell.name not in self._identities:
            self._identities[cell.name] = cell.identity(self.known)
        key = (self._identities[cell.name], cell.seeds)
        found = [(path, content) for path, content in self.files.items() if self._keys[path] == key]
        for path, content in found[1:]:
            if content["metrics"] != found[0][1]["metrics"]:
                raise DataError(f"{found[0][0]} and {path} are both results of {cell.name}; keep one of them")
        return found[0] if found else None


def _is_result(path: Path) -> bool:
    """Return whether a JSON file says that it is a result; a damaged one is told so when it is read."""
    try:
        content = read_json(path)
    except DataError:
        return True
    return isinstance(content, dict) and content.get("format") == FORMAT


@dataclass(frozen=True)
class PendingCommand:
    """One command that is left to do."""

    what: Pretraining | Cell
    state: State
    """Whether it was started before."""
    waits_for: frozenset[str] = field(default_factory=frozenset)
    """Titles of the commands that come before it and are left as well."""

    def arguments(self, workspace: Workspace, results: Results) -> list[str]:
        """Return what comes after ``skelact``; a sum's are the results that are there."""
        resume = self.state == "started"
        if isinstance(self.what, Pretraining):
            return pretrain_arguments(self.what, workspace, resume=resume)
        found = {member.name: scored(member, workspace, results) for member in self.what.members}
        known = {name: path for name, path in found.items() if path is not None}
        return evaluate_arguments(self.what, workspace, resume=resume, found=known)

    def trained_in(self, workspace: Workspace) -> Path | None:
        """Return the folder of the run that it trains and locks; None where it trains none."""
        if isinstance(self.what, Pretraining):
            return workspace.run(self.what)
        trains = self.what.evaluation.trains_encoder and not self.what.members
        return workspace.out / self.what.run if trains else None

    @property
    def title(self) -> str:
        """What progress lines call it."""
        return title_of(self.what)


def title_of(what: Pretraining | Cell) -> str:
    """Return what progress lines call a pre-training, or an evaluation."""
    return f"pretrain {what.name}" if isinstance(what, Pretraining) else what.name


def check_stores(cells: Iterable[Cell], workspace: Workspace) -> dict[str, str]:
    """Return the content hash of every store that the cells need and that is there, by data set.

    Raises:
        DataError: a folder that is no store, or holds another data set.
        ConfigurationError: a store with another number of classes or coordinates than the recipe's.
    """
    hashes = {}
    for data in recipes_of(cells):
        path = workspace.store(data)
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
        if store.num_coordinates != data.num_coordinates:
            raise ConfigurationError(
                f"{path}: {store.num_coordinates}-D positions, {data.name} has {data.num_coordinates}-D "
                f"ones; write num_coordinates: {store.num_coordinates} into the recipe"
            )
        hashes[data.data_set] = store.content_hash
    return hashes


def missing_stores(cells: Iterable[Cell], workspace: Workspace) -> list[Path]:
    """Return the stores that the cells need and that are not there."""
    stores = {workspace.store(data) for data in recipes_of(cells)}
    return sorted(path for path in stores if not path.exists())


def recipes_of(cells: Iterable[Cell]) -> list[DatasetSpec]:
    """Return the data sets that cells learn from and are evaluated on, each once."""
    both = [data for cell in cells for data in (cell.pretraining.data, cell.on)]
    return list({data.name: data for data in both}.values())


def not_collected(cell: Cell, workspace: Workspace, results: Results) -> tuple[Path, dict[str, Any]] | None:
    """Return the cell's result in its run folder, from a command that was run before, or None."""
    folder = workspace.out / cell.run / FOLDER
    return Results([folder], results.known.hashes).find(cell) if folder.is_dir() else None


def scored(cell: Cell, workspace: Workspace, results: Results) -> Path | None:
    """Return the cell's result file, if it is there with the class scores that sums are made of."""
    found = results.find(cell)
    if found is None or not has_scores(found[1]):
        found = not_collected(cell, workspace, results)
    return found[0] if found is not None and has_scores(found[1]) else None


def pending_commands(cells: Sequence[Cell], workspace: Workspace, results: Results) -> list[PendingCommand]:
    """Return the commands that are left, every pre-training right before the first cell that needs it.

    Raises:
        DataError: a run folder holds another run than the one that is expected there.
    """
    states: dict[str, State] = {}  # of pre-trainings
    pending: dict[str, PendingCommand] = {}

    def plan(what: Pretraining | Cell, state: State, before: Iterable[Pretraining | Cell]) -> None:
        waits_for = frozenset({title_of(each) for each in before} & set(pending))
        pending[title_of(what)] = PendingCommand(what, state, waits_for)

    for cell in cells:
        if results.find(cell) or not_collected(cell, workspace, results):
            continue
        open_members = [each for each in cell.members if scored(each, workspace, results) is None]
        for each in [*open_members, cell]:
            if each.name in pending:
                continue
            for run in () if each.members else each.prerequisites:
                if run.name not in states:
                    states[run.name] = pretraining_state(run, workspace, results.known)
                    if states[run.name] != "done":
                        plan(run, states[run.name], run.prerequisites[:-1])
            trains = each.evaluation.trains_encoder and not each.members
            started = trains and (workspace.out / each.run / CONFIG).exists()
            plan(each, "started" if started else "absent", [*each.prerequisites, *each.members])
    return list(pending.values())


def pretraining_state(pretraining: Pretraining, workspace: Workspace, known: KnownData) -> State:
    """Return whether a pre-training's run folder is finished, interrupted or not there.

    Raises:
        DataError: it holds another run.
    """
    folder = workspace.run(pretraining)
    if not (folder / CARD).exists():
        return "started" if (folder / CONFIG).exists() else "absent"
    try:
        card = read_card(folder / CARD)
        name = pretraining.data.data_set
        told = KnownData({name: card.get("data_hash"), **known.hashes})
        other = card_identity(card) != pretraining.identity(told) or card_seeds(card) != pretraining.seeds
    except KeyError as error:
        raise DataError(
            f"{folder / CARD}: unreadable ({error!r}); remove the folder to train again"
        ) from error
    if other:
        problem = _difference(card, pretraining)
        raise DataError(f"{folder}: holds another run ({problem}); move it away, or choose another --out")
    return "done"


def _difference(card: Mapping[str, Any], pretraining: Pretraining) -> str:
    """Return the first setting in which a run is not the pre-training."""
    run = run_settings(card["config"])
    found = telling(card["config"] if run is None else asdict(run))
    expected = telling(asdict(pretraining.config("", None)))
    for key in sorted({*found, *expected} - RUN_NAMES):
        if found.get(key) != expected.get(key):
            return f"{key} = {found.get(key)}, expected {expected.get(key)}"
    return "of another seed, data, protocol, or other weights to start from"


def what_is_left(
    pending: Sequence[PendingCommand], cells: Sequence[Cell], workspace: Workspace, results: Results
) -> list[str]:
    """Return how many cells are done and commands left, and where some are, how long these take."""
    computing = {command.title for command in pending} & {cell.name for cell in cells}
    lines = [f"{len(cells)} cells, {len(cells) - len(computing)} done; {len(pending)} commands left"]
    return lines + ([_expected_time(pending, cells, workspace, results)] if pending else [])


def _expected_time(
    pending: Sequence[PendingCommand], cells: Sequence[Cell], workspace: Workspace, results: Results
) -> str:
    """Return in one line how long the rest takes, from the mean seconds of finished commands of its kind."""
    seconds: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for cell in cells:
        found = results.find(cell)
        if found is not None and "seconds" in found[1]:
            seconds[_kind(cell)].append(float(found[1]["seconds"]))
    for run in {run.name: run for cell in cells for run in cell.prerequisites}.values():
        if (workspace.run(run) / CARD).exists():
            lines = read_metrics(workspace.run(run) / METRICS)
            seconds[_kind(run)].append(sum(line.get("seconds", 0.0) for line in lines))
    known = [seconds[_kind(each.what)] for each in pending if seconds.get(_kind(each.what))]
    minutes = sum(sum(each) / len(each) for each in known) / 60
    unknown = len(pending) - len(known)
    parts = []
    if known:
        time = f"{minutes // 60:.0f} h {minutes % 60:.0f} min"
        parts.append(f"about {time} for {len(known)} commands, by the mean of finished ones of their kind")
    if unknown:
        parts.append(f"no estimate for {unknown} commands: none of their kind is finished")
    return "; ".join(parts)


def _kind(what: Pretraining | Cell) -> tuple[str, ...]:
    if isinstance(what, Pretraining):
        return (what.data.name, "pretrain", what.size)
    return (what.on.name, what.evaluation.name, what.pretraining.size, "sum" if what.members else "")
