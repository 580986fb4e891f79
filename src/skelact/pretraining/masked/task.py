"""What the training loop is given to pre-train a masked model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from skelact.clips.mixture import MixedSource
from skelact.clips.source import draw
from skelact.pretraining.masked.model import MaskedModel
from skelact.training.loop import Indices, Step


class MaskedBatch(NamedTuple):
    """What :class:`.masked_motion.MaskedModel` is called with."""

    clips: Tensor
    """(N, M, T, V, C) joint positions in metres."""
    present: Tensor
    """(N, M) bool, True for bodies in the clip."""
    uniform: Tensor
    """(N, M, L) draws in [0, 1) that decide what is hidden."""
    progress: float
    """Share of the run that is done."""


class MaskedTask:
    """Feeds clips and mask draws to a masked model."""

    def __init__(self, model: MaskedModel, source: MixedSource) -> None:
        self.model, self.source = model, source
        self.num_tokens = model.encoder.config.num_tokens

    def batch(self, step: Step) -> MaskedBatch:
        """Make the clips of a share of the batch, and draw what is hidden of them."""
        num, bodies = len(step.indices), self.source.settings.max_bodies
        draws = draw(num, step.generator)
        uniform = torch.rand(num, bodies, self.num_tokens, generator=step.generator)
        clips = self.source.train(step.indices[step.share], draws=draws[step.share])
        uniform = uniform[step.share].to(clips.positions.device)
        return MaskedBatch(clips.positions, clips.present, uniform, step.progress)

    def loss(self, model: nn.Module, batch: MaskedBatch) -> tuple[Tensor, int]:
        """Return the loss of a batch, a mean over its bodies."""
        output = model(*batch)
        return output.loss, len(output.loss_per_token)

    def names(self, indices: Indices) -> list[str]:
        """Return what sequences are called in their stores."""
        return self.source.names(indices)
