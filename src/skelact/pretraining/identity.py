"""What tells two ways of computing a number apart, as one short name: the identity.

Two models, or two results, are of one method exactly if their identities are equal; if their seeds differ as
well, they are two seeds of it. An identity is the beginning of a SHA-256 over all that changes numbers:
settings, data by its content, protocol, and the identity of the weights that were there before. Settings at
their defaults are left out, so a setting that a later version adds changes no identity. Not in it are seeds,
names (of methods, sizes, folders), and :data:`NEUTRAL` settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from skelact.configuration import flatten, instantiate
from skelact.errors import ConfigurationError
from skelact.pretraining.config import ContrastiveRun, MaskedRun, RunConfig
from skelact.pretraining.methods import FAMILIES, family_of
from skelact.training.config import NUMERICALLY_NEUTRAL, ROUNDING_ONLY

IDENTITY, SEEDS = "identity", "seeds"
"""Keys of cards and result files."""
LEFT_OUT = "left_out"
"""Key of cards and result files for the list of recordings that was given, where one was."""
NEUTRAL = {*NUMERICALLY_NEUTRAL, *ROUNDING_ONLY, "test_every"}
"""Settings that tell no methods apart, in whichever table they are."""
_FOLDERS = {"run", "run_weights", "data"}
RUN_NAMES = {"data", "protocol", "method", "size", "init", "mixing", "without"}
"""Names and paths in a run's configuration; what they stand for is in the identity."""


def digest(facts: Mapping[str, Any]) -> str:
    """Return the identity that facts have: 16 hexadecimal digits. Equal numbers are equal, 1 and 1.0 too."""
    text = json.dumps(_canonical(facts), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def telling(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a flat table with dotted keys, without seeds, folders and what changes no number."""
    left_out = NEUTRAL | _FOLDERS | {"seed"}
    return {key: value for key, value in flatten(settings).items() if left_out.isdisjoint(key.split("."))}


def changed(settings: Any) -> dict[str, Any]:
    """Return what :func:`telling` does of a data class, without what is at its default."""
    required = [each.name for each in fields(settings) if each.default is each.default_factory is MISSING]
    usual = type(settings)(**{name: getattr(settings, name) for name in required})
    defaults = telling(asdict(usual))
    return {
        key: value
        for key, value in telling(asdict(settings)).items()
        if key not in defaults or _canonical(defaults[key]) != _canonical(value)
    }


def run_settings(config: Mapping[str, Any]) -> RunConfig | None:
    """Return the configuration that a card tells, what it does not name at its default.

    None where it is none of a pre-training, or has settings that this version does not know.
    """
    if not {"training", "method"} <= set(config) or "evaluation" in config:
        return None
    listed = {key: config.get(key) or [""] for key in ("data", "protocol")}  # older ones name one
    listed = {key: [value] if isinstance(value, str) else value for key, value in listed.items()}
    try:
        run: RunConfig = instantiate(family_of(config).settings, {**config, **listed})
    except ConfigurationError:
        return None
    return run


def run_identity(
    config: RunConfig, data_hash: str | None, start: str | None = None, left_out: str | None = None
) -> str:
    """Return the identity of a pre-training.

    Args:
        config: its configuration.
        data_hash: content hash of its data.
        start: identity of the weights that it starts from; None for random ones.
        left_out: hash of the list of recordings that it does not learn from; None where there is none.
    """
    settings = {key: value for key, value in changed(config).items() if key not in RUN_NAMES}
    return digest(
        {
            "family": _family(config),
            "settings": settings,
            "data": data_hash,
            "protocol": [protocol for _, protocol in config.sides],
            "mixing": config.mixing if len(config.data) > 1 else None,
            "start": start,
            **({} if left_out is None else {"left_out": left_out}),
        }
    )


def untrained_identity(config: RunConfig) -> str:
    """Return the identity of the encoder of a run before any training: its sizes, and how it sees clips."""
    if isinstance(config, ContrastiveRun):
        of_encoder: tuple[str, ...] = (f"model.{config.model.backbone.replace('-', '_')}.", "model.backbone")
    else:
        of_encoder = ("model.", "objective.absent")
    settings = {
        key: value
        for key, value in changed(config).items()
        if key.startswith(("clips.", *of_encoder)) and not key.startswith(("model.decoder_", "model.head."))
    }
    return digest({"untrained": _family(config), "settings": settings})


def evaluation_identity(
    evaluation: str,
    settings: Mapping[str, Any],
    *,
    data_hash: str,
    protocol: str,
    encoder: str,
    num_labelled: int | None = None,
    left_out: str | None = None,
) -> str:
    """Return the identity of a result, and of the classifier that an evaluation trains.

    Args:
        evaluation: its name, e.g. linear.
        settings: of :func:`changed`, or :func:`telling` where they have no data class.
        data_hash: content hash of the data.
        protocol: its name.
        encoder: identity of what is evaluated.
        num_labelled: sequences that had labels; None for the whole training side.
        left_out: hash of the list of recordings that are on neither side; None where there is none.
    """
    return digest(
        {
            "evaluation": evaluation,
            "settings": settings,
            "data": data_hash,
            "protocol": protocol,
            "encoder": encoder,
            "labels": num_labelled,
            **({} if left_out is None else {"left_out": left_out}),
        }
    )


def card_identity(card: Mapping[str, Any]) -> str:
    """Return the identity of a model by its card; where an older version wrote none, it is computed."""
    if IDENTITY in card:
        return str(card[IDENTITY])
    config = card.get("config", {})
    run = run_settings(config)
    if run is None:  # such as weights that were imported: all that the card tells
        imported = card.get("imported", {}).get("sha256")
        facts = {key: card[key] for key in ("method", "data_hash") if key in card}
        return digest({**facts, "imported": imported, "settings": telling(config)})
    start = None
    if "init_weights" in card:
        weights = card["init_weights"]
        of = weights.get("of")  # nothing where they came from a checkpoint
        start = card_identity(of) if of else weights["sha256"]
    elif isinstance(run, MaskedRun):  # the first versions kept the path alone
        start = run.init
    return run_identity(run, card.get("data_hash"), start, card.get(LEFT_OUT, {}).get("sha256"))


def encoder_identity(card: Mapping[str, Any], trained: bool) -> str:
    """Return the identity of a card's encoder, as it is or before any training."""
    if trained:
        return card_identity(card)
    run = run_settings(card.get("config", {}))
    return digest({"untrained": card_identity(card)}) if run is None else untrained_identity(run)


def card_seeds(card: Mapping[str, Any]) -> list[Any]:
    """Return the seed of a model by its card, then those of what it started from."""
    if SEEDS in card:
        return list(card[SEEDS])
    seed = card.get("config", {}).get("training", {}).get("seed")
    start = card.get("init_weights", {}).get("of")
    return [*([] if seed is None else [seed]), *(card_seeds(start) if start else [])]


def with_identity(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card tells of a pre-training, with its identity and its seeds."""
    return {**card, IDENTITY: card_identity(card), SEEDS: card_seeds(card)}


def _family(config: RunConfig) -> str:
    return next(family.name for family in FAMILIES if isinstance(config, family.settings))


def _canonical(value: Any) -> Any:
    """Return a value as JSON has it, whatever held it: tuples as lists, whole numbers as floats."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
