"""What suites are made of: data sets, ways of pre-training, tables. :mod:`.suite_files` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skelact.errors import ConfigurationError
from skelact.formats.protocol import FOLDS
from skelact.reproduction.evaluations import EVALUATIONS, Evaluation, Settings


@dataclass(frozen=True)
class DatasetSpec:
    """A data set under a protocol, from ``configs/data/<name>.yaml``."""

    name: str
    """Name of the file, e.g. ntu60-xsub."""
    title: str
    """What tables call it."""
    data_set: str
    """Name of the data set; its store is the folder of this name."""
    protocol: str
    """The protocol: its training side is learned from, its test side evaluates."""
    num_classes: int
    """Classes of the data set."""
    num_coordinates: int = 3
    """2 for positions in the plane, which pre-training treats otherwise where nothing is said."""
    pretrain: Settings = field(default_factory=dict)
    """Settings of the pre-training that belong to this data set."""
    evaluate: Mapping[str, Settings] = field(default_factory=dict)
    """Settings of evaluations that belong to this data set, by their file in ``configs/evaluate``; for one
    share of the labels, over those, by its name, e.g. ``semi-10``."""
    fold_of: str = ""
    """Name of the recipe whose protocol has several folds, of which this is one; tables give their mean."""

    @property
    def column(self) -> str:
        """Name of the recipe whose numbers it belongs to."""
        return self.fold_of or self.name

    def folds(self) -> tuple[DatasetSpec, ...]:
        """Return a recipe for each published fold of its protocol, or itself where that has none."""
        names = FOLDS.get(self.data_set, {}).get(self.protocol, ())
        return tuple(
            replace(self, name=f"{self.data_set}-{name}", protocol=name, fold_of=self.name) for name in names
        ) or (self,)


@dataclass(frozen=True)
class MethodRow:
    """A way of pre-training, an encoder before any, or several rows whose class scores are added up.

    Raises:
        ConfigurationError: not exactly one of ``method``, ``untrained_of`` and ``sum_of``, or a sum of fewer
            than two rows.
    """

    name: str
    """What files and cells call it."""
    title: str
    """What tables call it."""
    method: str | None = None
    """Name of a method, ``configs/pretrain/<method>.yaml``."""
    pretrain: Settings = field(default_factory=dict)
    """Settings over those of the method."""
    start: str | None = None
    """The row with whose weights it starts; None: random ones."""
    untrained_of: str | None = None
    """Instead of a method: the row whose encoder is evaluated untrained."""
    sum_of: list[str] | None = None
    """Instead of a method: the rows whose class scores are added up, e.g. those of three streams."""

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.method, self.untrained_of, self.sum_of)) != 1:
            raise ConfigurationError("expected one of 'method', 'untrained_of' and 'sum_of'")
        if self.sum_of is not None:
            _check_list("sum_of", self.sum_of)
            if len(set(self.sum_of)) < 2:
                raise ConfigurationError(f"sum_of is {self.sum_of!r}, expected two rows or more")


@dataclass(frozen=True)
class SettingsVariant:
    """Settings that a whole suite has, from ``configs/variant/<name>.yaml``."""

    pretrain: Settings = field(default_factory=dict)
    """Of every pre-training."""
    evaluate: Mapping[str, Settings] = field(default_factory=dict)
    """Of evaluations, by their file in ``configs/evaluate``."""


@dataclass(frozen=True)
class TableSpec:
    """A table as a suite's file gives it.

    Raises:
        ConfigurationError: a list without anything in it, or a seed below 0.
    """

    title: str
    """Its heading."""
    data: list[str]
    """Names of ``configs/data`` where is pre-trained."""
    evaluate: list[str]
    """Names of the evaluations."""
    seeds: list[int]
    """Each decides the evaluation of its cells, and their pre-training."""
    evaluate_on: str | None = None
    """Where is evaluated, if not where was pre-trained."""
    rows: list[str] | None = None
    """Names of rows; None: all of the suite."""
    pretrain: Settings = field(default_factory=dict)
    """Settings of every pre-training of the table."""
    pretrain_seed: int | None = None
    """One pre-training for all seeds, this one; None: one for each."""

    def __post_init__(self) -> None:
        for name in ("data", "evaluate", "seeds"):
            _check_list(name, getattr(self, name))
        if self.rows is not None:
            _check_list("rows", self.rows)
        for seed in [*self.seeds, *([] if self.pretrain_seed is None else [self.pretrain_seed])]:
            if seed < 0:
                raise ConfigurationError(f"seed {seed!r}, expected whole numbers from 0")


@dataclass(frozen=True)
class SuiteDefaults:
    """What the tables of a suite share."""

    size: str
    """Name of the size, ``configs/size/<size>.yaml``."""
    variant: SettingsVariant
    """Settings of every run."""
    rows: Mapping[str, MethodRow]
    """All rows by name; a row may start with the weights of another."""


@dataclass(frozen=True)
class Table:
    """A table with all that it names: every row on every data set by every evaluation with every seed."""

    name: str
    """What documents call it."""
    plan: TableSpec
    """What its file says."""
    shared: SuiteDefaults
    """What its suite says."""
    data: tuple[DatasetSpec, ...]
    """Where is pre-trained."""
    on: DatasetSpec | None
    """Where is evaluated, if not where was pre-trained."""

    @property
    def rows(self) -> list[MethodRow]:
        """What is compared."""
        known = self.shared.rows
        return [known[name] for name in (known if self.plan.rows is None else self.plan.rows)]

    @property
    def evaluations(self) -> list[Evaluation]:
        """How is evaluated."""
        return [EVALUATIONS[name] for name in self.plan.evaluate]


def _check_list(name: str, value: list[Any]) -> None:
    if not value:
        raise ConfigurationError(f"{name} is {value!r}, expected a list with something in it")
