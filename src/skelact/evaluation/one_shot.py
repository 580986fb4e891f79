"""One-shot recognition: novel actions, one example of each; the nearest example gives the action.

On NTU RGB+D 120 the actions and the examples are the published ones (Liu et al., TPAMI 2020): A1, A7, A13,
... A115, each shown once by performer 8 to camera 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.nn import functional as F

from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError, suggest
from skelact.evaluation.features import extract_features
from skelact.evaluation.knn import check_features
from skelact.evaluation.metrics import ClassificationMetrics, evaluate_scores
from skelact.models.backbone import Backbone, frozen
from skelact.models.pretrained import Pretrained
from skelact.store.store import Store

NTU_120_ACTIONS = range(1, 116, 6)

SEEN_BEFORE = (
    "the encoder met sequences of this data set, perhaps of the novel actions, in pre-training: unlabelled"
)


@dataclass(frozen=True)
class OneShotTask:
    """What is shown and what is asked."""

    novel: tuple[str, ...]
    """Names of the K novel classes; a label of this task is a place here."""
    examples: np.ndarray[Any, np.dtype[np.int64]]
    """(K,) the sequence of the store that shows each."""
    queries: np.ndarray[Any, np.dtype[np.int64]]
    """(Q,) all other sequences of these classes, in the store's order."""
    labels: np.ndarray[Any, np.dtype[np.int64]]
    """(Q,) their classes, in [0, K)."""
    choice: str
    """How the examples were chosen, in words."""


def one_shot_task(
    store: Store, novel: Sequence[str] | None = None, examples: Sequence[str] | None = None
) -> OneShotTask:
    """Choose the novel classes and their examples.

    Args:
        store: the data set.
        novel: names of the novel classes; by default those of NTU RGB+D 120, on that data set alone.
        examples: names of one sequence of each novel class; by default the published ones where the novel
            classes are, otherwise the first of each class by name.

    Raises:
        ConfigurationError: no classes are given on another data set than NTU RGB+D 120, a class or sequence
            that the store does not have, or examples that are not one of each class.
        DataError: a class without an example, or nothing left to ask.
    """
    names, classes = store.names, store.class_names
    place_of = {name: place for place, name in enumerate(names)}
    published = novel is None
    if novel is None:
        if store.data_set != "ntu120":
            raise ConfigurationError(
                f"{store.path}: {store.data_set} has no published one-shot protocol; name the novel classes, "
                f"""e.g. --novel '["{classes[0]}", "{classes[-1]}"]'"""
            )
        novel = [classes[action - 1] for action in NTU_120_ACTIONS]
    for name in novel:
        if name not in classes:
            raise ConfigurationError(f"{store.path}: no class {name!r}{suggest(name, classes)}")
    if len(set(novel)) != len(novel) or len(novel) < 2:
        raise ConfigurationError(f"{len(novel)} novel classes: expected at least 2, each named once")
    labels = np.asarray(store.labels)
    own = {name: np.flatnonzero(labels == classes.index(name)) for name in novel}
    choice = "given"
    if examples is None and published:
        examples, choice = [ntu_120_example(action) for action in NTU_120_ACTIONS], "published"
    elif examples is None:
        for name, places in own.items():
            if not len(places):
                raise DataError(f"{store.path}: no sequence of the novel class {name!r}; leave it out")
        examples = [min(names[place] for place in places) for places in own.values()]
        choice = "first of each class by name"
    for name in examples:
        if name not in place_of:
            raise DataError(
                f"{store.path}: the example {name!r} is not among its {len(names)} sequences; "
                "prepare it too, or give other --examples"
            )
    shown = {int(labels[place_of[name]]): place_of[name] for name in examples}
    if sorted(shown) != sorted(classes.index(name) for name in novel) or len(examples) != len(novel):
        raise ConfigurationError(
            f"{len(examples)} examples: expected one of each of {len(novel)} novel classes"
        )
    chosen = np.array([shown[classes.index(name)] for name in novel], np.int64)
    task_label = np.full(len(classes) + 1, -1, np.int64)  # the last entry is that of label -1
    task_label[[classes.index(name) for name in novel]] = np.arange(len(novel))
    queries = np.setdiff1d(np.flatnonzero(task_label[labels] >= 0), chosen)
    if not len(queries):
        raise DataError(f"{store.path}: beside the examples there is no sequence of the novel classes")
    return OneShotTask(tuple(novel), chosen, queries, task_label[labels[queries]], choice)


def ntu_120_example(action: int) -> str:
    """Return the published example of an NTU RGB+D 120 action; the later actions are in the later setups."""
    return f"S{1 if action <= 60 else 18:03d}C003P008R001A{action:03d}"


def evaluate_one_shot(
    encoder: Backbone,
    source: ClipSource,
    task: OneShotTask,
    *,
    fabric: Fabric | None = None,
    title: str = "",
) -> ClassificationMetrics:
    """Give every query the class of the nearest example, by cosine; nothing is trained.

    Args:
        encoder: the representation; it is not changed.
        source: where the clips come from.
        task: examples and queries.
        fabric: the processes that share the clips; default: this one does it all.
        title: what the progress line on a terminal calls it; none without a title.

    Returns:
        The accuracies over the novel classes.

    Raises:
        DataError: a feature that is not finite.
    """
    with frozen(encoder, source.device):
        examples, _ = extract_features(encoder, source, task.examples)
        queries, _ = extract_features(encoder, source, task.queries, fabric=fabric, title=title)
    check_features(examples, torch.arange(len(examples)), queries)
    scores = F.normalize(queries, dim=1) @ F.normalize(examples, dim=1).T
    return evaluate_scores(scores, torch.from_numpy(task.labels), len(task.novel))


def refuse_labelled(run: str, pretrained: Pretrained, task: OneShotTask) -> None:
    """Raise ConfigurationError where the encoder has been trained with labels of a novel class."""
    known = set(pretrained.card.get("class_names", ())) & set(task.novel)
    if known:
        raise ConfigurationError(
            f"{run}: was trained with labels of {len(known)} novel classes (one is {min(known)!r}), "
            "which are then not novel; give a run of 'skelact pretrain'"
        )
