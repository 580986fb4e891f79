"""A trained encoder on disk: ``weights.safetensors`` and ``card.json``, which says what the weights are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError, DataError
from skelact.models.backbone import Backbone, build_backbone, num_time_steps
from skelact.models.card import CARD, CHECKSUM, FORMAT, KINDS, TRAIN_AGAIN, read_card, read_sizes
from skelact.models.embedding import resample_table
from skelact.models.encoder import SkeletonEncoder
from skelact.models.fitting import check_store
from skelact.models.shipped import find_model, shipped_models
from skelact.models.tensor_file import TensorFile, difference, read_tensors
from skelact.models.token_encoder import TokenEncoder
from skelact.processor import choose_threads
from skelact.skeleton.topology import Topology
from skelact.store.store import Store

WEIGHTS = "weights.safetensors"
PREFIX = "encoder."
CLASSIFIERS = ("neighbours.", "linear.", "head.")
"""How names of tensors begin that tell classes apart."""
EXPECTED = "a model of 'skelact pretrain' or 'skelact weights import'"


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
    classifier: Mapping[str, Tensor] = field(default_factory=dict)
    """Tensors that tell classes apart, by their names; empty of an encoder alone."""

    def untrained(self, seed: int) -> Pretrained:
        """Return the same with an encoder of the same sizes that has learned nothing; ``seed`` decides it."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_backbone(self.encoder.config, self.topology, self.encoder.absent).eval()
        return replace(self, encoder=encoder)

    def fitted(self, topology: Topology) -> Pretrained:
        """Return the same for another skeleton, where the encoder knows joints by their names.

        A joint has the row of its name; one whose name the encoder has never met, that of the nearest joint
        on the tree which it has. Other encoders, and the skeleton that it was trained on, stay as they are.

        Raises:
            ConfigurationError: a skeleton none of whose joints has a name that the encoder knows.
        """
        encoder = self.encoder
        if topology.joints == self.topology.joints or not isinstance(encoder, TokenEncoder):
            return self
        fitted = encoder.fitted(topology).eval()
        card = {**self.card, "topology": topology.to_dict()}
        card["encoder"] = {**self.card.get("encoder", {}), "num_joints": topology.num_joints}
        return replace(self, encoder=fitted, topology=topology, card=card)

    @property
    def knows_names(self) -> bool:
        """Whether its encoder knows joints by their names, so that :meth:`fitted` fits any skeleton."""
        return isinstance(self.encoder, TokenEncoder)

    @property
    def num_coordinates(self) -> int:
        """Coordinates C of its positions."""
        return self.encoder.config.num_coordinates

    def check(self, store: Store) -> None:
        """Raise ConfigurationError unless ``store`` holds positions that the encoder knows."""
        check_store(self, store)

    def with_num_frames(self, num_frames: int) -> Pretrained:
        """Return the same for clips of ``num_frames``, with the encoder's table of time steps resampled.

        Args:
            num_frames: frames T of the new clips.

        Raises:
            ConfigurationError: a length that does not divide into the encoder's patches.
        """
        encoder, clips = self.encoder, replace(self.clips, num_frames=num_frames)
        if not isinstance(encoder, SkeletonEncoder):  # other backbones take clips of any length
            num_time_steps(encoder.config, num_frames)  # that patches divide
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
    folder = find_model(folder)
    if folder.is_file():
        raise DataError(
            f"{folder}: a file, expected the folder of a run; "
            "'skelact weights import' makes one of a published checkpoint"
        )
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; expected one of 'skelact pretrain --out', or a shipped model: "
            + ", ".join(shipped_models())
        )
    if not (folder / CARD).exists():
        raise DataError(
            f"{folder}: holds no finished model ({CARD} is missing); if its training was stopped, go on with "
            "'skelact pretrain ... --resume'; if it was taught, copy or teach it again"
        )
    card = read_card(folder / CARD)
    if card.get("format") != FORMAT:
        raise DataError(f"{folder / CARD}: format {card.get('format')!r:.60}, this version reads {FORMAT!r}")
    if "encoder" not in card:
        raise DataError(f"{folder / CARD}: says nothing of an encoder; expected {EXPECTED}")
    config, absent, topology, clips = read_sizes(folder / CARD, card)
    file = read_weights(folder)
    if file.about.get(CARD) != card.get(CHECKSUM):
        raise DataError(f"{folder / WEIGHTS}: not the weights of the {CARD} beside it; {TRAIN_AGAIN}")
    weights = {
        name.removeprefix(PREFIX): value for name, value in file.tensors.items() if name.startswith(PREFIX)
    }
    if not weights:
        raise DataError(
            f"{folder / WEIGHTS}: holds no encoder (no name begins with {PREFIX!r}); expected {EXPECTED}"
        )
    check_size(folder, config.num_parameters, file)
    try:
        encoder = build_backbone(config, topology, absent)
    except ConfigurationError as error:
        raise DataError(f"{folder / CARD}: the card says what does not fit ({error})") from error
    problem = difference(weights, encoder.state_dict(), "the card says")
    if problem:
        raise DataError(f"{folder / WEIGHTS}: the encoder's {problem}; this is not the card's model")
    encoder.load_state_dict(weights)
    choose_threads(sum(parameter.numel() for parameter in encoder.parameters()))
    classifier = {name: value for name, value in file.tensors.items() if name.startswith(CLASSIFIERS)}
    return Pretrained(encoder.eval(), topology, clips, card, classifier)


def read_weights(folder: Path | str) -> TensorFile:
    """Return the weights in a run folder.

    Raises:
        DataError: they cannot be read, or are not those that were written.
    """
    return read_tensors(Path(folder) / WEIGHTS, TRAIN_AGAIN)


def check_size(folder: Path | str, claimed: int, weights: TensorFile) -> None:
    """Refuse a card that promises more numbers than there are, before anything of that size is made.

    Raises:
        DataError: it does.
    """
    if claimed > weights.size:
        raise DataError(
            f"{Path(folder) / CARD}: the card says {claimed:,} numbers or more, but {WEIGHTS} holds "
            f"{weights.size:,}; {TRAIN_AGAIN}"
        )
