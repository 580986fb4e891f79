"""The page of a run while it trains: how far it is, its curves, and what its masks hide now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skelact.clips.mixture import MixedSource
from skelact.clips.source import ClipSource
from skelact.density.learned import LearnedDensity
from skelact.errors import SkelactError
from skelact.models.embedding import patchify
from skelact.models.tensor_file import read_tensors
from skelact.pretraining.config import MaskedRun
from skelact.pretraining.identity import run_settings
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.methods import MASKED, family_of
from skelact.reports.explanation import steering
from skelact.reports.of_runs.features import pose_data
from skelact.reports.page import fill_page
from skelact.reports.player import Played
from skelact.reports.skeletons import limb_order
from skelact.store.protocols import training_side
from skelact.store.store import Store
from skelact.training.checkpoints import BEFORE, MODEL
from skelact.training.randomness import generator_for

SCRIPTS = ("elements", "recording", "colours", "scene", "charts", "thumbnails", "curves", "bodies", "live")
SEQUENCES, DRAWS = 32, 8
"""Training sequences whose masks are drawn, and how often each."""


class LiveMasks:
    """How often a masked run hides each joint, drawn anew where that changes as the run goes on.

    Args:
        run: the run folder.
        config: its configuration.
        store: the data that it learns from.
    """

    def __init__(self, run: Path, config: MaskedRun, store: Store) -> None:
        self.run, self.config, self.store = run, config, store
        source = ClipSource(store, MASKED.clips(config))
        train = training_side(store, config.sides[0][1]).train
        self.sequences = train[:: max(1, len(train) // SEQUENCES)][:SEQUENCES]
        clips = source.test(self.sequences)
        self.bodies = clips.positions[clips.present]  # (B, T, V, C)
        self.model: MaskedModel = MASKED.build(config, MixedSource([source]))
        self.model.eval()
        self._drawn: tuple[Any, dict[str, Any]] | None = None

    @classmethod
    def of(cls, run: Path, config: Mapping[str, Any], store: Store) -> LiveMasks | None:
        """Return the masks of a run, None where its method hides nothing.

        Raises:
            SkelactError: a store that is not the run's, or settings that do not fit it.
        """
        family = family_of(config)
        known = {field.name for field in fields(family.settings)}
        settings = run_settings({key: value for key, value in config.items() if key in known})
        return cls(run, settings, store) if isinstance(settings, MaskedRun) else None

    def data(self, epochs_done: int) -> dict[str, Any]:
        """Return what the page is told of the masks in the epoch after ``epochs_done``."""
        objective = self.config.objective
        progress = min(1.0, epochs_done / self.config.training.epochs)
        checkpoint = self._newest() if isinstance(self.model.density, LearnedDensity) else None
        changes = objective.tau_start is not None or objective.mask_ratio_start is not None
        state = (checkpoint, progress if changes else None)
        if self._drawn is None or self._drawn[0] != state:
            if checkpoint is not None:
                self._load(checkpoint)
            self._drawn = (state, self._draw(progress))
        return {**self._drawn[1], "epoch": min(epochs_done + 1, self.config.training.epochs)}

    def _newest(self) -> Path | None:
        return max((self.run / "checkpoints").glob("step-*.safetensors"), default=None)

    def _load(self, checkpoint: Path) -> None:
        """Take the weights of a checkpoint; one that was removed meanwhile, or is damaged, does nothing."""
        try:
            tensors = read_tensors(checkpoint, BEFORE).tensors
            own = {
                name.removeprefix(MODEL): value for name, value in tensors.items() if name.startswith(MODEL)
            }
            self.model.load_state_dict(own)
        except (SkelactError, RuntimeError):
            return

    @torch.no_grad()
    def _draw(self, progress: float) -> dict[str, Any]:
        model, objective = self.model, self.config.objective
        patches = patchify(self.bodies, model.encoder.config.patch_frames)
        num_steps, num_joints = patches.shape[1:3]
        logits = model.logits(patches, torch.ones(len(patches), dtype=torch.bool), progress)
        uniform = torch.rand(
            DRAWS, len(patches), num_steps * num_joints, generator=generator_for(0, "figures")
        )
        hidden = torch.stack(
            [model.select(each, logits, progress).is_hidden.float().mean(0) for each in uniform]
        )
        shares = hidden.mean(0).view(num_steps, num_joints).numpy()
        steered = steering(objective.masking, objective.tau_at(progress))
        topology = self.store.topology
        return {
            "about": (
                f"Of {len(patches)} bodies of training recordings, {DRAWS} draws each, "
                f"{shares.mean():.0%} is hidden, {steered}."
            ),
            "shares": np.round(shares, 4).tolist(),
            "joints": list(topology.joints),
            "order": limb_order(topology),
            "parents": list(topology.parents),
        }

    def pose(self, played: Played) -> dict[str, Any] | None:
        """Return the body on which the page shows it, as the player is given a recording."""
        return pose_data(self.store, self.sequences, played)


def live_page(run: Path, pose: Mapping[str, Any] | None, token: str, remark: str) -> str:
    """Return the page as HTML; it asks its server for ``state``, and may ask it to stop the run.

    Args:
        run: the run folder.
        pose: a body on which masks are shown; None: no masks are.
        token: what it sends with what it asks to be done.
        remark: what it does not show, and why; empty for nothing.
    """
    data = {"run": str(run), "pose": pose, "token": token, "remark": remark}
    return fill_page(
        "live",
        SCRIPTS,
        title=f"Live: {run}",
        data=data,
        styles=("view", "report", "live"),
        asks_server=True,
    )
