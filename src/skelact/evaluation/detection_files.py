"""Detections on disk: a table that other scorers can read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from skelact.errors import DataError
from skelact.evaluation.detection_metrics import Detection


def write_detections(path: Path, detections: Sequence[Detection]) -> None:
    """Write a CSV like a store's ``intervals.csv``, with the confidence, by recording and start.

    Raises:
        DataError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(each.name for each in fields(Detection))
            table.writerows(map(astuple, sorted(detections)))
        partial.replace(path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); is the disk full?"
        ) from error
