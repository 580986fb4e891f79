"""What the demo does for one seed: pre-training, evaluations with and without it, figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from skelact.api.demo import PROTOCOL
from skelact.clips.source import ClipSource
from skelact.configuration import instantiate, named_config
from skelact.evaluation.knn import evaluate_knn
from skelact.evaluation.linear import evaluate_linear
from skelact.evaluation.metrics import ClassificationMetrics
from skelact.evaluation.settings import LinearConfig
from skelact.models.card import CARD
from skelact.models.pretrained import load_pretrained
from skelact.pretraining.config import MaskedRun
from skelact.pretraining.methods import find_method
from skelact.pretraining.run import pretrain
from skelact.reports.canvas import write_figure
from skelact.reports.figures import confusion_figure, loss_figure
from skelact.reports.skeletons import Recording, density_figure, strip_figure
from skelact.results.files import result, write_result
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.training.log import read_metrics
from skelact.training.loop import Callback
from skelact.training.randomness import derive_seed

ENCODERS = ("untrained", "STJD-MP")
Tell = Callable[[str, int], None]
"""Called with what is being done, and the epochs that are done."""


@dataclass(frozen=True)
class Scores:
    """Test accuracies of one encoder, as shares."""

    linear: float
    nearest: float


@dataclass(frozen=True)
class Job:
    """What one process does."""

    out: Path
    """The demo's folder, with the store."""
    seed: int
    size: str
    epochs: int
    """Of pre-training."""
    linear_epochs: int
    """Of each of two linear evaluations."""

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.out / f"run-seed{self.seed}"

    @property
    def all_epochs(self) -> int:
        """Epochs of everything."""
        return self.epochs + len(ENCODERS) * self.linear_epochs


def train_and_evaluate(job: Job, tell: Tell) -> dict[str, Scores]:
    """Do the job, or what an earlier call left of it; return the scores of each encoder."""
    store = Store.open(job.out / "store")

    def telling(doing: str, before: int) -> Callback:
        def callback(epoch: int, model: nn.Module) -> dict[str, float]:
            tell(doing, before + epoch)
            return {}

        return callback

    _train(job, store, telling("pre-training", 0))
    done, scores = job.epochs, {}
    for name in ENCODERS:
        tell(f"evaluating {name}", done)
        scores[name] = _evaluate(job, store, name, telling(f"evaluating {name}", done))
        done += job.linear_epochs
    return scores


def _train(job: Job, store: Store, callback: Callback) -> None:
    """Pre-train the model of the job's seed, or go on with its training, unless that was done."""
    content = find_method("stjd-mp").settings(
        job.size,
        {
            "data": [str(store.path)],
            "protocol": [PROTOCOL],
            # motion measured against the whole clip's, not each patch's own: the better target on small sets
            "objective": {"normalisation": "sequence"},
            "training": {"epochs": job.epochs, "seed": job.seed, "accelerator": "cpu"},
        },
    )
    if not (job.run / CARD).exists():
        config = instantiate(MaskedRun, content)
        pretrain(config, job.run, resume=job.run.exists(), callbacks=[callback], title="")
    _draw(job.run, "loss.png", loss_figure(read_metrics(job.run / "metrics.jsonl")))


def _draw(run: Path, name: str, figure: Figure) -> None:
    """Write a figure into the run's folder ``figures``."""
    (run / "figures").mkdir(exist_ok=True)
    write_figure(figure, run / "figures" / name)


def _evaluate(job: Job, store: Store, encoder: str, callback: Callback) -> Scores:
    """Score the run's encoder, or the same encoder untrained; write result files and figures."""
    trained, seed = encoder != "untrained", job.seed
    pretrained = load_pretrained(job.run)
    if not trained:
        pretrained = pretrained.untrained(derive_seed(seed, "untrained"))
    source, sides = ClipSource(store, pretrained.clips), split(store, PROTOCOL)
    training = instantiate(LinearConfig, named_config("evaluate", "linear")).training
    training = replace(training, batch_size=32, epochs=job.linear_epochs, seed=seed, accelerator="cpu")
    started = time.perf_counter()
    linear = evaluate_linear(pretrained.encoder, source, sides, training, callbacks=[callback], title="")
    between = time.perf_counter()
    nearest = evaluate_knn(pretrained.encoder, source, sides, ks=(1,))[1]
    finished = time.perf_counter()

    def record(
        evaluation: str, config: Mapping[str, Any], metrics: ClassificationMetrics, seconds: float
    ) -> None:
        content = result(
            evaluation,
            pretrained,
            store,
            PROTOCOL,
            sides,
            trained=trained,
            config=config,
            metrics=metrics.to_dict(),
            seconds=seconds,
        )
        write_result(job.run, content, [store.names[index] for index in sides.test], {"": metrics})

    record("linear", {"seed": seed, "training": asdict(training)}, linear, between - started)
    record("knn", {"seed": seed, "k": [1]}, nearest, finished - between)
    if trained:
        occurring = np.flatnonzero(linear.confusion.sum(0) + linear.confusion.sum(1))
        names = [store.class_names[index] for index in occurring]
        shown = linear.confusion[np.ix_(occurring, occurring)]
        title = "Linear evaluation, test sequences"
        _draw(job.run, "confusion.png", confusion_figure(shown, names, title=title))
        recording = Recording.of(store, int(sides.test[0]))
        _draw(job.run, "strip.png", strip_figure(recording))
        _draw(job.run, "density.png", density_figure(recording))
    return Scores(linear.top1, nearest.top1)
