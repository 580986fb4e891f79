"""What a training run is about: the part that a method supplies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from torch import Tensor, nn

from skelact.training.steps import Indices, Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = TypeVar("Batch")


class Task(Protocol[Batch]):
    """What is trained."""

    @property
    def model(self) -> nn.Module:
        """Holds the parameters that are trained; those that need no gradient stay."""

    def batch(self, step: Step) -> Batch:
        """Make what :meth:`loss` needs of ``step.indices[step.share]``.

        Called in any thread, several steps ahead: it depends on the step alone, and draws from
        ``step.generator`` alone.
        """

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, int]:
        """Return the mean loss of a batch, and over how many terms it is a mean.

        ``model`` is :attr:`model` as the devices want it called.
        """

    def names(self, indices: Indices) -> Sequence[str]:
        """Return what sequences are called, for messages."""


Monitor = Callable[[int, nn.Module], Mapping[str, float]]
"""Called after every epoch, in every process, with the number of epochs done and the task's model; what it
returns in the first process goes into the log. It leaves weights, mode and random numbers as they are."""

Drawing = Callable[[int, nn.Module], "Mapping[str, Figure]"]
"""The same for figures; called in the first process, with every checkpoint, if there is a log that shows
them."""
