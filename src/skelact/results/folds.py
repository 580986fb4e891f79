"""The results of a protocol's folds as one: the mean over them, their spread, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skelact.errors import DataError
from skelact.evaluation.metrics import ClassificationMetrics, evaluate_scores
from skelact.pretraining.identity import IDENTITY, LEFT_OUT, SEEDS, digest
from skelact.results.files import FORMAT, computed, read_result, read_scores, write_result

AVERAGED = ("top1", "top5", "mean_class_accuracy", "mean_average_precision")
"""Numbers of which a result of several folds gives the mean over the folds."""
SAME = ("evaluation", "data_set", "data_hash", "class_names", "trained", "config")
"""What the folds' results have in common."""


def join_folds(protocol: str, paths: Sequence[Path], folder: Path) -> tuple[Path, dict[str, Any]]:
    """Write the result of a protocol from those of its folds.

    In its metrics, :data:`AVERAGED` are means over the folds and ``spread`` their standard deviations;
    accuracies by class and the confusion are those of the test sequences of all folds together. ``num_train``
    is the mean over the folds, ``num_test`` their sum. Under ``folds`` stands what each fold's result says.

    Args:
        protocol: name of the protocol that has the folds.
        paths: each fold's result file, of one evaluation with the same settings.
        folder: the run folder that gets it.

    Returns:
        The path and the content.

    Raises:
        DataError: a file that is no result or has no class scores, results of other evaluations, settings or
            data, or a folder that cannot be written.
    """
    folds = [read_result(path) for path in paths]
    first = folds[0]
    for path, fold in zip(paths, folds, strict=True):
        for key in SAME:
            if fold[key] != first[key]:
                raise DataError(f"{path}: another {key} than in {paths[0]}; evaluate all folds alike")
    scores = list(map(read_scores, paths, folds))
    pooled = {
        key: evaluate_scores(
            torch.from_numpy(np.concatenate([each.scores[key] for each in scores])),
            torch.from_numpy(np.concatenate([each.labels for each in scores])),
            len(first["class_names"]),
        )
        for key in scores[0].scores
    }
    numbers = {
        key: mean_of_folds(metrics, [fold["metrics"][key] if key else fold["metrics"] for fold in folds])
        for key, metrics in pooled.items()
    }
    seeds = [fold[SEEDS] for fold in folds]
    content = {
        "format": FORMAT,
        **{key: first[key] for key in SAME},
        "protocol": protocol,
        "num_train": round(np.mean([fold["num_train"] for fold in folds])),
        "num_test": sum(fold["num_test"] for fold in folds),
        "model": first["model"],
        "metrics": numbers.get("", numbers),
        "folds": list(map(_described, paths, folds)),
        **computed(sum(fold["seconds"] for fold in folds)),
        "device": first["device"],
        IDENTITY: digest({"folds": [fold[IDENTITY] for fold in folds]}),
        SEEDS: seeds[0] if seeds.count(seeds[0]) == len(seeds) else [seed for each in seeds for seed in each],
    }
    names = [name for each in scores for name in each.names]
    return write_result(folder, content, names, pooled), content


def mean_of_folds(pooled: ClassificationMetrics, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the numbers of a result over folds: means and ``spread``, by class those of all sequences.

    Args:
        pooled: the metrics of the test sequences of all folds.
        folds: each fold's numbers.
    """
    columns = {key: [fold[key] for fold in folds] for key in AVERAGED if key in folds[0]}
    return {
        **pooled.to_dict(),
        **{key: float(np.mean(column)) for key, column in columns.items()},
        "spread": {key: float(np.std(column, ddof=1)) for key, column in columns.items()},
    }


def _described(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a joint result keeps of a fold's: all but its tables, and of the model who it is."""
    keys = ("protocol", "num_train", "num_test", "num_unlabelled", "subset", LEFT_OUT, IDENTITY, SEEDS)
    kept: dict[str, Any] = {"file": str(path), **{key: content[key] for key in keys if key in content}}
    return {**kept, "metrics": without_tables(content["metrics"])}


def without_tables(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result's numbers without those by class."""
    return {
        key: without_tables(value) if isinstance(value, Mapping) else value
        for key, value in metrics.items()
        if not isinstance(value, list)
    }
