"""A trained encoder on disk: ``weights.safetensors`` and ``card.json``, which says what the weights are."""

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
from skelact.models.backbone import Backbone, build_backbone
from skelact.models.embedding import resample_table
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import Absent, EncoderConfig, STGCNConfig
from skelact.processor import choose_threads
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

    encoder: Backbone
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

    def with_num_frames(self, num_frames: int) -> Pretrained:
        """Return the same for clips of ``num_frames``, with the encoder's table of time steps resampled.

        Args:
            num_frames: frames T of the new clips.

        Raises:
            ConfigurationError: a length that does not divide into the encoder's patches.
        """
        encoder, clips = self.encoder, replace(self.clips, num_frames=num_frames)
        if not isinstance(encoder, SkeletonEncoder):  # other backbones take clips of any length
            return replace(self, clips=clips)
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
        return replace(self, encoder=resampled.eval(), clips=clips)


def model_card(
    encoder: Backbone, topology: Topology, clips: ClipSettings, about: Mapping[str, Any]
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
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else card
        raise DataError(f"{folder / CARD}: format {found!r:.60}, this version reads {FORMAT!r}")
    if "encoder" not in card:
        raise DataError(f"{folder / CARD}: says nothing of an encoder; expected {EXPECTED}")
    config, absent, topology, clips = _read_card(folder / CARD, card)
    try:
        encoder = build_backbone(config, topology, absent)
    except ConfigurationError as error:
        raise DataError(f"{folder / CARD}: the card says what does not fit ({error})") from error
    encoder.load_state_dict(_encoder_weights(folder / WEIGHTS, encoder))
    choose_threads(sum(parameter.numel() for parameter in encoder.parameters()))
    return Pretrained(encoder.eval(), topology, clips, card)


def _read_card(
    path: Path, card: Mapping[str, Any]
) -> tuple[EncoderConfig | STGCNConfig, Absent, Topology, ClipSettings]:
    """Return the sizes, what becomes of absent bodies, the skeleton and the clips that a card tells of."""
    try:
        sizes = dict(card["encoder"])
        absent = sizes.pop("absent")
        config = KINDS[sizes.pop("kind", "transformer")](**sizes)
        return config, absent, Topology.from_dict(card["topology"]), ClipSettings(**card["clips"])
    except ConfigurationError as error:
        raise DataError(f"{path}: the card says what does not fit ({error})") from error
    except KeyError as error:
        raise DataError(f"{path}: unreadable (nothing known of {error}); train the model again") from error
    except (TypeError, ValueError, AttributeError) as error:  # a value of another kind
        raise DataError(f"{path}: unreadable ({error}); train the model again") from error


def _encoder_weights(path: Path, encoder: Backbone) -> dict[str, Tensor]:
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
