"""Class scores of test sequences on disk, beside their result: for ensembles and for paired tests."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skelact.errors import DataError
from skelact.preparation.store import sha256

_SCORES = "scores/"


@dataclass(frozen=True)
class TestScores:
    """What an evaluation thought of every test sequence."""

    __test__ = False  # not a test case, whatever its name makes pytest think

    names: tuple[str, ...]
    """Names of the N test sequences."""
    labels: npt.NDArray[np.int64]
    """(N,) their true classes."""
    scores: Mapping[str, npt.NDArray[np.float32]]
    """(N, K) class scores, by the variant of the evaluation (``k=1``); an empty key where there is one."""


def write_scores(path: Path, scores: TestScores) -> None:
    """Write scores as a compressed .npz."""
    arrays = {f"{_SCORES}{key}": table for key, table in scores.scores.items()}
    np.savez_compressed(path, names=np.array(scores.names, np.str_), labels=scores.labels, **arrays)  # type: ignore[arg-type]


def has_scores(content: Mapping[str, Any]) -> bool:
    """Return whether a result says that its scores lie beside it."""
    return "scores" in content


def read_scores(result_path: Path, content: Mapping[str, Any]) -> TestScores:
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
            return TestScores(tuple(file["names"].tolist()), file["labels"], tables)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: the scores of {result_path.name} cannot be read ({error}); "
            "copy both files, or evaluate again"
        ) from error
