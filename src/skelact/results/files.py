"""Result files: a number never stands alone.

A result is one JSON file. The class scores that it was computed from lie beside it as ``<same name>.npz``:
with them runs can be added up to an ensemble and compared sequence by sequence.
"""

from __future__ import annotations

import platform
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from skelact.errors import DataError
from skelact.evaluation.metrics import ClassificationMetrics
from skelact.files import read_json, sha256, write_json
from skelact.models.pretrained import Pretrained
from skelact.pretraining.identity import IDENTITY, SEEDS
from skelact.provenance import code_version, package_versions
from skelact.results.identity import result_identity, result_seeds
from skelact.store.protocols import Split
from skelact.store.store import Store

_SCORES = "scores/"


@dataclass(frozen=True)
class SequenceScores:
    """What an evaluation thought of every test sequence."""

    names: tuple[str, ...]
    """Names of the N test sequences."""
    labels: npt.NDArray[np.int64]
    """(N,) their true classes."""
    scores: Mapping[str, npt.NDArray[np.float32]]
    """(N, K) class scores, by the variant of the evaluation (``k=1``); an empty key where there is one."""


def write_scores(path: Path, scores: SequenceScores) -> None:
    """Write scores as a compressed .npz."""
    arrays = {f"{_SCORES}{key}": table for key, table in scores.scores.items()}
    np.savez_compressed(path, names=np.array(scores.names, np.str_), labels=scores.labels, **arrays)  # type: ignore[arg-type]


def has_scores(content: Mapping[str, Any]) -> bool:
    """Return whether a result says that its scores lie beside it."""
    return "scores" in content


def read_scores(result_path: Path, content: Mapping[str, Any]) -> SequenceScores:
    """Read the scores that belong to a result file.

    Args:
        result_path: the result's file.
        content: what it holds.

    Raises:
        DataError: the result has no scores beside it, or they are not those it was computed from.
    """
    if not has_scores(content):
        raise DataError(f"{result_path}: was written without class scores; evaluate again to have them")
    path = result_path.with_name(str(content["scores"]["file"]))
    try:
        if sha256(path) != content["scores"]["sha256"]:
            raise DataError(f"{path}: not the scores of {result_path.name}; evaluate again")
        with np.load(path, allow_pickle=False) as file:
            tables = {key.removeprefix(_SCORES): file[key] for key in file.files if key.startswith(_SCORES)}
            return SequenceScores(tuple(file["names"].tolist()), file["labels"], tables)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: the scores of {result_path.name} cannot be read ({error}); "
            "copy both files, or evaluate again"
        ) from error


FORMAT = "skelact-result-1"
FOLDER = "evaluations"


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
    device: torch.device | None = None,
    subset: Mapping[str, Any] | None = None,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return what a result file holds.

    Args:
        evaluation: what was done, e.g. linear.
        pretrained: the model that was evaluated.
        store: the data it was evaluated on.
        protocol: name of the protocol.
        split: the sequences that trained and tested.
        trained: False where the encoder was left untrained, to learn what it gives so.
        config: settings of the evaluation, its seed among them.
        metrics: the numbers.
        seconds: how long it took.
        device: where it was computed; default: the CPU.
        subset: what describes the labelled sequences, where not the whole training side was used.
        class_names: what the classes of the numbers are called; default: the store's.
    """
    card = pretrained.card
    named = ("method", "config", "init_weights", "data_set", "data_hash", IDENTITY, SEEDS, "code")
    content = {
        "format": FORMAT,
        "evaluation": evaluation,
        "data_set": store.data_set,
        "data_hash": store.content_hash,
        "protocol": protocol,
        "class_names": store.class_names if class_names is None else list(class_names),
        "num_train": len(split.train),
        "num_test": len(split.test),
        **({"num_unlabelled": list(split.num_unlabelled)} if any(split.num_unlabelled) else {}),
        **({} if subset is None else {"subset": dict(subset)}),
        "trained": trained,
        "model": {key: card[key] for key in named if key in card},
        "config": dict(config),
        "metrics": dict(metrics),
        **computed(seconds, device),
    }
    return with_identity(content)


def with_identity(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result's content with its identity and its seeds."""
    return {**content, IDENTITY: result_identity(content), SEEDS: result_seeds(content)}


def computed(seconds: float, device: torch.device | None = None) -> dict[str, Any]:
    """Return what a result file says of the machine and the code."""
    return {
        "seconds": round(seconds, 2),
        "device": describe_device(device),
        "code": code_version(),
        "packages": package_versions(),
    }


def describe_device(device: torch.device | None = None) -> str:
    """Return the name of the GPU, or the CPU's kind and the number of threads."""
    if device is not None and device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device is not None and device.type != "cpu":
        return device.type
    return f"{platform.machine()}, {torch.get_num_threads()} threads"


def result_name(content: Mapping[str, Any]) -> str:
    """Return the name of a result's file, without its ending."""
    start = "trained" if content["trained"] else "untrained"
    parts = [content["evaluation"], content["data_set"], content["protocol"]]
    subset = content.get("subset")
    if subset is not None:
        parts.append(f"{subset['num_sequences']}labels-{subset['hash'][:8]}")
    return "-".join([*parts, start, f"seed{content['config'].get('seed', 0)}"])


def write_result(
    folder: Path,
    content: Mapping[str, Any],
    names: Sequence[str] = (),
    scored: Mapping[str, ClassificationMetrics] | None = None,
) -> Path:
    """Write a result under ``folder/evaluations`` and return the file's path; an older one is replaced.

    Args:
        folder: the run it belongs to.
        content: the result.
        names: (N,) names of the test sequences, in the order of the scores.
        scored: the metrics whose scores are kept beside the result, by the key that leads to their numbers in
            ``content["metrics"]``; an empty key stands for these numbers themselves.

    Raises:
        DataError: the folder cannot be written.
    """
    folder, content = folder / FOLDER, dict(content)
    path = folder / f"{result_name(content)}.json"
    beside = path.with_suffix(".npz")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # never a result beside another one's scores
        if scored:
            labels = next(iter(scored.values())).labels
            scores = {key: metrics.scores for key, metrics in scored.items()}
            write_scores(beside, SequenceScores(tuple(names), labels, scores))
            content["scores"] = {"file": beside.name, "sha256": sha256(beside)}
        else:
            beside.unlink(missing_ok=True)
        write_json(path, content, "is the disk full?")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); is the disk full?"
        ) from error
    return path


def read_result(path: Path) -> dict[str, Any]:
    """Read a result file.

    Raises:
        DataError: it cannot be read, or is no result file.
    """
    content = read_json(path, "give the path of a result file, as evaluations write them")
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise DataError(f"{path}: format {found!r}, expected {FORMAT!r}: a file of 'skelact evaluate'")
    needed = ("evaluation", "data_set", "data_hash", "protocol", "trained", "model", "config", "metrics")
    missing = [key for key in needed if key not in content]
    if missing:
        raise DataError(f"{path}: has no {missing[0]!r}; the file is incomplete, evaluate again")
    return dict(content)
