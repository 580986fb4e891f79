"""What of a result's configuration tells methods apart, in results of any version.

A setting that an older version did not have does what its default does; without this, results of two versions
would never be those of one method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from skelact.evaluation.finetune import FinetuneConfig
from skelact.evaluation.linear import LinearConfig
from skelact.pretraining.config import ContrastConfig, PretrainConfig

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
    schema = ContrastConfig if "contrast" in config else PretrainConfig
    return _over(asdict(schema(["store"], ["all"])), {**config, **listed})


def untrained_settings(learned: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what an encoder before any training is called, and all that decides it beside the seed.

    Args:
        learned: what :func:`pretraining_settings` says of the run that has its sizes.
    """
    kept = {key: learned[key] for key in ("clips", "model") if key in learned}
    backbone = learned.get("model", {}).get("backbone")
    if backbone is None:  # of a masked method
        return "untrained", kept
    sizes = backbone.replace("-", "_")
    return f"untrained {backbone}", {**kept, "model": {sizes: learned["model"][sizes]}}


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
