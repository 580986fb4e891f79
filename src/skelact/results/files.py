"""Result files: a number never stands alone.

A result is one JSON file. The class scores that it was computed from lie beside it as ``<same name>.npz``:
with them runs can be added up to an ensemble and compared sequence by sequence.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import platform
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch

from skelact.errors import DataError, printable
from skelact.evaluation.metrics import ClassificationMetrics
from skelact.evaluation.settings import RidgeConfig
from skelact.files import (
    checked,
    json_text,
    read_file,
    read_json,
    replacing,
    sha256,
    writing,
)
from skelact.formats.exclusions import error_text
from skelact.limits import check_limit
from skelact.models.pretrained import Pretrained
from skelact.pretraining.identity import IDENTITY, LEFT_OUT, SEEDS, digest
from skelact.provenance import code_version, package_versions
from skelact.results.identity import evaluation_settings, result_identity, result_seeds
from skelact.results.schema import ResultFile
from skelact.store.protocols import Split
from skelact.store.store import Store

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

_SCORES = "scores/"
_WAITS = (0.05, 0.2)
"""Seconds until a result is read again that another process may be replacing."""


@dataclass(frozen=True)
class SequenceScores:
    """What an evaluation thought of every test sequence."""

    names: tuple[str, ...]
    """Names of the N test sequences."""
    labels: npt.NDArray[np.int64]
    """(N,) their true classes."""
    scores: Mapping[str, npt.NDArray[np.float32]]
    """(N, K) class scores, by the variant of the evaluation (``k=1``); an empty key where there is one."""


def write_scores(file: BinaryIO, scores: SequenceScores) -> None:
    """Write scores as a compressed .npz."""
    arrays = {f"{_SCORES}{key}": table for key, table in scores.scores.items()}
    np.savez_compressed(file, names=np.array(scores.names, np.str_), labels=scores.labels, **arrays)  # type: ignore[arg-type]


def has_scores(content: Mapping[str, Any]) -> bool:
    """Return whether a result says that its scores lie beside it."""
    return "scores" in content


def read_scores(result_path: Path, content: Mapping[str, Any]) -> SequenceScores:
    """Read the scores that belong to a result file.

    Args:
        result_path: the result's file.
        content: what it holds, as :func:`read_result` returns it.

    Raises:
        DataError: the result has no scores beside it, or they are not those it was computed from.
    """
    if not has_scores(content):
        raise DataError(f"{result_path}: was written without class scores; evaluate again to have them")
    path = result_path.with_name(content["scores"]["file"])
    data = read_file(path, "scores", "copy both files, or evaluate again")
    if hashlib.sha256(data).hexdigest() != content["scores"]["sha256"]:
        raise DataError(f"{path}: not the scores of {result_path.name}; evaluate again")
    damaged = f"{path}: the scores of {result_path.name} cannot be read"
    try:
        arrays = _arrays(data, str(path))
        found = tuple(printable(name) for name in arrays["names"].tolist())
    except DataError:
        raise
    except Exception as error:  # whatever a damaged archive makes of its readers
        raise DataError(f"{damaged} ({error_text(error)}); evaluate again") from error
    tables = {name: array for name, array in arrays.items() if name.startswith(_SCORES)}
    expected = {"names": ("U", 1), "labels": ("i", 1), **dict.fromkeys(tables, ("f", 2))}
    if {name: (each.dtype.kind, each.ndim) for name, each in arrays.items()} != expected or any(
        len(each) != len(found) for each in arrays.values()
    ):
        raise DataError(f"{damaged} (its arrays do not fit each other); evaluate again")
    scores = {key.removeprefix(_SCORES): table.astype(np.float32) for key, table in tables.items()}
    return SequenceScores(found, arrays["labels"].astype(np.int64), scores)


def _arrays(data: bytes, where: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an .npz file; each as large as its header says, before memory is taken for it."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        check_limit("scores", sum(member.file_size for member in members), where)
        for member in members:
            unpacked = io.BytesIO(archive.read(member))
            if np.lib.format.read_magic(unpacked) != (1, 0):
                raise ValueError("another version of the format")
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(unpacked)
            size, there = dtype.itemsize * math.prod(shape), len(unpacked.getbuffer()) - unpacked.tell()
            if dtype.hasobject or size != there:
                raise ValueError(f"{there:,} bytes, but its header promises {size:,}")
            array = np.frombuffer(unpacked.read(), dtype).reshape(shape, order="F" if is_fortran else "C")
            arrays[member.filename.removesuffix(".npy")] = array
    return arrays


def read_with_scores(path: Path) -> tuple[dict[str, Any], SequenceScores | None]:
    """Read a result file and, where it has any, its scores.

    One that is being replaced by another process just now is read again.

    Raises:
        DataError: either cannot be read, or the scores are not those of the result.
    """
    for wait in (*_WAITS, None):
        content = read_result(path)
        if not has_scores(content):
            break
        try:
            return content, read_scores(path, content)
        except DataError:
            if wait is None:
                raise
            time.sleep(wait)
    return content, None


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
    named = ("method", "config", "init_weights", "data_set", "data_hash", LEFT_OUT, IDENTITY, SEEDS, "code")
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
        **({} if split.left_out is None else {LEFT_OUT: split.left_out.describe()}),
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
    """Return the name of a result's file, without its ending.

    It names what one tries side by side on one run: pooling, balance, clips where they are not usual.
    Other settings, and data of the same name but other content, are kept apart by :func:`write_result`.
    """
    start = "-".join(["trained" if content["trained"] else "untrained", *_ways(content)])
    parts = [content["evaluation"], content["data_set"], content["protocol"]]
    subset = content.get("subset")
    if subset is not None:
        parts.append(f"{subset['num_sequences']}labels-{subset['hash'][:8]}")
    return "-".join([*parts, *_without(content), start, f"seed{content['config'].get('seed', 0)}"])


def result_marks(content: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return what tells a result, whatever its seeds, from others of its data set, protocol and evaluation.

    Args:
        content: of the file.
        path: the file, whose name tells data of the same name but other content apart.
    """
    subset = content.get("subset")
    labels = [] if subset is None else [f"{subset['num_sequences']}labels"]
    endings = (_data_ending(content), _settings_ending(content))
    others = [ending for ending in endings if f"-{ending}-" in f"{path.stem}-"]
    return (*labels, *_without(content), *_ways(content), *others)


def _data_ending(content: Mapping[str, Any]) -> str:
    """Return what ends a file's name where a result of other data has the name without it."""
    return f"data-{content['data_hash'][:8]}"


def _settings_ending(content: Mapping[str, Any]) -> str:
    """Return what ends a file's name where a result with other settings has the name without it."""
    told: Any = evaluation_settings(content)
    if "members" in content["config"]:
        told = {"sum": result_identity(content), "seeds": result_seeds(content)}
    return f"settings-{digest(told)[:8]}"


_TOLD = {"standardise": "standardised", "unlabelled": "unlabelled"}
"""Settings that are on or off, as the names of files tell those that are on."""


def _ways(content: Mapping[str, Any]) -> list[str]:
    """Return pooling, balance, switches of the evaluation, view and length of clips, where not usual."""
    config = content["config"]
    ways = [config.get("pooling", "mean"), f"balance-{config.get('balance', 'none')}"]
    ways += [way for key, way in _TOLD.items() if config.get(key)]
    usual = (RidgeConfig.pooling if content["evaluation"] == "ridge" else "mean", "balance-none")
    made, learned = (table.get("clips", {}) for table in (config, content["model"].get("config", {})))
    if made and learned and made.get("view", "camera") != learned.get("view", "camera"):
        ways.append(made["view"])
    if made and learned and made["num_frames"] != learned["num_frames"]:
        ways.append(f"{made['num_frames']}frames")
    return [way for way in ways if way not in usual]


def _without(content: Mapping[str, Any]) -> list[str]:
    """Return what names the list of sequences left out, where there is one."""
    if LEFT_OUT not in content:
        return []
    return [f"without{content[LEFT_OUT]['num_sequences']}-{content[LEFT_OUT]['sha256'][:8]}"]


def result_files(run: Path) -> list[Path]:
    """Return the result files of a run folder by their names; none where nothing was evaluated.

    Raises:
        DataError: there are evaluations, and they cannot be listed.
    """
    folder = run / FOLDER
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be read ({error.strerror}); check that it is a folder that you may read"
        ) from error
    return [folder / name for name in names if name.endswith(".json")]


def write_result(
    folder: Path,
    content: Mapping[str, Any],
    names: Sequence[str] = (),
    scored: Mapping[str, ClassificationMetrics] | None = None,
    beside: Mapping[str, str] | None = None,
) -> Path:
    """Write a result under ``folder/evaluations`` and return the file's path; an older one is replaced.

    One of other data is not: two stores of a name, as all recordings of one's own have, get a file each; nor
    is one with other settings, nor a sum of other results.

    Of two processes that write the same result at once, the second waits: the files are those of one of them.

    Args:
        folder: the run it belongs to.
        content: the result.
        names: (N,) names of the test sequences, in the order of the scores.
        scored: the metrics whose scores are kept beside the result, by the key that leads to their numbers in
            ``content["metrics"]``; an empty key stands for these numbers themselves.
        beside: further texts of the result, by the endings of their files; they are there before it is.

    Raises:
        DataError: the folder cannot be written.
    """
    folder, content = folder / FOLDER, dict(content)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        path = _path_of(folder, content)
        scores_path = path.with_suffix(".npz")
        # all are on the disk before any takes its place, the result last: a hash in it tells whether scores
        # are its own
        with ExitStack() as stack:
            partial = stack.enter_context(replacing(path))
            for suffix, text in (beside or {}).items():
                stack.enter_context(replacing(path.with_suffix(suffix))).write_bytes(text.encode())
            if scored:
                labels = next(iter(scored.values())).labels
                scores = {key: metrics.scores for key, metrics in scored.items()}
                partial_scores = stack.enter_context(replacing(scores_path))
                with partial_scores.open("wb") as file:
                    write_scores(file, SequenceScores(tuple(names), labels, scores))
                content["scores"] = {"file": scores_path.name, "sha256": sha256(partial_scores)}
            partial.write_text(json_text(content))
        if not scored:
            with writing(scores_path):
                scores_path.unlink(missing_ok=True)
    return path


def _path_of(folder: Path, content: Mapping[str, Any]) -> Path:
    """Return where a result goes: where none of other data is, nor with other settings."""
    path = folder / f"{result_name(content)}.json"
    before = _readable(path)
    if before is not None and before["data_hash"] != content["data_hash"]:
        path = path.with_stem(f"{path.stem}-{_data_ending(content)}")
        before = _readable(path)
    if before is not None and _settings_ending(before) != _settings_ending(content):
        path = path.with_stem(f"{path.stem}-{_settings_ending(content)}")
    return path


def _readable(path: Path) -> dict[str, Any] | None:
    """Return what a result file holds; None where there is none, or a damaged one, which is replaced."""
    try:
        return read_result(path) if path.is_file() else None
    except DataError:
        return None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process holds ``folder``, and hold it; the lock ends with the process.

    Where the system or the disk has no such locks, the hash of the scores still tells mixed files.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_result(path: Path) -> dict[str, Any]:
    """Read a result file.

    Raises:
        DataError: it cannot be read, is no result file, or has a value of another type; the message names the
            place.
    """
    content = read_json(path, "give the path of a result file, as evaluations write them")
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise DataError(
            f"{path}: format {printable(repr(found))[:60]}, expected {FORMAT!r}: a file of 'skelact evaluate'"
        )
    checked(content, ResultFile, str(path), "the file is damaged, evaluate again")
    names = content.get("class_names")
    return content if names is None else {**content, "class_names": [printable(name) for name in names]}
