"""Every method on a device against the same on the CPU in float32: training, resuming, features, evaluation.

Both train ten steps of size ``tiny`` by ``pretrain`` itself, from the same weights and with the same draws.

What may differ follows from the arithmetic; the figures here are those of a CPU. float32 is off by 1e-7 of a
sum's terms, by more or less with their order: over ten steps, losses computed in float64, or in float32 by
other kernels, differ by up to 3e-6, gradients by 1e-4, features by 2e-7, soft prime masks by 2e-5. Where two
tokens tie up to rounding, one may be hidden for the other, a term in 1,600 of the loss. Weights differ by
2e-3 of the way they went: attention does not depend on the bias of its keys, whose gradient is rounding
alone, and AdamW makes full steps of it. TF32, to which a GPU may round float32 unasked, moves masks by 1e-2.

bfloat16 keeps two to three digits: losses move by 2e-3, gradients by 3e-3 and weights by 4e-2 of their way;
in methods that compare views, where normalisation and low temperatures enlarge differences, gradients by
7e-2 and weights by 0.3. The tolerances stand a factor of 2 to 50 above all that, for other processors.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from skelact.clips.mixture import MixedSource
from skelact.clips.source import ClipSource
from skelact.configuration import instantiate, merge
from skelact.errors import ConfigurationError
from skelact.evaluation.fast_linear import evaluate_fast_linear
from skelact.evaluation.features import embed
from skelact.evaluation.knn import evaluate_knn
from skelact.evaluation.linear import evaluate_linear
from skelact.evaluation.metrics import ClassificationMetrics
from skelact.evaluation.prime_joints import prime_joints
from skelact.evaluation.settings import FastLinearConfig
from skelact.models.pretrained import WEIGHTS, load_pretrained
from skelact.pretraining.config import ContrastiveRun, MaskedRun
from skelact.pretraining.methods import MASKED, find_method
from skelact.pretraining.run import load_model, pretrain
from skelact.store.prepare import prepare
from skelact.store.protocols import split
from skelact.store.store import Store
from skelact.synthetic import write_data_set
from skelact.training.config import TrainingConfig
from skelact.training.log import METRICS, read_metrics
from skelact.training.loop import RunStoppedError, make_fabric

STEPS, STOP_AFTER = 10, 5
METHODS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "stjd-mp": ("stjd-mp", {}),
    "stjd-mp-visible": ("stjd-mp-visible", {}),
    "stjd-mp, density learned": ("stjd-mp", {"objective": {"density": "learned"}}),
    "mamp": ("mamp", {}),
    "mae": ("mae", {}),
    "stjd-cl": ("stjd-cl", {}),
    "stjd-cl-positions": ("stjd-cl-positions", {}),
    "random-cl": ("random-cl", {}),
    "moco": ("moco", {}),
    "slim": ("slim", {}),
    "stjd-d": ("stjd-d", {}),
}
"""What is checked: a method, and settings of its own."""


class Tolerances(NamedTuple):
    """The largest differences of two runs: shares of the largest value, or of the way that weights went."""

    loss: float
    gradient: float
    weights: float


FLOAT32 = Tolerances(1e-3, 5e-3, 2e-2)
BF16, BF16_VIEWS = Tolerances(1e-2, 5e-2, 0.15), Tolerances(2e-2, 0.3, 0.6)
FEATURES, PRIME_MASK = 1e-4, 1e-3
ANSWERS = 2e-2
"""Mean distance of class probabilities, in [0, 1]: neighbours that are equally far may change places."""


class Compared(NamedTuple):
    """One number of a check."""

    what: str
    deviation: float
    tolerance: float

    @property
    def is_ok(self) -> bool:
        """Whether the deviation is a number within the tolerance."""
        return self.deviation <= self.tolerance


class Run(NamedTuple):
    """What a run left."""

    folder: Path
    losses: Sequence[float]
    gradients: Sequence[float]
    weights: Mapping[str, Tensor]


def make_store(folder: Path) -> Store:
    """Write a small synthetic data set and prepare it."""
    actions = ["A010", "A023", "A026", "A050", "A055", "A058"]
    write_data_set(folder / "raw", sequences=56, seed=0, actions=actions)
    prepare("synthetic", folder / "raw", folder / "store")
    return Store.open(folder / "store")


def share(ours: Any, reference: Any) -> float:
    """Return the largest difference as a share of the reference's largest value."""
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    return float(np.abs(ours - reference).max() / np.abs(reference).max())


@dataclass(frozen=True)
class Method:
    """A method, trained on the device and on the CPU."""

    name: str
    store: Store
    device: str
    folder: Path

    def config(self, accelerator: str, **training: Any) -> MaskedRun | ContrastiveRun:
        """Return the configuration of a run of ten epochs of one step."""
        method, own = METHODS[self.name]
        common: dict[str, Any] = {
            "data": [str(self.store.path)],
            "protocol": ["xsub"],
            "training": {
                "epochs": STEPS,
                "batch_size": 16,
                "warmup_share": 0.0,
                "tensorboard": False,
                "accelerator": accelerator,
            },
        }
        if self.compares_views:  # a rate at which rounding does not grow
            common["training"] |= {"lr": 5e-3, "min_lr": 5e-3}
        settings = find_method(method).settings("tiny", merge(common, own, {"training": training}))
        return instantiate(self.family.settings, settings)

    @property
    def family(self) -> Any:
        """The family that the method belongs to."""
        return find_method(METHODS[self.name][0]).family

    @property
    def compares_views(self) -> bool:
        """Whether it compares views of a clip, as contrastive and distilled methods do."""
        return self.family is not MASKED

    @property
    def accelerator(self) -> str:
        """What configurations call the device."""
        return "gpu" if self.device == "cuda" else "cpu"

    def run(self, name: str, accelerator: str, **training: Any) -> Run:
        """Train, and return what the run left."""
        folder = self.folder / name
        pretrain(self.config(accelerator, **training), folder, title="")
        return self.read(folder)

    def read(self, folder: Path) -> Run:
        """Return what a finished run left."""
        lines = read_metrics(folder / METRICS)
        weights = load_file(folder / WEIGHTS)
        return Run(folder, [line["loss"] for line in lines], [line["grad_norm"] for line in lines], weights)

    @cached_property
    def start(self) -> dict[str, Tensor]:
        """The weights that learn, before the first step."""
        config = self.config("cpu")
        model = self.family.build(config, MixedSource([ClipSource(self.store, self.family.clips(config))]))
        return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    def distance(self, ours: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> float:
        """Return how far the weights that learn are from each other."""
        return float(torch.stack([(ours[name] - others[name]).norm() for name in self.start]).norm())

    @cached_property
    def reference(self) -> Run:
        """The run on the CPU in float32."""
        return self.run("reference", "cpu")

    @cached_property
    def on_device(self) -> Run:
        """The run on the device in float32."""
        return self.run("float32", self.accelerator)

    def compare(self, run: Run, reference: Run, tolerances: Tolerances) -> list[Compared]:
        """Return the differences of two runs."""
        way = self.distance(reference.weights, self.start)
        apart = self.distance(run.weights, reference.weights)
        return [
            Compared("loss", share(run.losses, reference.losses), tolerances.loss),
            Compared("gradient", share(run.gradients, reference.gradients), tolerances.gradient),
            Compared("weights", apart / way, tolerances.weights),
        ]

    def float32(self) -> list[Compared]:
        """Train on the device in float32."""
        return self.compare(self.on_device, self.reference, FLOAT32)

    def bf16(self) -> list[Compared]:
        """Train on the device in bfloat16."""
        tolerances = BF16_VIEWS if self.compares_views else BF16
        return self.compare(self.run("bf16", self.accelerator, precision="bf16"), self.reference, tolerances)

    def compiled(self) -> list[Compared]:
        """Train with the model compiled; methods that compare views refuse it."""
        if self.compares_views:
            try:
                self.config(self.accelerator, compile=True)
            except ConfigurationError:
                return [Compared("refused, as it should be", 0.0, 0.0)]
            raise AssertionError("compilation was not refused")
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        run = self.run("compiled", self.accelerator, compile=True)
        if not torch._dynamo.utils.counters["stats"]["unique_graphs"]:
            raise AssertionError("nothing was compiled")
        return self.compare(run, self.reference, FLOAT32)

    def resumed(self) -> list[Compared]:
        """Stop a run on the device, go on with it, and compare with the one that was not stopped."""
        config, folder = self.config(self.accelerator), self.folder / "resumed"

        def stop(epoch: int, model: torch.nn.Module) -> dict[str, float]:
            if epoch == STOP_AFTER:
                signal.raise_signal(signal.SIGTERM)  # as a cluster does it; the step after it is the last
            return {}

        try:
            pretrain(config, folder, callbacks=[stop], title="")
        except RunStoppedError:
            pass
        else:
            raise AssertionError("the run went on when it was asked to stop")
        pretrain(config, folder, resume=True, title="")
        return self.compare(self.read(folder), self.on_device, FLOAT32)

    def embedded(self) -> list[Compared]:
        """Embed a batch with the reference's weights, and find its prime joints, on both."""
        model = load_model(self.reference.folder)
        has_detector = getattr(model, "detector", None) is not None and model.density is not None
        indices = split(self.store, "xsub").test[:16]

        def found_on(device: str) -> tuple[Tensor, Tensor]:
            clips = ClipSource(self.store, self.config("cpu").clips, device).test(indices)
            moved = model.to(device)
            features = embed(moved.encoder, clips).cpu()
            detector = moved if has_detector else None
            return features, prime_joints(detector, clips, clips.positions).cpu()

        (reference, reference_mask), (features, mask) = found_on("cpu"), found_on(self.device)
        return [
            Compared("features", share(features, reference), FEATURES),
            Compared("prime joints", share(mask, reference_mask), PRIME_MASK),
        ]

    def evaluated(self) -> list[Compared]:
        """Evaluate the reference's weights on both."""
        reference = self.evaluate("cpu")
        ours = self.evaluate(self.accelerator)
        return [Compared(what, answers(ours[what], reference[what]), ANSWERS) for what in reference]

    def evaluate(self, accelerator: str) -> dict[str, ClassificationMetrics]:
        """Return what the evaluations of frozen features say of the reference's encoder."""
        training = TrainingConfig(
            epochs=3, batch_size=16, optimiser="sgd", lr=0.1, min_lr=0.0, weight_decay=0.0, warmup_share=0.0
        )
        training = replace(training, accelerator=accelerator, tensorboard=False)  # type: ignore[arg-type]
        fabric, sides = make_fabric(training), split(self.store, "xsub")
        pretrained = load_pretrained(self.reference.folder)
        encoder = pretrained.encoder.to(fabric.device)
        source = ClipSource(self.store, pretrained.clips, fabric.device)
        return {
            "knn": evaluate_knn(encoder, source, sides, ks=(5,))[5],
            "linear-fast": evaluate_fast_linear(encoder, source, sides, FastLinearConfig(l2=(1e-2,))),
            "linear": evaluate_linear(encoder, source, sides, training, fabric=fabric, title=""),
        }


def answers(ours: ClassificationMetrics, reference: ClassificationMetrics) -> float:
    """Return the mean over sequences of the distance between their class probabilities, in [0, 1]."""
    ours_NK, reference_NK = (torch.from_numpy(each.scores).softmax(1) for each in (ours, reference))
    return float((ours_NK - reference_NK).abs().sum(1).mean() / 2)


Check = tuple[str, str, Callable[[], list[Compared]]]


def checks(store: Store, device: str, folder: Path, names: Sequence[str]) -> tuple[list[Check], list[Check]]:
    """Return all checks, each a method's name, its own and how to do it; those that compile apart."""
    methods = [Method(name, store, device, folder / f"{place}") for place, name in enumerate(names)]
    kinds = ("float32", "bf16", "resumed", "embedded", "evaluated")
    plain = [(method.name, kind, getattr(method, kind)) for method in methods for kind in kinds]
    return plain, [(method.name, "compiled", method.compiled) for method in methods]
