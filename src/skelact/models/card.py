"""What a model's card, ``card.json``, must hold: names and types, compared when a card is read.

Keys that a card may lack are those that earlier versions did not write; keys that are not here may be there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from skelact.clips.settings import ClipSettings
from skelact.errors import ConfigurationError, DataError, suggest
from skelact.files import checked, json_text, parse_json_bytes, read_json
from skelact.limits import check_limit
from skelact.models.sizes import Absent, EncoderConfig, STGCNConfig
from skelact.models.token_sizes import TokenEncoderConfig
from skelact.skeleton.topology import Topology
from skelact.skeleton.view import Axis, Unit

FORMAT = "skelact-model-1"
CARD = "card.json"
CHECKSUM = "checksum"
"""Key of what :func:`card_checksum` gives, in cards of packages."""
MEASURES = "positions"
"""Key of what a card says of the positions that a model learned from; earlier versions lack it."""
TRAIN_AGAIN = "train the model again"
KINDS: Mapping[str, type[EncoderConfig] | type[STGCNConfig] | type[TokenEncoderConfig]] = {
    "transformer": EncoderConfig,
    "st-gcn": STGCNConfig,
    "joint-tokens": TokenEncoderConfig,
}
"""Backbones by the name that cards have for them; a card that names none is a transformer's."""

Place = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0, le=1 << 50)]
T = TypeVar("T")


class TrainingTable(Struct):
    """What is used of the settings of a training."""

    seed: int | UnsetType | None = UNSET
    epochs: Count | UnsetType = UNSET


class RunTable(Struct):
    """What is used of the configuration of a run; the data class of its family checks the rest."""

    data: str | list[str] | UnsetType | None = UNSET
    protocol: str | list[str] | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    size: str | UnsetType = UNSET
    init: str | UnsetType | None = UNSET
    clips: dict[str, Any] | UnsetType = UNSET
    model: dict[str, Any] | UnsetType = UNSET
    objective: dict[str, Any] | UnsetType = UNSET
    contrast: dict[str, Any] | UnsetType = UNSET
    distil: dict[str, Any] | UnsetType = UNSET
    training: TrainingTable | UnsetType = UNSET


class Training(Struct):
    """How weights came about, as cards tell, and results of their models."""

    method: str | UnsetType = UNSET
    config: RunTable | UnsetType = UNSET
    data_set: str | UnsetType = UNSET
    data_hash: str | UnsetType = UNSET
    identity: str | UnsetType = UNSET
    seeds: list[int | None] | UnsetType = UNSET
    init_weights: InitWeights | UnsetType = UNSET
    left_out: LeftOutTable | UnsetType = UNSET
    imported: Imported | UnsetType = UNSET


class LeftOutTable(Struct):
    """The list of recordings that were left out."""

    num_sequences: Count
    sha256: str


class InitWeights(Struct):
    """Which weights a run started from, and how those were trained where that is known."""

    sha256: str
    parts: list[str] | UnsetType = UNSET
    of: Training | UnsetType | None = UNSET


class Imported(Struct):
    """The checkpoint that a model was imported from."""

    sha256: str
    file: str | UnsetType = UNSET


class Measures(Struct):
    """How the positions were measured that a model learned from; None: not known."""

    up: Axis | None = None
    unit: Unit | None = None
    body_size: Annotated[float, Meta(gt=0)] | None = None


class Card(Training):
    """A whole card but for its encoder, clips and topology."""

    positions: Measures | UnsetType = UNSET
    class_names: list[str] | UnsetType = UNSET
    num_training_sequences: Place | UnsetType = UNSET
    up: str | UnsetType | None = UNSET
    unit: str | UnsetType | None = UNSET


class AbsentBodies(Struct):
    """What becomes of absent bodies, which stands among the sizes of the encoder."""

    absent: Absent


class TopologyTable(Struct):
    """A skeleton as :meth:`Topology.to_dict` gives it."""

    name: str
    joints: list[str]
    parents: list[Place]
    pairs: list[tuple[Place, Place]]
    centre: Place


def read_card(path: str | Path) -> dict[str, Any]:
    """Return a card whose names and types were compared, as its file has it.

    Raises:
        DataError: it cannot be read, is no card, or has a value of another type; the message names the place.
    """
    return checked_card(read_json(path, TRAIN_AGAIN), path)


def checked_card(card: Any, path: str | Path) -> dict[str, Any]:
    """Return a card whose names and types were compared; ``path`` is its file, for messages.

    Raises:
        DataError: it is no card, or has a value of another type; the message names the place.
    """
    checked(card, Card, f"{path}: unreadable", TRAIN_AGAIN)
    if CHECKSUM in card and card[CHECKSUM] != card_checksum(card):
        raise DataError(f"{path}: changed since it was written (its checksum says so); {TRAIN_AGAIN}")
    return dict(card)


def card_checksum(card: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that a card says, but for the checksum itself, in hexadecimal digits."""
    content = {key: value for key, value in card.items() if key != CHECKSUM}
    as_read = parse_json_bytes(json_text(content), CARD, TRAIN_AGAIN)
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()


def read_sizes(
    path: str | Path, card: Mapping[str, Any]
) -> tuple[EncoderConfig | STGCNConfig | TokenEncoderConfig, Absent, Topology, ClipSettings]:
    """Return the sizes, what becomes of absent bodies, the skeleton and the clips that a card tells of.

    Args:
        path: its file, for messages.
        card: of :func:`read_card`.

    Raises:
        DataError: one of them is missing, has a value of another type or one that cannot be.
    """
    try:
        sizes = dict(_part(path, card, "encoder", dict[str, Any]))
        absent = _part(path, card, "encoder", AbsentBodies).absent
        del sizes["absent"]
        kind = sizes.pop("kind", "transformer")
        if not isinstance(kind, str) or kind not in KINDS:
            raise DataError(f"{path}: unreadable (nothing known of {kind!r:.60}); {TRAIN_AGAIN}")
        skeleton = _part(path, card, "topology", TopologyTable)
        check_limit("joints", len(skeleton.joints), f"{path}: topology")
        topology = Topology.from_dict(msgspec.to_builtins(skeleton))
        clips = _settings(path, "clips", _part(path, card, "clips", dict[str, Any]), ClipSettings)
        return _settings(path, "encoder", sizes, KINDS[kind]), absent, topology, clips
    except ConfigurationError as error:
        raise DataError(f"{path}: the card says what does not fit ({error})") from error


def _part(path: str | Path, card: Mapping[str, Any], key: str, schema: type[T]) -> T:
    if key not in card:
        raise DataError(f"{path}: unreadable (nothing known of {key!r}); {TRAIN_AGAIN}")
    return checked(card[key], schema, f"{path}: {key}", TRAIN_AGAIN)


def _settings(path: str | Path, name: str, table: Mapping[str, Any], schema: type[T]) -> T:
    """Return a data class of a card's table; a setting that it does not have would be left unheard."""
    known = [field.name for field in fields(schema)]  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise DataError(f"{path}: {name} has an unknown key {key[:80]!r}{suggest(key[:80], known)}")
    return checked(table, schema, f"{path}: {name}", TRAIN_AGAIN)
