"""What an evaluation found, as it is returned and printed."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from skelact.evaluation.metrics import ClassificationMetrics


@dataclass(frozen=True)
class Result:
    """What an evaluation found; ``print(result)`` shows it as the command does."""

    path: Path
    """The result file."""
    content: Mapping[str, Any]
    """What the file says: numbers, configuration, data, code; all but where its scores lie."""
    text: str
    """The lines that the command prints."""

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        title, *lines = self.text.splitlines() or [""]
        return f"<p><b>{html.escape(title)}</b></p><pre>{html.escape(chr(10).join(lines))}</pre>"

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        """The file's numbers; of an evaluation with several variants (k of kNN) those of the first."""
        metrics: Mapping[str, Any] = self.content["metrics"]
        first = next(iter(metrics.values()), None)
        return first if isinstance(first, Mapping) and "top1" in first else metrics

    @property
    def top1(self) -> float:
        """Share of the test sequences whose own class has the highest score, in [0, 1]."""
        return float(self.metrics["top1"])

    @property
    def mean_class(self) -> float:
        """Mean accuracy over the classes that occur, in [0, 1]."""
        return float(self.metrics["mean_class_accuracy"])

    @property
    def per_class(self) -> dict[str, float | None]:
        """Accuracy of each class by its name; None for a class without test sequences."""
        return dict(zip(self.content["class_names"], self.metrics["per_class"], strict=True))

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """(K, K) number of test sequences by true class (row) and predicted class (column)."""
        return np.array(self.metrics["confusion"], np.int64)


def accuracy_lines(metrics: ClassificationMetrics) -> list[str]:
    """Return the lines that every classification prints."""
    return [
        f"  top-1 {100 * metrics.top1:5.1f} %   mean of classes {100 * metrics.mean_class_accuracy:5.1f} %",
        f"  top-5 {100 * metrics.top5:5.1f} %",
    ]


def mean_line(metrics: Mapping[str, Any]) -> str:
    """Return mean and spread over the folds in one line."""
    parts = [
        f"{title} {100 * metrics[key]:5.1f} ± {100 * metrics['spread'][key]:.1f} %"
        for key, title in (("top1", "top-1"), ("mean_class_accuracy", "mean of classes"))
    ]
    return f"{'   '.join(parts)}   (mean and standard deviation of the folds)"
