"""A model in evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from skelact.models.backbone import Backbone


@contextmanager
def evaluation_mode(model: nn.Module | Backbone) -> Iterator[None]:
    """Put a model into evaluation mode; afterwards, also after an error, it is in the mode that it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
