"""The last epoch is the result; the best epoch on test data only stands beside it, and is named so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lightning_fabric import Fabric
from torch import nn

from skelact.evaluation.metrics import ClassificationMetrics
from skelact.models.evaluation_mode import evaluation_mode

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
        """Test the model after ``epoch`` epochs; it is left in training mode if it was."""
        with evaluation_mode(model):
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
            buffer.copy_(fabric.broadcast(buffer))
