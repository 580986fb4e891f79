"""Which results are of one method: their identities, their seeds, and the settings that tell methods apart.

See :mod:`skelact.pretraining.identity`. Files of older versions, which hold no identity, get the one that
today's would have: a setting that an older version did not have does what its default does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from skelact.clips.settings import ADDED, ClipSettings
from skelact.configuration import instantiate, merge
from skelact.detection.settings import DetectionConfig
from skelact.errors import ConfigurationError
from skelact.evaluation.settings import FastLinearConfig, FinetuneConfig, LinearConfig, RidgeConfig
from skelact.models.shipped import shipped_name
from skelact.pretraining.identity import (
    IDENTITY,
    LEFT_OUT,
    SEEDS,
    card_seeds,
    changed,
    digest,
    encoder_identity,
    evaluation_identity,
    run_settings,
    telling,
)

SCHEMAS: Mapping[str, type] = {
    "linear": LinearConfig,
    "linear-fast": FastLinearConfig,
    "ridge": RidgeConfig,
    "detection": DetectionConfig,
    **dict.fromkeys(("finetune", "semi", "transfer", "supervised"), FinetuneConfig),
}
"""Settings of evaluations by their names; those of the others have no data class."""
USUAL: Mapping[str, Any] = {"pooling": "mean", "standardise": False}
"""Settings without a data class that are told only where they are not these."""
DRAW_NOTHING = ("ridge", "knn", "retrieval", "one-shot")
"""Evaluations that draw no random numbers: their seed decides the weights of untrained encoders alone."""


def result_identity(content: Mapping[str, Any]) -> str:
    """Return the identity of what a result file holds, or what an ensemble's says of a member."""
    if IDENTITY in content:
        return str(content[IDENTITY])
    members = _members(content)
    if members:
        weights = content["config"].get("weights", [1.0] * len(members))
        return ensemble_identity([result_identity(member) for member in members], weights)
    subset = content.get("subset")
    return evaluation_identity(
        content["evaluation"],
        evaluation_settings(content),
        data_hash=content["data_hash"],
        protocol=content["protocol"],
        encoder=encoder_identity(content["model"], content["trained"]),
        num_labelled=None if subset is None else subset["num_sequences"],
        left_out=content.get(LEFT_OUT, {}).get("sha256"),
    )


def ensemble_identity(members: Sequence[str], weights: Sequence[float]) -> str:
    """Return the identity of results whose class scores are added up; only the weights' ratios count."""
    return digest({"members": members, "weights": [weight / max(weights) for weight in weights]})


def result_seeds(content: Mapping[str, Any]) -> list[Any]:
    """Return the seeds of a result: of evaluation, labels and model; of an ensemble those of its members.

    None stands where nothing is drawn. A list of labels of one's own has no seed; it is a draw like any
    other, known by its hash.
    """
    if SEEDS in content:
        return list(content[SEEDS])
    members = _members(content)
    if members:
        return [seed for member in members for seed in result_seeds(member)]
    subset, trained = content.get("subset") or {}, content["trained"]
    draws = content["evaluation"] not in DRAW_NOTHING or not trained
    return [
        content["config"].get("seed", 0) if draws else None,
        subset.get("hash") if subset.get("seed") is None else subset["seed"],
        *(card_seeds(content["model"]) if trained else ()),
    ]


def evaluation_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a result's evaluation that are not at their defaults."""
    config, schema = content["config"], SCHEMAS.get(content["evaluation"])
    known = {each.name for each in fields(schema)} if schema else set()
    own = {key: value for key, value in config.items() if key not in {*known, "clips", "members", "remark"}}
    # transfer may make clips of another length than the encoder learned from
    made, learned = (_earlier(table.get("clips")) for table in (config, content["model"].get("config", {})))
    if made not in (None, learned):
        own["clips"] = made
    if schema is None:
        return without_usual(own)
    given = {key: config[key] for key in known & set(config)}
    try:
        return {**telling(own), **changed(instantiate(schema, given))}
    except ConfigurationError:  # settings of another version, which this one does not know
        return telling({**own, **given})


def without_usual(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells settings without a data class apart, see :data:`USUAL`."""
    return {key: value for key, value in telling(settings).items() if key not in USUAL or value != USUAL[key]}


def _earlier(clips: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return settings of clips as the versions wrote them that did not have all, where those do nothing."""
    if clips is None:
        return None
    usual = asdict(ClipSettings())
    return {key: value for key, value in clips.items() if key not in ADDED or value != usual[key]}


def described(content: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return what a result's method is called, and the settings that may tell it from others of this name.

    Returns:
        The name, and texts by dotted keys, such as ``model.objective.tau``.
    """
    members = _members(content)
    config = {key: value for key, value in content["config"].items() if key != "members"}
    schema, subset = SCHEMAS.get(content["evaluation"]), content.get("subset")
    settings: dict[str, Any] = {"evaluation": merge(asdict(schema()) if schema else dict(USUAL), config)}
    if subset:
        settings["subset"] = {"share": f"{subset['share']:.4g}"}
    name = str(content["model"].get("method", "unknown"))
    run = run_settings(content["model"].get("config", {}))
    if members:
        for number, member in enumerate(members, 1):
            settings[f"member {number}"] = dict(zip(("method", "settings"), described(member), strict=True))
    elif content["trained"]:
        shipped = shipped_name(content["model"])
        name = shipped or name
        settings["model"] = {} if shipped else _model(content["model"])
    else:
        backbone = getattr(getattr(run, "model", None), "backbone", "")
        name = f"untrained {backbone}".strip()
        settings["model"] = (
            {key: each for key, each in asdict(run).items() if key in ("clips", "model")} if run else {}
        )
    pooled_by_itself = getattr(getattr(run, "model", None), "pooling", None)
    if pooled_by_itself and settings["evaluation"].get("pooling") == "mean":  # which then stands for it
        settings["evaluation"]["pooling"] = pooled_by_itself
    flat = telling(settings)
    return name, {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in sorted(flat.items())
    }


def _model(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a trained model, where it learned, and what it started from."""
    run, weights = run_settings(card.get("config", {})), card.get("init_weights")
    found: dict[str, Any] = dict(asdict(run) if run else card.get("config", {}))
    if "data_set" in card:
        found["learned_from"] = {"data_set": card["data_set"], "content": card.get("data_hash", "")[:8]}
    if weights is not None:
        of = weights.get("of") or {}
        start = {"method": of.get("method", weights["sha256"][:8])}
        found["init"] = {**_model(of), **start} if of else start
    return found


def _members(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results that an ensemble adds up, with the data that they share."""
    shared = {key: content[key] for key in ("data_hash", "protocol") if key in content}
    return [
        {**shared, **member["result"]} if "result" in member else _of_scores(member)
        for member in content["config"].get("members", [])
    ]


def _of_scores(member: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the first versions told of a member: its scores."""
    identity = digest({"scores": member.get("scores_sha256")})
    return {
        "evaluation": "unknown",
        "trained": True,
        "model": {"method": member.get("stream", "unknown")},
        "config": {},
        IDENTITY: identity,
        SEEDS: [member.get("seed", 0)],
    }
