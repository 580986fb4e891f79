"""Contrastive models: built for a run, and read from a finished one."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from skelact.clips.mixture import MixedSource
from skelact.clips.settings import AugmentationSettings
from skelact.errors import DataError
from skelact.models.pretrained import WEIGHTS, load_pretrained
from skelact.models.sizes import ProjectionConfig
from skelact.pretraining.config import ContrastiveRun
from skelact.pretraining.contrastive.model import ContrastiveModel
from skelact.pretraining.contrastive.objective import ContrastiveObjective, DetectorConfig
from skelact.training.randomness import derive_seed


def build_contrastive(config: ContrastiveRun, source: MixedSource) -> ContrastiveModel:
    """Return the untrained model of ``config`` for the skeletons of ``source``; the seed decides its weights.

    Raises:
        ConfigurationError: sizes that do not fit each other, or augmentations that do not fit the skeletons.
    """
    num_joints, num_coordinates = source.stores[0].array("joints").shape[1:]
    encoder = config.model.encoder(num_joints, num_coordinates, config.clips.num_frames)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.training.seed, "start"))
        return ContrastiveModel(
            encoder, config.model.head, config.contrast, source.topology, config.clips.stream
        )


def load_contrastive(run: Path) -> ContrastiveModel:
    """Load the whole model of a finished contrastive run, in evaluation mode.

    Raises:
        DataError: the folder holds no finished model, one of another method, or weights that do not fit its
            card.
    """
    pretrained = load_pretrained(run)
    config = pretrained.card.get("config", {})
    if "contrast" not in config:
        raise DataError(f"{run}: {pretrained.card.get('method')} is no contrastive method")
    settings = dict(config["contrast"])
    try:
        settings["detector"] = DetectorConfig(**settings["detector"])
        settings["augmentation"] = AugmentationSettings(**settings["augmentation"])
        model = ContrastiveModel(
            pretrained.encoder.config,
            ProjectionConfig(**config["model"]["head"]),
            ContrastiveObjective(**settings),
            pretrained.topology,
            pretrained.clips.stream,
        )
        model.load_state_dict(load_file(run / WEIGHTS))
    except (KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"{run}: weights and card do not fit ({' '.join(str(error).split())})") from error
    return model.eval()
