"""Numbers and figures of a run, also to Weights & Biases or MLflow; where to is their own variables' matter.

They are for looking at: where they cannot be reached, a warning says so once, and the run goes on.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skelact.configuration import flatten
from skelact.errors import ConfigurationError, SkelactWarning, install
from skelact.formats.exclusions import error_text
from skelact.training.run_folder import CONFIG, read_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROJECT = "skelact"
"""What the project, or the experiment, is called where no variable says otherwise."""


def identity_of(config: Path) -> str:
    """Return what tells a run from others: where its configuration is, and since when."""
    text = f"{config.resolve()} {config.stat().st_mtime_ns if config.exists() else 0}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Tracker:
    """What both have in common; a sink as :class:`skelact.training.log.MetricsSink` describes it.

    Args:
        folder: the run folder; its name is the run's. A run that is resumed goes on under its own.

    Raises:
        ConfigurationError: the package is not installed.
    """

    shows_figures = True
    package: str
    """Its name, also that of the extra that installs it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._works = folder, True
        try:
            self._import()
        except ImportError as error:
            raise ConfigurationError(
                f"training.logger: the package {self.package!r} cannot be loaded ({error}); "
                f"leave --logger out, or, {install(self.package)}"
            ) from error
        config = folder / CONFIG
        settings = flatten(read_settings(folder)) if config.exists() else {}
        self._try(lambda: self._begin(identity_of(config), settings))

    def write(self, metrics: Mapping[str, float]) -> None:
        """Hand over an epoch's numbers."""
        self._try(lambda: self._write(metrics))

    def draw(self, name: str, figure: Figure, step: int) -> None:
        """Hand over a figure."""
        self._try(lambda: self._draw(name, figure, step))

    def close(self) -> None:
        """Say that nothing comes after."""
        self._try(self._close)

    def _try(self, work: Callable[[], object]) -> None:
        if not self._works:
            return
        try:
            work()
        except Exception as error:  # whatever networks, services and these packages raise
            self._works = False
            problem = f"{self.package}: {error_text(error)}; the run goes on without it"
            warnings.warn(problem, SkelactWarning, stacklevel=3)

    def _import(self) -> None:
        raise NotImplementedError

    def _begin(self, identity: str, settings: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def _write(self, metrics: Mapping[str, float]) -> None:
        raise NotImplementedError

    def _draw(self, name: str, figure: Figure, step: int) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class WeightsAndBiases(Tracker):
    """Weights & Biases; with ``WANDB_MODE=offline`` in the run folder, ``WANDB_PROJECT`` names another."""

    package = "wandb"

    def _import(self) -> None:
        import wandb

        self._wandb = wandb

    def _begin(self, identity: str, settings: Mapping[str, Any]) -> None:
        self._run = self._wandb.init(
            project=_variable("WANDB_PROJECT"),
            id=identity,
            name=self.folder.name,
            dir=self.folder,
            config=dict(settings),
            resume="allow",
        )
        self._run.define_metric("*", step_metric="step")

    def _write(self, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics))

    def _draw(self, name: str, figure: Figure, step: int) -> None:
        from PIL import Image  # Matplotlib has it

        png = io.BytesIO()
        figure.savefig(png, format="png")
        self._run.log({name: self._wandb.Image(Image.open(png)), "step": step})

    def _close(self) -> None:
        self._run.finish()


class MLflow(Tracker):
    """MLflow; ``MLFLOW_TRACKING_URI`` says where to, ``MLFLOW_EXPERIMENT_NAME`` names another experiment."""

    package = "mlflow"

    def _import(self) -> None:
        import mlflow

        self._client = mlflow.MlflowClient()

    def _begin(self, identity: str, settings: Mapping[str, Any]) -> None:
        name = _variable("MLFLOW_EXPERIMENT_NAME")
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self._client.create_experiment(name)
        tag = f"{PROJECT}_run"
        before = self._client.search_runs([experiment], f"tags.{tag} = '{identity}'", max_results=1)
        if before:
            self._run = before[0].info.run_id
            return
        made = self._client.create_run(experiment, tags={tag: identity}, run_name=self.folder.name)
        self._run = made.info.run_id
        for key, value in settings.items():
            self._client.log_param(self._run, key, str(value)[:500])

    def _write(self, metrics: Mapping[str, float]) -> None:
        for key, value in metrics.items():
            self._client.log_metric(self._run, key, value, step=int(metrics["step"]))

    def _draw(self, name: str, figure: Figure, step: int) -> None:
        self._client.log_figure(self._run, figure, f"{name}/{step:09d}.png")

    def _close(self) -> None:
        self._client.set_terminated(self._run)


def _variable(name: str) -> str:
    return os.environ.get(name) or PROJECT


TRACKERS: dict[str, type[Tracker]] = {"wandb": WeightsAndBiases, "mlflow": MLflow}
"""By what ``training.logger`` says."""
