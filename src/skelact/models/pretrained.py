"""A trained encoder on disk: ``weights.safetensors`` and ``card.json``, which says what the weights are.

Encoders for clips of another length than they were trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError, DataError
from skelact.files import read_json
from skelact.models.backbone import build_backbone
from skelact.models.embedding import resample_table
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig, STGCNConfig
from skelact.models.st_gcn import STGCN
from skelact.skeleton.topology import Topology
from skelact.store.store import Store

FORMAT = "skelact-model-1"
CARD, WEIGHTS = "card.json", "weights.safetensors"
PREFIX = "encoder."
EXPECTED = "a model of 'skelact pretrain' or 'skelact weights import'"
KINDS: Mapping[str, type[EncoderConfig] | type[STGCNConfig]] = {
    "transformer": EncoderConfig,
    "st-gcn": STGCNConfig,
}
"""Backbones by the name that cards have for them; a card that names none is a transformer's."""


@dataclass(frozen=True)
class Pretrained:
    """An encoder and all that is needed to use it."""

    encoder: SkeletonEncoder | STGCN
    """The encoder, in evaluation mode."""
    topology: Topology
    """The skeleton it was trained on."""
    clips: ClipSettings
    """How its clips were made."""
    card: Mapping[str, Any]
    """The whole card: method, configuration, data, versions."""

    def untrained(self, seed: int) -> Pretrained:
        """Return the same with an encoder of the same sizes that has learned nothing; ``seed`` decides it."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_backbone(self.encoder.config, self.topology, self.encoder.absent).eval()
        return replace(self, encoder=encoder)

    def check(self, store: Store) -> None:
        """Raise ConfigurationError unless ``store`` holds skeletons that the encoder knows."""
        if store.topology.joints != self.topology.joints:
            raise ConfigurationError(
                f"{store.path} holds {store.topology.name} skeletons, the model was trained on "
                f"{self.topology.name} ({self.topology.num_joints} joints); "
                f"'skelact data convert {store.path} OUT --topology {self.topology.name}' brings the data "
                "there, or train a model on it as it is"
            )


def model_card(
    encoder: SkeletonEncoder | STGCN, topology: Topology, clips: ClipSettings, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the card of an encoder; ``about`` adds the method, the configuration and where it came from."""
    kind = next(name for name, sizes in KINDS.items() if isinstance(encoder.config, sizes))
    return {
        "format": FORMAT,
        "topology": topology.to_dict(),
        "encoder": {"kind": kind, **asdict(encoder.config), "absent": encoder.absent},
        "clips": asdict(clips),
        **about,
    }


def load_pretrained(folder: Path | str) -> Pretrained:
    """Load the encoder that a finished run, or ``skelact weights import``, left in ``folder``.

    Raises:
        DataError: the folder holds no finished model, or one that cannot be read.
    """
    folder = Path(folder)
    if folder.is_file():
        raise DataError(
            f"{folder}: a file, expected the folder of a run; "
            "'skelact weights import' makes one of a published checkpoint"
        )
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected one that 'skelact pretrain --out' wrote")
    if not (folder / CARD).exists():
        raise DataError(
            f"{folder}: holds no finished model ({CARD} is missing); if its training was stopped, go on with "
            "'skelact pretrain ... --resume'"
        )
    card = read_json(folder / CARD, "train the model again")
    try:
        if card["format"] != FORMAT:
            raise DataError(f"{folder / CARD}: format {card['format']!r}, this version reads {FORMAT!r}")
        if "encoder" not in card:
            raise DataError(f"{folder / CARD}: says nothing of an encoder; expected {EXPECTED}")
        sizes = dict(card["encoder"])
        absent = sizes.pop("absent")
        config = KINDS[sizes.pop("kind", "transformer")](**sizes)
        topology, clips = Topology.from_dict(card["topology"]), ClipSettings(**card["clips"])
        encoder = build_backbone(config, topology, absent)
    except ConfigurationError as error:
        raise DataError(f"{folder / CARD}: the card says what does not fit ({error})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / CARD}: unreadable ({error!r}); train the model again") from error
    encoder.load_state_dict(_encoder_weights(folder / WEIGHTS, encoder))
    return Pretrained(encoder.eval(), topology, clips, card)


def _encoder_weights(path: Path, encoder: SkeletonEncoder | STGCN) -> dict[str, Tensor]:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: unreadable ({error}); train the model again") from error
    weights = {name.removeprefix(PREFIX): value for name, value in tensors.items() if name.startswith(PREFIX)}
    if not weights:
        raise DataError(f"{path}: holds no encoder (no name begins with {PREFIX!r}); expected {EXPECTED}")
    for name, expected in encoder.state_dict().items():
        if name not in weights:
            raise DataError(f"{path}: the encoder's {name!r} is missing; this is not the card's model")
        if weights[name].shape != expected.shape:
            raise DataError(
                f"{path}: {name!r} has shape {tuple(weights[name].shape)}, "
                f"the card says {tuple(expected.shape)}"
            )
    return weights


def with_num_frames(pretrained: Pretrained, num_frames: int) -> Pretrained:
    """Return an encoder for clips of ``num_frames``: its table of time steps resampled, all else the same.

    Args:
        pretrained: the encoder; it is not changed.
        num_frames: frames T of the new clips.

    Raises:
        ConfigurationError: a length that does not divide into the encoder's patches.
    """
    encoder = pretrained.encoder
    clips = replace(pretrained.clips, num_frames=num_frames)
    if not isinstance(encoder, SkeletonEncoder):  # other backbones take clips of any length
        return replace(pretrained, clips=clips)
    patch_frames = encoder.config.patch_frames
    if num_frames < 1 or num_frames % patch_frames:
        raise ConfigurationError(
            f"num_frames is {num_frames}, expected a multiple of {patch_frames}, the frames of a patch"
        )
    config = replace(encoder.config, num_frames=num_frames)
    with torch.random.fork_rng(devices=[]):  # its random start is overwritten
        resampled = SkeletonEncoder(config, encoder.absent)
    weights = dict(encoder.state_dict())
    weights["positions.time"] = resample_table(weights["positions.time"], config.num_steps)
    resampled.load_state_dict(weights)
    return replace(pretrained, encoder=resampled.eval(), clips=clips)
