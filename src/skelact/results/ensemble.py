"""Ensembles: the class scores of several runs added up, as for the joint, bone and motion streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skelact.errors import ConfigurationError, DataError
from skelact.evaluation.metrics import ClassificationMetrics, evaluate_scores
from skelact.files import checked
from skelact.pretraining.identity import IDENTITY, SEEDS
from skelact.results.files import (
    FOLDER,
    FORMAT,
    SequenceScores,
    computed,
    has_scores,
    read_result,
    read_with_scores,
    with_identity,
)
from skelact.results.folds import mean_of_folds, without_tables
from skelact.results.identity import result_identity, result_seeds
from skelact.results.schema import Accuracies, Sizes

MOST_WEIGHT = 1e6
"""Largest weight of a result in a sum."""
SAME = ("evaluation", "data_hash", "protocol", "num_train")
"""What all results of an ensemble have in common; their labelled and their test sequences besides."""
DESCRIBES = ("evaluation", "trained", "model", "config", "subset", IDENTITY, SEEDS)
"""What an ensemble's result keeps of its members': all that says what they are results of."""


@dataclass(frozen=True)
class Member:
    """A result whose scores are added."""

    path: Path
    content: Mapping[str, Any]
    scores: SequenceScores


def find_member(run: Path, evaluation: str | None = None) -> Member:
    """Return the result that ``run`` stands for: a result file, or the only one of its kind in a run folder.

    Args:
        run: a result file or a run folder.
        evaluation: the kind of result that is wanted, e.g. linear; None: of a file its own, in a run folder
            linear.

    Raises:
        DataError: the file cannot be read or has no scores, or the folder has no such result.
        ConfigurationError: the folder has several, or the file is of another kind.
    """
    if run.is_file():
        member = _member(run)
        if evaluation not in (None, member.content["evaluation"]):
            raise ConfigurationError(
                f"{run}: a result of {member.content['evaluation']}, but --evaluation is {evaluation}; "
                "leave --evaluation out, or give results of it"
            )
        return member
    evaluation = evaluation or "linear"
    found = []
    for path in sorted((run / FOLDER).glob("*.json")):
        content = read_result(path)
        if content["evaluation"] == evaluation and content["trained"] and has_scores(content):
            found.append(_member(path))
    if not found:
        raise DataError(
            f"{run}: no result of 'skelact evaluate {evaluation}' with scores; evaluate the run first, "
            "or give a result file"
        )
    if len(found) > 1:
        names = ", ".join(member.path.name for member in found)
        raise ConfigurationError(f"{run}: {len(found)} results ({names}); give the file of one of them")
    return found[0]


def _member(path: Path) -> Member:
    content, scores = read_with_scores(path)
    if scores is None:
        raise DataError(f"{path}: was written without class scores; evaluate again to have them")
    if "" in scores.scores:
        checked(content, Sizes, str(path), "the file is damaged, evaluate again")
        checked(content["metrics"], Accuracies, f"{path}: metrics", "the file is damaged, evaluate again")
    return Member(path, content, scores)


def combine(members: Sequence[Member], weights: Sequence[float] | None = None) -> ClassificationMetrics:
    """Add the members' class scores and compare the sums with the truth.

    Args:
        members: two or more results.
        weights: one for each member; default: 1 each.

    Raises:
        ConfigurationError: fewer than two members, other than one weight for each, a weight that is not
            positive, a result given twice, or results that do not belong together.
        DataError: results of different test sequences, or with several tables of scores.
    """
    if len(members) < 2:
        raise ConfigurationError(f"an ensemble of {len(members)} results: expected two or more")
    weights = [1.0] * len(members) if weights is None else list(weights)
    if len(weights) != len(members) or not all(0 < weight <= MOST_WEIGHT for weight in weights):
        raise ConfigurationError(
            f"weights {weights}: expected one above 0, up to {MOST_WEIGHT:g}, for each of the {len(members)} "
            "results"
        )
    first = members[0]
    places: dict[Any, Path] = {}
    for member in members:
        _check_same(first, member)
        content = member.content
        told = content["scores"]["sha256"], result_identity(content), tuple(result_seeds(content))
        if told in places:
            raise ConfigurationError(
                f"{member.path}: the same result as {places[told]}; give each once, with --weights where one "
                "counts more"
            )
        places[told] = member.path
    total = sum(
        weight * torch.from_numpy(member.scores.scores[""]).double()
        for weight, member in zip(weights, members, strict=True)
    )
    assert isinstance(total, torch.Tensor)
    return evaluate_scores(total, torch.from_numpy(first.scores.labels), total.shape[1])


def _check_same(first: Member, member: Member) -> None:
    if list(member.scores.scores) != [""]:
        raise DataError(
            f"{member.path}: holds several tables of scores ({', '.join(member.scores.scores)}); "
            "ensembles take evaluations with one"
        )
    for key in SAME:
        ours, other = first.content[key], member.content[key]
        if ours != other:
            raise ConfigurationError(
                f"{member.path}: {key} is {other}, but {ours} in {first.path}; evaluate both alike"
            )
    if _labelled(member) != _labelled(first):
        raise ConfigurationError(
            f"{member.path}: learned from other labels than {first.path}; evaluate both with one --subset"
        )
    if (
        _fold_sizes(member) != _fold_sizes(first)
        or member.scores.names != first.scores.names
        or (member.scores.labels != first.scores.labels).any()
    ):
        raise DataError(f"{member.path}: other test sequences than in {first.path}; evaluate both alike")
    shapes = [each.scores.scores[""].shape for each in (first, member)]
    if shapes[0] != shapes[1]:
        raise DataError(f"{member.path}: scores of shape {shapes[1]}, but {shapes[0]} in {first.path}")


def _labelled(member: Member) -> str | None:
    """Return the hash of the sequences that had labels; None where all of the training side had."""
    subset = member.content.get("subset")
    return None if subset is None else str(subset["hash"])


def _fold_sizes(member: Member) -> list[int]:
    """Return how many test sequences each fold has, in the order of the scores; none without folds.

    Raises:
        DataError: together they have others than there are scores.
    """
    sizes = [fold["num_test"] for fold in member.content.get("folds", [])]
    if sizes and sum(sizes) != len(member.scores.labels):
        raise DataError(
            f"{member.path}: its folds have {sum(sizes)} test sequences, but there are scores of "
            f"{len(member.scores.labels)}; the file is damaged, evaluate again"
        )
    return sizes


def _numbers(member: Member, metrics: ClassificationMetrics) -> dict[str, Any]:
    """Return the metrics of a result of a member's test sequences; over folds means, and each fold's."""
    if not (sizes := _fold_sizes(member)):
        return {"metrics": metrics.to_dict()}
    ends = np.cumsum(sizes)[:-1]
    parts = zip(np.split(metrics.scores, ends), np.split(metrics.labels, ends), strict=True)
    numbers = [
        evaluate_scores(torch.from_numpy(scores), torch.from_numpy(labels), scores.shape[1]).to_dict()
        for scores, labels in parts
    ]
    told = ("protocol", "num_train", "num_test")
    folds = [
        {**{key: fold[key] for key in told if key in fold}, "metrics": without_tables(of_fold)}
        for fold, of_fold in zip(member.content["folds"], numbers, strict=True)
    ]
    return {"metrics": mean_of_folds(metrics, numbers), "folds": folds}


def ensemble_result(
    members: Sequence[Member], weights: Sequence[float], metrics: ClassificationMetrics, seconds: float
) -> dict[str, Any]:
    """Return what the result file of an ensemble holds."""
    first = members[0].content
    seeds = {int(member.content["config"].get("seed", 0)) for member in members}
    content = {
        "format": FORMAT,
        "evaluation": f"ensemble-{first['evaluation']}",
        **{key: first[key] for key in ("data_set", "data_hash", "protocol", "num_train", "num_test")},
        **{key: first[key] for key in ("class_names",) if key in first},  # older results have none
        "trained": all(member.content["trained"] for member in members),
        "model": {"method": "+".join(describe_member(member) for member in members)},
        "config": {
            "seed": min(seeds),
            "weights": list(weights),
            "members": [
                {
                    "file": str(member.path),
                    "stream": describe_member(member),
                    "seed": member.content["config"].get("seed", 0),
                    "top1": member.content["metrics"]["top1"],
                    "scores_sha256": member.content["scores"]["sha256"],
                    "result": {key: member.content[key] for key in DESCRIBES if key in member.content},
                }
                for member in members
            ],
        },
        **_numbers(members[0], metrics),
        **computed(seconds),
    }
    return with_identity(content)


def describe_member(member: Member) -> str:
    """Return the method and the stream of a member, e.g. ``stjd-cl bone``."""
    model = member.content["model"]
    clips = model.get("config", {}).get("clips", {})
    start = "" if member.content["trained"] else "untrained "
    return f"{start}{model.get('method', 'unknown')} {clips.get('stream', '')}".strip()
