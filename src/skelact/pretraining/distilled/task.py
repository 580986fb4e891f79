"""What the training loop is given to pre-train by self-distillation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skelact.clips.mixture import MixedSource
from skelact.clips.sampling import IntArray
from skelact.pretraining.collapse import collapse_monitors
from skelact.pretraining.distilled.model import PARTS, DistilledModel, DistilledOutput
from skelact.pretraining.distilled.views import DistilledViews, draw_views, make_views
from skelact.pretraining.gathering import gather_rows
from skelact.pretraining.masked.task import warn_of_whole_sequences
from skelact.training.loop import Indices, Step


class DistilledTask:
    """Feeds views of sequences to student and teacher, and lets the teacher advance after every step.

    Args:
        model: the model.
        source: makes clips of joint positions; other streams are made of the augmented clips.

    Raises:
        ConfigurationError: flips along the axis that is up in the clips.
    """

    def __init__(self, model: DistilledModel, source: MixedSource) -> None:
        source.check_flips(model.config.augmentation, "--distil.augmentation")
        self.model, self.source = model, source
        settings = source.settings
        joints = source.stores[0].array("joints").shape[1:]
        self._shape = (settings.max_bodies, settings.num_frames, *joints)
        self._progress = 0.0
        self._parts: list[DistilledOutput] = []
        self._last: list[DistilledOutput] = []

    def batch(self, step: Step) -> DistilledViews:
        """Make the views of a share of the batch; all random numbers are drawn for the whole of it."""
        model, patch_frames = self.model, self.model.encoder.config.patch_frames
        shape = (len(step.indices), *self._shape)
        draws = draw_views(shape, patch_frames, model.config, model.topology, step.generator)
        own, indices = draws.share(step.share), step.indices[step.share]
        clips = [self.source.train(indices, draws=crop) for crop in own.crops]
        return make_views(clips, model.topology, model.config, model.stream, patch_frames, own, step.progress)

    def loss(self, model: nn.Module, batch: DistilledViews) -> tuple[Tensor, int]:
        """Return the loss of a batch, a mean over its sequences."""
        output: DistilledOutput = model(batch)
        self._progress = batch.progress
        self._parts.append(output._replace(loss=output.loss.detach()))
        return output.loss, len(output.student)

    def after_step(self) -> None:
        """Let the teacher follow the student."""
        self._last, self._parts = self._parts, []
        self.model.advance(self._progress)

    def monitor(self, epoch: int, model: nn.Module) -> dict[str, float]:
        """Return the signs of collapse in the last batch, over all processes, and the parts of its loss.

        Args:
            epoch: epochs done.
            model: the task's model.
        """
        students, teachers, usage = (
            gather_rows(torch.cat([_rows(getattr(part, name)) for part in self._last]))
            for name in ("student", "teacher", "usage")
        )
        terms = torch.tensor([[float(len(part.student))] for part in self._last], device=usage.device)
        parts = torch.stack([part.parts for part in self._last])
        rows = gather_rows(torch.cat([terms, parts * terms], 1))
        num, *totals = rows.sum(0).tolist()
        signs = collapse_monitors(students, teachers)
        if usage.shape[-1]:
            # of prototypes used alike exp(entropy) is their number
            mean_usage = (usage * rows[:, :1]).sum(0) / max(1.0, num)
            signs["prototypes_used"] = float(torch.special.entr(mean_usage).sum().exp())
        config = self.model.config
        for name, total in zip(PARTS, totals, strict=True):
            if getattr(config, f"{name}_weight") > 0:
                signs[f"{name}_loss"] = total / max(1.0, num)
        return signs

    def warn(self, sides: Sequence[IntArray]) -> None:
        """Warn of training sequences, (N_s,) of each store, that the clips' settings do not suit."""
        warn_of_whole_sequences(self.source.sources, sides)

    def names(self, indices: Indices) -> list[str]:
        """Return what sequences are called in their stores."""
        return self.source.names(indices)


def _rows(values: Tensor) -> Tensor:
    """Return (n, D) rows, of (D,) a single one."""
    return values if values.ndim == 2 else values.unsqueeze(0)
