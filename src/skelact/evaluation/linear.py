"""Linear evaluation as published: a linear layer on frozen features of randomly cropped, rotated clips.

:mod:`skelact.evaluation.fast_linear` is the same in seconds, on features computed once.

The last epoch is the result; the best epoch on test data only stands beside it, and is named so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from skelact.clips.source import Clips, ClipSource, draw_crops
from skelact.evaluation.balance import order_of, weighted_loss, weights_of
from skelact.evaluation.features import check_labels, embed, extract_features, labels_of
from skelact.evaluation.metrics import ClassificationMetrics, evaluate_scores
from skelact.evaluation.settings import Balance
from skelact.models.backbone import Backbone, frozen
from skelact.models.heads import LinearHead
from skelact.models.sizes import Pooling
from skelact.store.protocols import Split
from skelact.training.config import TrainingConfig
from skelact.training.loop import Callback, Indices, Step, fit, make_fabric
from skelact.training.randomness import derive_seed

TEST_TOP1 = "test_top1"


@dataclass(frozen=True)
class BestEpoch:
    """The epoch that scored highest on the test side: chosen by looking at the answers, so not a result."""

    epoch: int
    """Epochs done when it was tested; the first of equally good ones."""
    top1: float
    """Its top-1 accuracy, a share."""


@dataclass(frozen=True)
class LastEpochMetrics(ClassificationMetrics):
    """The accuracies after the last epoch."""

    best_epoch: BestEpoch
    """The best of the epochs that were tested."""

    def to_dict(self) -> dict[str, object]:
        """Return the accuracies ready for JSON; the best epoch's under a name that warns."""
        best = {"epoch": self.best_epoch.epoch, "top1": self.best_epoch.top1}
        return {**super().to_dict(), "best_epoch_chosen_on_test_data": best}


class TestMonitor:
    """Called by the training loop after every epoch: tests the model and remembers the last and the best.

    Args:
        score: tests the model; called in every process.
        epochs: epochs of the run; the last one is always tested.
        every: epochs from one test to the next.
        before: epochs already in the log of a run that is resumed.
    """

    __test__ = False  # not a test case, whatever its name makes pytest think

    def __init__(
        self,
        score: Callable[[nn.Module], ClassificationMetrics],
        epochs: int,
        every: int = 1,
        before: Iterable[Mapping[str, float]] = (),
    ) -> None:
        self.score, self.epochs, self.every = score, epochs, every
        self.last: ClassificationMetrics | None = None
        self.best: BestEpoch | None = None
        for line in before:
            if TEST_TOP1 in line:
                self._remember(int(line["epoch"]) + 1, line[TEST_TOP1])

    def __call__(self, epoch: int, model: nn.Module) -> dict[str, float]:
        """Test after ``epoch`` epochs where it is time; return what goes into the log."""
        if epoch % self.every and epoch != self.epochs:
            return {}
        self.test(epoch, model)
        assert self.last is not None
        return {TEST_TOP1: self.last.top1, "test_top5": self.last.top5}

    def test(self, epoch: int, model: nn.Module) -> None:
        """Test the model after ``epoch`` epochs; it is not changed."""
        with frozen(model):
            self.last = self.score(model)
        self._remember(epoch, self.last.top1)

    def result(self) -> LastEpochMetrics:
        """Return the last test, with the best one beside it."""
        assert self.last is not None, "nothing was tested"
        assert self.best is not None
        return LastEpochMetrics(**vars(self.last), best_epoch=self.best)

    def _remember(self, epoch: int, top1: float) -> None:
        if self.best is None or top1 > self.best.top1:
            self.best = BestEpoch(epoch, top1)


def follow_first_process(model: nn.Module, fabric: Fabric) -> None:
    """Give every process the first one's running statistics, which each keeps of its own batches."""
    if fabric.world_size > 1:
        for buffer in model.buffers():
            buffer.copy_(fabric.broadcast(buffer.cpu()))  # as an object, which would come back on its device


class ClassifierTask:
    """Feeds a classifier clips and their labels.

    Args:
        model: what is trained.
        source: where the clips come from.
        score: (N, K) scores of the model, as the devices want it called, for a batch of clips.
        weights: (K,) how much each class counts; None: alike.
        label_smoothing: share of the target that all classes have in common.
    """

    def __init__(
        self,
        model: nn.Module,
        source: ClipSource,
        score: Callable[[nn.Module, Clips], Tensor],
        weights: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        self.model, self.source, self.score = model, source, score
        self.weights, self.label_smoothing = weights, label_smoothing

    def batch(self, step: Step) -> Clips:
        """Make the clips of a share of the batch."""
        draws = draw_crops(len(step.indices), step.generator)
        return self.source.train(step.indices[step.share], draws=draws[step.share])

    def loss(self, model: nn.Module, batch: Clips) -> tuple[Tensor, int]:
        """Return the mean cross-entropy of a batch."""
        loss = weighted_loss(self.score(model, batch), batch.labels, self.weights, self.label_smoothing)
        return loss, len(batch.labels)

    def names(self, indices: Indices) -> list[str]:
        """Return what sequences are called in the store."""
        return [self.source.store.names[index] for index in indices.tolist()]


def evaluate_linear(
    encoder: Backbone,
    source: ClipSource,
    split: Split,
    config: TrainingConfig,
    *,
    fabric: Fabric | None = None,
    title: str = "linear",
    callbacks: Sequence[Callback] = (),
    balance: Balance = "none",
    pooling: Pooling = "mean",
) -> LastEpochMetrics:
    """Train a linear layer on frozen features; return what it scores on the test side after the last epoch.

    The test side is looked at after every epoch, so that the best epoch can be named beside the last.

    Args:
        encoder: the representation; it is not changed.
        source: where clips come from; they are made on the device that the configuration chooses.
        split: training and test sequences.
        config: how the layer is trained.
        fabric: the devices; default: those of the configuration.
        title: what the progress line calls it; none without a title.
        callbacks: called after every epoch.
        balance: whether classes of unequal size are made to count alike, and how.
        pooling: what stands side by side in what the layer sees.

    Raises:
        DataError: a sequence without a label, or no test sequence.
    """
    check_labels(source, split)
    fabric = fabric or make_fabric(config)
    source = ClipSource(source.store, source.settings, fabric.device)
    num_classes = len(source.store.class_names)
    labels, seen = labels_of(source, split.test), labels_of(source, split.train)

    def score(model: nn.Module) -> ClassificationMetrics:
        follow_first_process(model, fabric)
        with torch.no_grad():
            scores = model(embeddings.to(fabric.device)).cpu()
        return evaluate_scores(scores, labels, num_classes)

    monitor = TestMonitor(score, config.epochs)
    with frozen(encoder, fabric.device):
        embeddings, _ = extract_features(
            encoder, source, split.test, fabric=fabric, title=title and "test features", pooling=pooling
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, "head"))
            head = LinearHead(embeddings.shape[1], num_classes)
        task = ClassifierTask(
            head,
            source,
            lambda model, clips: model(embed(encoder, clips, pooling)),
            weights_of(balance, seen, num_classes),
        )
        fit(
            task,
            split.train,
            config,
            fabric,
            title=title,
            order=order_of(balance, seen),
            callbacks=[monitor, *callbacks],
        )
    return monitor.result()
