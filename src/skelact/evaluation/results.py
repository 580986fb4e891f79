"""Result files: a number never stands alone."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from skelact.models.pretrained import Pretrained
from skelact.preparation.protocols import Split
from skelact.preparation.store import Store
from skelact.provenance import code_version, package_versions

FORMAT = "skelact-result-1"


def result(
    evaluation: str,
    pretrained: Pretrained,
    store: Store,
    protocol: str,
    split: Split,
    *,
    trained: bool,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """Return what a result file holds.

    Args:
        evaluation: what was done, e.g. linear.
        pretrained: the model that was evaluated.
        store: the data it was evaluated on.
        protocol: name of the protocol.
        split: the sequences of that protocol.
        trained: False where the encoder was reset to learn what it gives untrained.
        config: settings of the evaluation, its seed among them.
        metrics: the numbers.
        seconds: how long it took.
    """
    card = pretrained.card
    return {
        "format": FORMAT,
        "evaluation": evaluation,
        "data_set": store.data_set,
        "data_hash": store.content_hash,
        "protocol": protocol,
        "num_train": len(split.train),
        "num_test": len(split.test),
        "trained": trained,
        "model": {
            key: card[key] for key in ("method", "config", "data_set", "data_hash", "code") if key in card
        },
        "config": dict(config),
        "metrics": dict(metrics),
        "seconds": round(seconds, 2),
        "device": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "code": code_version(),
        "packages": package_versions(),
    }


def write_result(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write a result under ``folder/evaluations`` and return the file's path; an older one is replaced."""
    folder = folder / "evaluations"
    folder.mkdir(parents=True, exist_ok=True)
    start = "trained" if content["trained"] else "untrained"
    seed = content["config"].get("seed", 0)
    name = f"{content['evaluation']}-{content['data_set']}-{content['protocol']}-{start}-seed{seed}.json"
    (folder / name).write_text(json.dumps(content, indent=1) + "\n")
    return folder / name
