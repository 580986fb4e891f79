"""What the training loop is given to pre-train a masked model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from skelact.clips.mixture import MixedSource
from skelact.clips.sampling import IntArray
from skelact.clips.source import ClipSource, draw_crops
from skelact.density.learned import bandwidth_range
from skelact.errors import SkelactWarning
from skelact.pretraining.masked.model import MaskedModel
from skelact.training.loop import Indices, Step


def warn_of_whole_sequences(sources: Sequence[ClipSource], sides: Sequence[IntArray]) -> None:
    """Warn of training sequences that are mostly too short to be cropped, so that they look alike every time.

    Args:
        sources: a source for each store.
        sides: for each store, (N_s,) the sequences that train.
    """
    settings, total = sources[0].settings, sum(len(side) for side in sides)
    whole = sum(source.num_taken_whole(side) for source, side in zip(sources, sides, strict=True))
    if settings.min_crop_share < 1 and 2 * whole > total:
        warnings.warn(
            f"{whole:,} of {total:,} training sequences have no more than clips.min_crop_frames = "
            f"{settings.min_crop_frames} frames and are taken whole every time; with a smaller "
            "--clips.min_crop_frames they are cropped as well, which short recordings may need",
            SkelactWarning,
            stacklevel=2,
        )


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
        draws = draw_crops(num, step.generator)
        uniform = torch.rand(num, bodies, self.num_tokens, generator=step.generator)
        clips = self.source.train(step.indices[step.share], draws=draws[step.share])
        uniform = uniform[step.share].to(clips.positions.device)
        return MaskedBatch(clips.positions, clips.present, uniform, step.progress)

    def loss(self, model: nn.Module, batch: MaskedBatch) -> tuple[Tensor, int]:
        """Return the loss of a batch, a mean over its bodies."""
        output = model(*batch)
        return output.loss, len(output.loss_per_token)

    def after_step(self) -> None:
        """Nothing follows the weights of a masked model."""

    def monitor(self, epoch: int, model: nn.Module) -> dict[str, float]:
        """Return the range of the bandwidths, where they are learned."""
        return bandwidth_range(self.model.density)

    def warn(self, sides: Sequence[IntArray]) -> None:
        """Warn of training sequences, (N_s,) of each store, that the clips' settings do not suit."""
        warn_of_whole_sequences(self.source.sources, sides)

    def names(self, indices: Indices) -> list[str]:
        """Return what sequences are called in their stores."""
        return self.source.names(indices)
