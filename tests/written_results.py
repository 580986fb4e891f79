"""Result files for tests, of scores that are made up."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skelact.evaluation.metrics import evaluate_scores
from skelact.results.files import FORMAT, write_result

CLASSES = ["wave", "kick", "bow", "never tested"]


def scores_of(labels: Tensor, predicted: Tensor, num_classes: int = len(CLASSES)) -> Tensor:
    """Return (N, K) scores whose best class is the predicted one."""
    assert labels.shape == predicted.shape
    return torch.nn.functional.one_hot(predicted, num_classes).float()


def write_predictions(
    folder: Path,
    labels: list[int],
    predicted: list[int],
    *,
    seed: int = 0,
    method: str = "mae",
    names: list[str] | None = None,
    with_scores: bool = True,
    **changes: Any,
) -> Path:
    """Write the result file of a method that predicts these classes; ``changes`` replace its entries."""
    truth, told = torch.tensor(labels), torch.tensor(predicted)
    metrics = evaluate_scores(scores_of(truth, told), truth, len(CLASSES))
    names = [f"sequence{number}" for number in range(len(labels))] if names is None else names
    content = {
        "format": FORMAT,
        "evaluation": "linear",
        "data_set": "data",
        "data_hash": "abc",
        "protocol": "xsub",
        "class_names": CLASSES,
        "num_train": 200,
        "num_test": len(labels),
        "trained": True,
        "model": {"method": method, "config": {"training": {"seed": seed}}},
        "config": {"seed": seed},
        "metrics": metrics.to_dict(),
        **changes,
    }
    path = folder / f"{method}-{seed}-{content['evaluation']}-{content['num_train']}"
    return write_result(path, content, names, {"": metrics} if with_scores else None)


def write_share(folder: Path, num_labelled: int, right: int, *, seed: int = 0, **changes: Any) -> Path:
    """Write the result of a training with ``num_labelled`` of 200 labels that is right in ``right`` of 20."""
    subset = {
        "num_sequences": num_labelled,
        "share": num_labelled / 200,
        "seed": seed,
        "hash": f"{seed:064d}",
    }
    labels = [0] * 20
    settings = {"evaluation": "semi", "subset": subset, **changes}
    predicted = [0] * right + [1] * (20 - right)
    return write_predictions(folder, labels, predicted, seed=seed, num_train=num_labelled, **settings)
