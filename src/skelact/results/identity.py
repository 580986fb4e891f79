"""What of a result's configuration tells methods apart, in results of any version.

A setting that an older version did not have does what its default does; without this, results of two versions
would never be those of one method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from skelact.evaluation.settings import FinetuneConfig, LinearConfig
from skelact.pretraining.methods import family_of

TRAININGS: Mapping[str, type[LinearConfig] | type[FinetuneConfig]] = {
    "linear": LinearConfig,
    **dict.fromkeys(("finetune", "semi", "transfer", "supervised"), FinetuneConfig),
}
"""Evaluations that train, with their settings."""


def pretraining_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run's configuration says, with the defaults of what it does not name.

    A configuration that is none of a pre-training, such as that of a run from scratch, comes back as it is.
    """
    if "training" not in config or "method" not in config:
        return dict(config)
    listed = {key: [config[key]] for key in ("data", "protocol") if isinstance(config.get(key), str)}
    defaults = family_of(config).settings(["store"], ["all"], config["method"])
    return _over(asdict(defaults), {**config, **listed})


def untrained_settings(learned: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what an encoder before any training is called, and all that decides it beside the seed.

    Args:
        learned: what :func:`pretraining_settings` says of the run that has its sizes.
    """
    kept = {key: learned[key] for key in ("clips", "model") if key in learned}
    if "absent" in learned.get("objective", {}):
        kept["objective"] = {"absent": learned["objective"]["absent"]}
    backbone = learned.get("model", {}).get("backbone")
    if backbone is None:  # of a masked method
        return "untrained", kept
    sizes = backbone.replace("-", "_")
    return f"untrained {backbone}", {**kept, "model": {sizes: learned["model"][sizes]}}


def identity_of(content: Mapping[str, Any]) -> tuple[str, dict[str, Any], tuple[Any, ...]]:
    """Return what a result is called, all that tells it from other methods, and the seeds it comes from.

    Args:
        content: of a result file, or what an ensemble's says of a member.
    """
    config, model, subset = content["config"], content["model"], content.get("subset") or {}
    evaluated = evaluation_settings(content["evaluation"], config)
    members = [member["result"] for member in evaluated.pop("members", []) if "result" in member]
    settings: dict[str, Any] = {"evaluation": evaluated}
    # a list of one's own has no seed; it is a draw like any other
    seeds = [config.get("seed", 0), subset.get("hash") if subset.get("seed") is None else subset["seed"]]
    if subset:
        settings["subset"] = {"share": f"{subset['share']:.4g}"}
    if not content["trained"] and not members:  # without training its seed decided nothing
        method, settings["model"] = untrained_settings(pretraining_settings(model.get("config", {})))
        return method, settings, tuple(seeds)
    settings["model"], learned_seeds = _learned(model)
    for number, member in enumerate(members, 1):
        name, own, own_seeds = identity_of(member)
        settings[f"member {number}"] = {"method": name, **own}
        learned_seeds += own_seeds
    return str(model.get("method", "unknown")), settings, (*seeds, *learned_seeds)


def _learned(model: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Return what tells a trained model from others, and its seeds, with those of what it started from."""
    settings = pretraining_settings(model.get("config", {}))
    seeds: tuple[Any, ...] = (settings.get("training", {}).get("seed"),)
    if "data_set" in model:
        settings["learned_from"] = {"data_set": model["data_set"], "content": model.get("data_hash", "")[:8]}
    if "init_weights" in model:  # older results have the path alone, under init
        weights = model["init_weights"]
        start = weights.get("of", {})  # empty where they came from a checkpoint
        started, more_seeds = _learned(start)
        settings["init"] = {**started, "method": start.get("method", weights["sha256"][:8])}
        seeds = (*seeds, *more_seeds)
    return settings, seeds


def evaluation_settings(evaluation: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result says of its evaluation, with the defaults of what it does not name."""
    schema = TRAININGS.get(evaluation)
    return dict(config) if schema is None else _over(asdict(schema()), config)


def _over(defaults: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **config}
    for key, value in config.items():
        if isinstance(value, Mapping) and isinstance(defaults.get(key), Mapping):
            merged[key] = _over(defaults[key], value)
    return merged
