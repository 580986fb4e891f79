"""The cells of a table, and the pre-trainings that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from skelact.configuration import flatten, merge
from skelact.errors import ConfigurationError, suggest
from skelact.pretraining.config import Run
from skelact.pretraining.identity import evaluation_identity, run_identity, untrained_identity
from skelact.pretraining.methods import DEFAULT_METHOD, find_method
from skelact.reproduction.evaluations import Evaluation, Settings
from skelact.reproduction.recipes import DatasetSpec, MethodRow, Table
from skelact.results.identity import DRAW_NOTHING, ensemble_identity

_NO_DATA = {"data": ["store"], "protocol": ["all"]}
"""Stands for what a cell is pre-trained on where its settings alone are looked at."""


@dataclass
class KnownData:
    """What identities of results need to know of the data."""

    hashes: dict[str, Any]
    """Content hash of each data set's store, by its name."""
    learned: dict[str, Any] = field(default_factory=dict)
    """The same of data sets that are known from what models learned from alone."""
    sizes: dict[tuple[str, str], int] = field(default_factory=dict)
    """Sequences of the training side, by data set and protocol."""

    def hash_of(self, data_set: str) -> Any:
        """Return a data set's content hash, None where it is not known."""
        return self.hashes.get(data_set, self.learned.get(data_set))


@dataclass(frozen=True)
class Pretraining:
    """One run of 'skelact pretrain'."""

    data: DatasetSpec
    row: MethodRow
    size: str
    settings: Settings
    """Over those of method and size."""
    seed: int
    start: Pretraining | None
    """The run with whose weights it starts."""

    @property
    def name(self) -> str:
        """What plans call it; its run folder is ``runs/<name>``."""
        return f"{self.data.name}/{self.row.name}-seed{self.seed}"

    def config(self, store: str, init: str | None) -> Run:
        """Return the configuration that the command composes.

        Args:
            store: folder of the store.
            init: run folder of :attr:`start`.

        Raises:
            ConfigurationError: settings that do not fit each other.
        """
        assert self.row.method is not None  # only rows with a method are pre-trained
        own: dict[str, Any] = merge(
            self.settings,
            {"data": [store], "protocol": [self.data.protocol]},
            {} if init is None else {"init": init},  # contrastive methods do not know it
            {"method": self.row.method, "size": self.size, "training": {"seed": self.seed}},
        )
        return find_method(self.row.method).run(self.size, own, flat=self.data.num_coordinates == 2)

    def identity(self, known: KnownData) -> str:
        """Return the identity of the run that it makes."""
        start = None if self.start is None else self.start.identity(known)
        return run_identity(self.config("", None), known.hash_of(self.data.data_set), start)

    @property
    def seeds(self) -> list[int]:
        """The run's seed, then those of what it starts from, as its card tells them."""
        return [self.seed, *(self.start.seeds if self.start else ())]

    @property
    def prerequisites(self) -> tuple[Pretraining, ...]:
        """The runs that it needs, in order, itself the last."""
        return (*(self.start.prerequisites if self.start else ()), self)


@dataclass(frozen=True)
class Cell:
    """One number: an encoder, a data set, an evaluation, a seed."""

    table: str
    """Name of the table it stands in."""
    row: MethodRow
    pretraining: Pretraining
    """Whose encoder is evaluated; of a sum, the first."""
    evaluation: Evaluation
    settings: Settings
    """Of the evaluation, over those that its command has anyway."""
    on: DatasetSpec
    """Where is evaluated."""
    seed: int
    members: tuple[Cell, ...] = ()
    """The cells whose class scores are added up; none where an encoder is evaluated."""

    @property
    def trained(self) -> bool:
        """Whether the encoder is evaluated as trained, not as it was before."""
        return self.row.untrained_of is None

    @property
    def name(self) -> str:
        """What plans call it, and what patterns choose: ``ntu60-xsub/mamp/linear/seed0``."""
        learned = self.pretraining.data.name
        to = "" if learned == self.on.name else f"-to-{self.on.name}"
        return f"{learned}/{self.row.name}/{self.evaluation.name}{to}/seed{self.seed}"

    @property
    def run(self) -> Path:
        """Where its command writes, under the folder of everything."""
        if not self.evaluation.trains_encoder and not self.members:
            return Path("runs") / self.pretraining.name
        started_from = replace(self.pretraining, row=self.row).name
        return Path("runs") / f"{started_from}-{self.evaluation.name}-{self.on.name}-seed{self.seed}"

    @property
    def prerequisites(self) -> tuple[Pretraining, ...]:
        """The runs that it needs, in order."""
        needed = [
            run for member in self.members for run in member.prerequisites
        ] or self.pretraining.prerequisites
        return tuple({run.name: run for run in needed}.values())

    @property
    def file(self) -> Path:
        """Where its result is kept, under the folder of everything."""
        learned = self.pretraining.data.name
        source = "" if learned == self.on.name else f"-from-{learned}"
        name = f"{self.on.protocol}-{self.row.name}{source}-{self.evaluation.name}-seed{self.seed}.json"
        return Path("results") / self.on.data_set / name

    def identity(self, known: KnownData) -> str | None:
        """Return the identity that its result has; None where too little is known of the data."""
        if self.members:
            members = [member.identity(known) for member in self.members]
            found = [each for each in members if each is not None]
            return ensemble_identity(found, [1.0] * len(found)) if found == members else None
        share, size = self.evaluation.share, known.sizes.get((self.on.data_set, self.on.protocol))
        if share is not None and size is None:
            return None
        run = self.pretraining
        encoder = run.identity(known) if self.trained else untrained_identity(run.config("", None))
        return evaluation_identity(
            self.evaluation.command,
            self.evaluation.telling(self.expected),
            data_hash=known.hash_of(self.on.data_set),
            protocol=self.on.protocol,
            encoder=encoder,
            num_labelled=None if share is None or size is None else round(share * size),
        )

    @property
    def seeds(self) -> list[Any]:
        """The seeds of its result, as its file tells them."""
        if self.members:
            return [seed for member in self.members for seed in member.seeds]
        draws = self.evaluation.command not in DRAW_NOTHING or not self.trained
        of_labels = None if self.evaluation.share is None else self.seed
        return [self.seed if draws else None, of_labels, *(self.pretraining.seeds if self.trained else ())]

    @cached_property
    def expected(self) -> Settings:
        """All settings of the evaluation, as its result file tells them."""
        known = {each.name for each in fields(self.evaluation.schema)}
        seeds = {"training": {"seed": self.seed}, "seed": self.seed}
        seeded = {name: value for name, value in seeds.items() if name in known}
        return self.evaluation.settings(merge(self.settings, seeded))


def cells_of(table: Table, seeds: Sequence[int] | None = None) -> list[Cell]:
    """Return the cells of a table, by data set, seed, row and evaluation: those of one run stand together.

    Args:
        table: the table.
        seeds: instead of its own.
    """
    return [
        _cell(table, data, row, evaluation, seed)
        for data in table.data
        for seed in seeds or table.plan.seeds
        for row in table.rows
        for evaluation in table.evaluations
        if evaluation.can_sum or row.sum_of is None
    ]


def cells_of_suite(tables: Iterable[Table], seeds: Sequence[int] | None = None) -> list[Cell]:
    """Return the cells of all tables, each once.

    Raises:
        ConfigurationError: two tables mean different things by one name, or a setting out of range.
    """
    cells: dict[str, Cell] = {}
    files: dict[Path, Cell] = {}
    runs: dict[str, tuple[str, Pretraining]] = {}
    for cell in (cell for table in tables for cell in cells_of(table, seeds)):
        other = cells.setdefault(cell.name, cell)
        first = files.setdefault(cell.file, cell)
        if first.name != cell.name:
            raise ConfigurationError(
                f"tables {first.table} and {cell.table}: {first.name} and {cell.name} have one result file, "
                f"{cell.file}; give one of the rows another name, or a table of its own data set"
            )
        same = other.settings == cell.settings and other.row == cell.row
        for run in cell.prerequisites:
            table, known = runs.setdefault(run.name, (cell.table, run))
            if known != run or not same:
                raise ConfigurationError(
                    f"tables {table} and {cell.table} mean different things by {cell.name}; "
                    "give the row another name in one of them"
                )
    for table, run in runs.values():
        with _told_as(f"table {table}: row {run.row.name} on {run.data.name}"):
            run.config("", None)
    for cell in cells.values():
        with _told_as(f"table {cell.table}: {cell.name}"):
            cell.evaluation.settings(cell.settings)
    return list(cells.values())


@contextmanager
def _told_as(where: str) -> Iterator[None]:
    """Name the place of a wrong setting; it is met here, not after hours of other commands."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def choose(cells: Iterable[Cell], patterns: Sequence[str]) -> list[Cell]:
    """Return the cells whose names fit one of the shell patterns; all without a pattern.

    Raises:
        ConfigurationError: a pattern that no name fits; the message names the closest.
    """
    cells = list(cells)
    names = [cell.name for cell in cells]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            close = suggest(pattern, names) if len(names) < 9 else suggest(pattern, names).split(" (known")[0]
            raise ConfigurationError(f"--only {pattern}: no cell is called so{close}; --dry-run lists them")
    return [
        cell for cell in cells if not patterns or any(fnmatchcase(cell.name, pattern) for pattern in patterns)
    ]


def _cell(table: Table, data: DatasetSpec, row: MethodRow, evaluation: Evaluation, seed: int) -> Cell:
    on = table.on or data
    if row.sum_of is not None:
        rows = [table.shared.rows[name] for name in row.sum_of]
        members = tuple(_cell(table, data, each, evaluation, seed) for each in rows)
        first = members[0]
        return Cell(table.name, row, first.pretraining, evaluation, first.settings, on, seed, members)
    if row.untrained_of is not None:
        evaluation = evaluation.from_scratch
    file = evaluation.file or evaluation.name
    for_share = {} if evaluation.share is None else on.evaluate.get(evaluation.name, {})
    shared = table.shared.variant.evaluate.get(file, {}), on.evaluate.get(file, {}), for_share
    settings = merge(dict(evaluation.preset), *shared)
    learned = row if row.untrained_of is None else table.shared.rows[row.untrained_of]
    pretrain_seed = seed if table.plan.pretrain_seed is None else table.plan.pretrain_seed
    pretraining = _pretraining(table, data, learned, pretrain_seed)
    return Cell(table.name, row, pretraining, evaluation, settings, on, seed)


def _pretraining(table: Table, data: DatasetSpec, row: MethodRow, seed: int) -> Pretraining:
    for_all = merge(table.shared.variant.pretrain, data.pretrain, table.plan.pretrain)
    known = [each.name for each in fields(find_method(row.method or DEFAULT_METHOD).family.settings)]
    # what is about the other family of methods alone is left out, and what does nothing in this one
    shared = {key: value for key, value in for_all.items() if key in known}
    settings = merge(shared, row.pretrain)
    if row.method is not None:
        droppable = flatten(shared).keys() - flatten(row.pretrain).keys()
        useful = find_method(row.method).useful(table.shared.size, {**_NO_DATA, **settings}, droppable)
        settings = {key: value for key, value in useful.items() if key not in _NO_DATA}
    start = None if row.start is None else _pretraining(table, data, table.shared.rows[row.start], seed)
    return Pretraining(data, row, table.shared.size, settings, seed, start)
