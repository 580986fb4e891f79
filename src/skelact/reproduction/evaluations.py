"""The evaluations that a table may name: their command, their settings, the number that a table shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from skelact.configuration import instantiate, merge, named_config
from skelact.errors import ConfigurationError
from skelact.evaluation.knn import KS, check_options
from skelact.evaluation.settings import FastLinearConfig, FinetuneConfig, LinearConfig, RidgeConfig
from skelact.models.sizes import Pooling
from skelact.pretraining.identity import changed
from skelact.results.identity import SCHEMAS, without_usual
from skelact.results.tables import mean_class_accuracy

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class KnnSettings:
    """What decides a result of 'evaluate knn'; the defaults are the command's.

    Raises:
        ConfigurationError: no number of neighbours in ``k``, not 1 among them, which tables show, or a value
            out of range.
    """

    k: list[int] = field(default_factory=lambda: list(KS))
    """Numbers of neighbours."""
    tau: float = 0.1
    """Temperature of their votes."""
    pooling: Pooling = "mean"
    """What stands side by side in an embedding."""
    standardise: bool = False
    """Whether each feature is measured in its spread."""

    def __post_init__(self) -> None:
        check_options(self.k, self.tau, max(self.k, default=0))
        if 1 not in self.k:
            raise ConfigurationError(f"k is {self.k}, expected 1 among them, which tables show")


@dataclass(frozen=True)
class Evaluation:
    """One of a table's evaluations."""

    name: str
    """What suites call it."""
    command: str
    """The command, ``skelact evaluate <command>``, and what its result files are called."""
    title: str
    """What tables call it."""
    schema: type
    """Its settings."""
    file: str | None = None
    """Name of the file in ``configs/evaluate`` that the command reads; None: the schema's defaults."""
    share: float | None = None
    """Labelled share of the training side; None: all of it."""
    headline: tuple[str, ...] = ("top1",)
    """Where in a result's metrics stands the number that a table shows, a share in [0, 1]."""
    trains_encoder: bool = False
    """Whether it trains the encoder, in a run folder of its own, and can be resumed."""
    preset: Settings = field(default_factory=dict)
    """Settings of the command that belong to the evaluation."""
    can_sum: bool = True
    """Whether the class scores of several runs can be added up: there is one table of them."""

    @property
    def from_scratch(self) -> Evaluation:
        """The same of an encoder that has learned nothing: all layers learn alike."""
        return replace(self, file="supervised") if self.trains_encoder else self

    def settings(self, own: Settings) -> Settings:
        """Return all settings of the command with ``own`` over its defaults, as a result file tells them.

        Raises:
            ConfigurationError: an unknown key in ``own``, or a value outside its range.
        """
        shipped = named_config("evaluate", self.file) if self.file else {}
        return asdict(instantiate(self.schema, merge(shipped, own)))

    def telling(self, settings: Settings) -> dict[str, Any]:
        """Return of all settings those that an identity is made of."""
        if self.command in SCHEMAS:
            return changed(instantiate(self.schema, settings))
        return without_usual(settings)

    def percent(self, content: Settings) -> float:
        """Return the number that a table shows of a result file's content, in %."""
        return 100 * float(self._numbers(content)[self.headline[-1]])

    def mean_class_percent(self, content: Settings) -> float | None:
        """Return the mean of the classes' accuracies of the same numbers, in %; None where there is none."""
        share = mean_class_accuracy(self._numbers(content))
        return None if share is None else 100 * share

    def _numbers(self, content: Settings) -> Any:
        numbers: Any = content["metrics"]
        for key in self.headline[:-1]:
            numbers = numbers[key]
        return numbers


def _finetuning(name: str, command: str, title: str, share: float | None = None) -> Evaluation:
    return Evaluation(name, command, title, FinetuneConfig, "finetune", share, trains_encoder=True)


EVALUATIONS = {
    evaluation.name: evaluation
    for evaluation in (
        Evaluation("linear", "linear", "linear", LinearConfig, "linear"),
        Evaluation("linear-fast", "linear-fast", "linear, fast", FastLinearConfig),
        Evaluation(
            "linear-joints",
            "linear-fast",
            "linear, joints side by side",
            FastLinearConfig,
            preset={"pooling": "joints"},
        ),
        Evaluation("ridge", "ridge", "ridge", RidgeConfig),
        Evaluation("knn", "knn", "nearest neighbour", KnnSettings, headline=("k=1", "top1"), can_sum=False),
        Evaluation(
            "knn-moments",
            "knn",
            "nearest neighbour, moments",
            KnnSettings,
            headline=("k=1", "top1"),
            preset={"pooling": "moments", "standardise": True},
            can_sum=False,
        ),
        _finetuning("finetune", "finetune", "fine-tuning"),
        *(
            _finetuning(f"semi-{percent}", "semi", f"{percent} % of the labels", percent / 100)
            for percent in (1, 5, 10, 25, 50)
        ),
        _finetuning("transfer", "transfer", "fine-tuning"),
    )
}
"""The evaluations by the names that suites use."""
