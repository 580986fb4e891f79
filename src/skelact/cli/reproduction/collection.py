"""The result of a cell is copied from its run folder to where the results of all cells are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skelact.errors import DataError
from skelact.evaluation.score_files import has_scores


def collect(found: Path, content: Mapping[str, Any], to: Path) -> Path:
    """Copy a result file, and the scores beside it, and return the copy's path.

    Args:
        found: the result file.
        content: what it holds.
        to: its new path.

    Raises:
        DataError: the scores that it names are not there, or the copy cannot be written.
    """
    copied = dict(content)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if has_scores(content):
            scores = to.with_suffix(".npz")
            shutil.copyfile(found.with_name(content["scores"]["file"]), scores)
            copied["scores"] = {**content["scores"], "file": scores.name}
        partial = to.with_suffix(".partial")
        partial.write_text(json.dumps(copied, indent=1) + "\n")
        partial.replace(to)
    except OSError as error:
        raise DataError(
            f"{found} cannot be copied to {to} ({error.strerror or error}: {error.filename}); "
            "if its scores are missing, remove it and run the same command again"
        ) from error
    return to
