"""What the training loop is given to pre-train a contrastive model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skelact.clips.augmentation_draws import draw_augmentations
from skelact.clips.mixture import MixedSource
from skelact.clips.sampling import IntArray
from skelact.clips.source import draw_crops
from skelact.density.learned import bandwidth_range
from skelact.errors import SkelactWarning
from skelact.models.backbone import num_time_steps
from skelact.pretraining.collapse import collapse_monitors
from skelact.pretraining.contrastive.model import ContrastiveModel, ContrastiveOutput
from skelact.pretraining.contrastive.views import Views, make_views
from skelact.pretraining.gathering import gather_rows
from skelact.training.loop import Indices, Step


def warn_of_false_negatives(bank: int, num_training: int) -> None:
    """Warn of a memory bank that always holds each sequence's own earlier keys, as false negatives.

    Args:
        bank: keys in the bank.
        num_training: sequences of an epoch.
    """
    if bank >= num_training:
        warnings.warn(
            f"contrast.bank is {bank}, but an epoch has {num_training} sequences: most of them are compared "
            f"with an earlier embedding of their own as if it were another's; --contrast.bank "
            f"{max(1, num_training // 2)} or less avoids most of it",
            SkelactWarning,
            stacklevel=2,
        )


class ContrastiveTask:
    """Feeds views of clips to a contrastive model, and lets it advance after every step.

    Args:
        model: the model.
        source: makes clips of joint positions; other streams are made of the augmented clips.

    Raises:
        ConfigurationError: flips along the axis that is up in the clips.
    """

    def __init__(self, model: ContrastiveModel, source: MixedSource) -> None:
        source.check_flips(model.config.augmentation, "--contrast.augmentation")
        self.model, self.source = model, source
        settings = source.settings
        joints = source.stores[0].array("joints").shape[1:]
        self._shape = (settings.max_bodies, settings.num_frames, *joints)
        self._num_steps = num_time_steps(model.encoder.config, settings.num_frames)
        self._parts: list[ContrastiveOutput] = []
        self._last: list[ContrastiveOutput] = []

    def batch(self, step: Step) -> Views:
        """Make the views of a share of the batch; all random numbers are drawn for the whole of it."""
        num, generator, config = len(step.indices), step.generator, self.model.config
        clip_draws = draw_crops(num, generator)
        shape = (num, *self._shape)
        key_draws = draw_augmentations(shape, config.augmentation, generator)
        query_settings = config.strong if config.adaptive else config.augmentation
        query_draws = draw_augmentations(shape, query_settings, generator)
        scores = None
        if config.detector.kind == "random":
            scores = torch.rand(num, shape[1], self._num_steps, shape[3], generator=generator)[step.share]
        return make_views(
            self.source.train(step.indices[step.share], draws=clip_draws[step.share]),
            self.model.topology,
            config,
            self.model.stream,
            key_draws[step.share],
            query_draws[step.share],
            scores,
        )

    def loss(self, model: nn.Module, batch: Views) -> tuple[Tensor, int]:
        """Return the loss of a batch, a mean over its sequences."""
        output: ContrastiveOutput = model(batch)
        self._parts.append(output._replace(loss=output.loss.detach()))
        return output.loss, len(output.query)

    def after_step(self) -> None:
        """Let momentum copies and memory bank advance, now that the query encoder has."""
        self._last, self._parts = self._parts, []
        self.model.advance(torch.cat([part.key for part in self._last]))

    def monitor(self, epoch: int, model: nn.Module) -> dict[str, float]:
        """Return the signs of collapse in the last batch, over all processes, and how many joints are prime.

        Args:
            epoch: epochs done.
            model: the task's model.
        """
        queries, keys = (
            gather_rows(torch.cat([getattr(part, name) for part in self._last])) for name in ("query", "key")
        )
        signs = collapse_monitors(queries, keys, self.model.bank)
        if self.model.detector is not None:
            shares = torch.cat([part.prime_share for part in self._last])
            signs["prime_share"] = float(gather_rows(shares.unsqueeze(1)).mean())
        return signs | bandwidth_range(self.model.density)

    def warn(self, sides: Sequence[IntArray]) -> None:
        """Warn of training sequences, (N_s,) of each store, that the memory bank does not suit."""
        warn_of_false_negatives(self.model.config.bank, sum(map(len, sides)))

    def names(self, indices: Indices) -> list[str]:
        """Return what sequences are called in their stores."""
        return self.source.names(indices)
